#!/usr/bin/env bash
# OpenLLMetry: after one awaited call of a LangChain model, no call that the application makes of a model by itself is traced any more, in that task.
#
# Packages: opentelemetry-instrumentation-langchain 0.62.4, opentelemetry-instrumentation-openai 0.62.4, langchain-openai 1.7.4, langchain 1.5.2,
#           openai 3.57.0, opentelemetry-sdk 1.45.2.
#
# Expected: an application that asks LangChain's model, and then OpenAI's client itself, has a span of each call, in any order.
# Happens:  where LangChain calls a model the instrumentation puts "suppress" into the current Context, so that the instrumentation of the client
#           below does not make a second span of the same call, and takes it out again when the call is over. LangChain tells a callback
#           of an awaited call in the task at its start, and in another one at its end: what is taken out there is a copy. In the task of
#           the caller the mark stays, for good, and each task that is started from there inherits it. OpenLLMetry's instrumentations of
#           OpenAI (chat), Anthropic, Groq, Mistral, Cohere, Ollama and Together obey it (that of OpenAI is run here), and say nothing.
#           The same call without `await` is right, and so is one in a task of its own.
#
# Output (2026-12-01):
#   without LangChain:            0 span of LangChain's call, 4 of the 4 calls behind it
#   invoke:                       1 span of LangChain's call, 4 of the 4 calls behind it
#   await ainvoke:                1 span of LangChain's call, 0 of the 4 calls behind it
#   astream, read to its end:     1 span of LangChain's call, 0 of the 4 calls behind it
#   ainvoke in a task of its own: 1 span of LangChain's call, 4 of the 4 calls behind it
#   as stated: behind an awaited call of LangChain's model the calls of the same task are not traced
#
# For users of sessions: a websocket or a worker that serves one conversation in one task has its first call of a model in the session and not the
#           next ones; the turn is there, and its tokens and its words are not.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect": a block of `set_session` for each turn takes
#           the mark away at its end.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!OPENAI_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}" "${!TRACELOOP_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-instrumentation-langchain==0.62.4 opentelemetry-instrumentation-openai==0.62.4 langchain-openai==1.7.4 \
    langchain==1.5.2 openai==3.57.0 opentelemetry-sdk==1.45.2

cat >"$folder/chat.py" <<'PYTHON'
import asyncio
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, OpenAI
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

CHOICE = {"index": 0, "message": {"role": "assistant", "content": "On Friday."}, "finish_reason": "stop"}
USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [CHOICE], "usage": USAGE}
PIECE = ANSWER | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": CHOICE["message"], "finish_reason": "stop"}]}
QUESTION = [{"role": "user", "content": "When?"}]


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        stream = asked.get("stream", False)
        content = (f"data: {json.dumps(PIECE)}\n\ndata: [DONE]\n\n" if stream else json.dumps(ANSWER)).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if stream else "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
where = {"api_key": "stand-in", "base_url": f"http://127.0.0.1:{server.server_port}/v1"}
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
LangchainInstrumentor().instrument(tracer_provider=provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)
model, client, waiting = ChatOpenAI(model="gpt-4o", **where), OpenAI(**where), AsyncOpenAI(**where)


def directly():
    client.chat.completions.create(model="gpt-4o", messages=QUESTION)


async def awaiting():
    await waiting.chat.completions.create(model="gpt-4o", messages=QUESTION)


async def without_langchain():
    """Ask nothing first."""


async def invoked():
    model.invoke("When?")


async def awaited():
    await model.ainvoke("When?")


async def streamed():
    async for _ in model.astream("When?"):
        pass


async def in_own_task():
    await asyncio.create_task(model.ainvoke("When?"))


async def turn(label, first, expected):
    """Ask LangChain, then four times without it, as one conversation in one task does."""
    exporter.clear()
    await first()
    directly()
    await awaiting()
    await asyncio.create_task(awaiting())
    await asyncio.to_thread(directly)
    names = [span.name for span in exporter.get_finished_spans()]
    seen = names.count("ChatOpenAI.chat"), names.count("openai.chat")
    print(f"{label + ':':29} {seen[0]} span of LangChain's call, {seen[1]} of the 4 calls behind it")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}, and there are {names}")


async def chat():
    for label, first, expected in (
        ("without LangChain", without_langchain, (0, 4)),
        ("invoke", invoked, (1, 4)),
        ("await ainvoke", awaited, (1, 0)),
        ("astream, read to its end", streamed, (1, 0)),
        ("ainvoke in a task of its own", in_own_task, (1, 4)),
    ):
        await asyncio.create_task(turn(label, first, expected))


asyncio.run(chat())
PYTHON
timeout 60 "$folder/bin/python" "$folder/chat.py"
echo "as stated: behind an awaited call of LangChain's model the calls of the same task are not traced"
