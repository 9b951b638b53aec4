#!/usr/bin/env bash
# Semantic Kernel: a stream is left early, and the next run, of another user, is below the call of a model of the one that was left.
#
# Packages: semantic-kernel 1.45.0, opentelemetry-sdk 1.45.2.
#
# Expected: `break` in `async for` over `agent.invoke_stream(...)` ends that run. The next run of the same task begins a trace.
# Happens:  the next run's `invoke_agent` is a child of the `chat` of the stream that was left, and all of it is in that trace. The spans
#           are current in the task while a generator is suspended, and a generator that was left is closed elsewhere, where
#           that can't be undone. Nothing is raised; "Failed to detach context" is logged. With `aclosing` around the stream it is closed
#           in the task that reads it, and the next run begins a trace.
#
# Output (2026-11-30):
#   read to the end:                       above the second run: None, traces: 2
#   left early:                            above the second run: chat m, traces: 1
#   left early, closed there:              above the second run: None, traces: 2
#   left early, inside a block of OTel's:  above the second run: None, traces: 2
#   as stated: the run after a stream that was left early is below that stream
#
# For users of sessions: the trace has two users' words in it, and everything that goes by traces (a page, a sampler, a session that is that
#           of the root) gives the second run to the first user. It takes one person who presses "stop", in a worker or in
#           the handler of a WebSocket, whose task goes on.
# Here:     a block of `set_session` ends where it ends, and what was current around it is current again: put one around each run,
#           docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect".
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!SEMANTICKERNEL_@}" "${!OPENAI_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check semantic-kernel==1.45.0 opentelemetry-sdk==1.45.2

cat >"$folder/worker.py" <<'PYTHON'
import asyncio
import json
import logging
import sys
import threading
from contextlib import aclosing, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer

from openai import AsyncOpenAI
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion

logging.disable(logging.CRITICAL)
label, how, expected = sys.argv[1:]
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in ("On", " Friday", "."):
            choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


async def run(agent, question, *, is_left):
    updates = agent.invoke_stream(question)
    async with aclosing(updates) if how == "closed" else nullcontext():
        async for _ in updates:
            if is_left:
                break


async def main():
    server = HTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = AsyncOpenAI(base_url=f"http://127.0.0.1:{server.server_address[1]}", api_key="none")
    agent = ChatCompletionAgent(service=OpenAIChatCompletion(ai_model_id="m", async_client=client), name="helper")
    token = context.attach(context.get_current())
    await run(agent, "of the first user", is_left=how != "to the end")
    if how == "in a block":
        context.detach(token)
    await run(agent, "of the second user", is_left=False)


asyncio.run(main())
spans = exporter.get_finished_spans()
names = {span.context.span_id: span.name for span in spans}
(second,) = [span for span in spans if "of the second user" in span.attributes.get("gen_ai.input.messages", "")]
above = names.get(second.parent.span_id, "of no exported span") if second.parent else None
said = f"above the second run: {above}, traces: {len({span.context.trace_id for span in spans})}"
print(f"{label:38} {said}")
if said != expected:
    sys.exit(f"no longer as stated: expected {expected}")
PYTHON

export NO_PROXY=127.0.0.1 SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true
ask() { "$folder/bin/python" "$folder/worker.py" "$@"; }
ask 'read to the end:' 'to the end' 'above the second run: None, traces: 2'
ask 'left early:' 'left' 'above the second run: chat m, traces: 1'
ask 'left early, closed there:' 'closed' 'above the second run: None, traces: 2'
ask "left early, inside a block of OTel's:" 'in a block' 'above the second run: None, traces: 2'
echo "as stated: the run after a stream that was left early is below that stream"
