#!/usr/bin/env bash
# LangChain: where a server tells the usage so far with each piece of a stream, these are added up: an answer of 10 pieces has 11 times its input tokens.
#
# Packages: langchain-openai 1.7.4, langchain-core 1.8.3, openinference-instrumentation-langchain 0.1.80,
#           opentelemetry-instrumentation-genai-langchain 1.3b0, openinference-instrumentation-openai 0.1.66,
#           opentelemetry-instrumentation-genai-openai 1.3b0, openai 3.57.0, langchain 1.5.2, opentelemetry-sdk 1.45.2.
#
# Expected: a streamed answer has used what the last piece says, as it is without a stream, and whichever instrumentation writes it down.
# Happens:  OpenAI says the usage once, in a piece of its own at the end. Others can say with each piece what was used so far; vLLM does where it is
#           asked to (`continuous_usage_stats`). LangChain makes one message of the pieces, and adds their usages: the question is counted
#           with each piece, and the answer as 1 + 2 + 3 and so on. It is the message's `usage_metadata`, and both instrumentations of
#           LangChain write it on the span. Those of OpenAI's client, on the same call, have the last one, and so has LangChain itself
#           without a stream. The server here stands in for such a one.
#
# Output (2026-12-01):
#   whole:                 used 20 + 10; LangChain and its two instrumentations say 20 + 10, those of the client 20 + 10
#   usage once:            used 20 + 10; LangChain and its two instrumentations say 20 + 10, those of the client 20 + 10
#   usage with each piece: used 20 + 10; LangChain and its two instrumentations say 220 + 65, those of the client 20 + 10
#   as stated: a usage that is told with each piece is added up
#
# For users of sessions: the longer an answer, the more often its question is counted: 500 pieces after a conversation of 10,000 tokens are five million.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect". On the local page these tokens are counted
#           as the span has them.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!OPENAI_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}" "${!OPENINFERENCE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    langchain-openai==1.7.4 langchain-core==1.8.3 langchain==1.5.2 openai==3.57.0 openinference-instrumentation-langchain==0.1.80 \
    opentelemetry-instrumentation-genai-langchain==1.3b0 openinference-instrumentation-openai==0.1.66 \
    opentelemetry-instrumentation-genai-openai==1.3b0 opentelemetry-sdk==1.45.2

cat >"$folder/ask.py" <<'PYTHON'
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor as OpenInferenceLangChain
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInferenceOpenAI
from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor as OpenTelemetryLangChain
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor as OpenTelemetryOpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

INPUT = ("llm.token_count.prompt", "gen_ai.usage.input_tokens")
OUTPUT = ("llm.token_count.completion", "gen_ai.usage.output_tokens")
BASE = {"id": "c", "created": 1, "model": "m"}
PIECES = 10
EACH = {"include_usage": True, "continuous_usage_stats": True}
ONCE = {"include_usage": True}


def usage(written):
    return {"usage": {"prompt_tokens": 20, "completion_tokens": written, "total_tokens": 20 + written}}


def stream(options):
    """Tell the answer as vLLM does: one token in a piece, then the usage of all."""
    for written in range(1, PIECES + 1):
        choice = {"index": 0, "delta": {"role": "assistant", "content": "word "}, "finish_reason": "stop" if written == PIECES else None}
        piece = BASE | {"object": "chat.completion.chunk", "choices": [choice]}
        yield piece | (usage(written) if options.get("continuous_usage_stats") else {})
    yield BASE | {"object": "chat.completion.chunk", "choices": []} | usage(PIECES)


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked.get("stream"):
            kind = "text/event-stream"
            content = "".join(f"data: {json.dumps(piece)}\n\n" for piece in stream(asked["stream_options"])) + "data: [DONE]\n\n"
        else:
            kind = "application/json"
            choice = {"index": 0, "message": {"role": "assistant", "content": "word " * PIECES}, "finish_reason": "stop"}
            content = json.dumps(BASE | {"object": "chat.completion", "choices": [choice]} | usage(PIECES))
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *arguments):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
where = {"model": "m", "api_key": "stand-in", "base_url": f"http://127.0.0.1:{server.server_port}/v1"}


def whole(options):
    return ChatOpenAI(**where).invoke("When?").usage_metadata


def streamed(options):
    answer = None
    for piece in ChatOpenAI(**where, extra_body={"stream_options": options}).stream("When?"):
        answer = piece if answer is None else answer + piece
    return answer.usage_metadata


def say(label, ask, options, of_langchain):
    told = {}
    for whose, instrumentor in (
        ("OpenInference's LangChain", OpenInferenceLangChain()),
        ("OpenTelemetry's LangChain", OpenTelemetryLangChain()),
        ("OpenInference's OpenAI", OpenInferenceOpenAI()),
        ("OpenTelemetry's OpenAI", OpenTelemetryOpenAI()),
    ):
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        instrumentor.instrument(tracer_provider=provider)
        own = ask(options)
        instrumentor.uninstrument()
        [span] = exporter.get_finished_spans()
        told[whose] = tuple(next(span.attributes[name] for name in names if name in span.attributes) for names in (INPUT, OUTPUT))
        told["LangChain itself"] = own["input_tokens"], own["output_tokens"]
    said = [" or ".join(sorted({f"{taken} + {given}" for name, (taken, given) in told.items() if of in name})) for of in ("LangChain", "OpenAI")]
    print(f"{label + ':':22} used 20 + 10; LangChain and its two instrumentations say {said[0]}, those of the client {said[1]}")
    expected = {whose: of_langchain if "LangChain" in whose else (20, PIECES) for whose in told}
    if told != expected:
        sys.exit(f"no longer as stated: expected {expected}")


say("whole", whole, ONCE, (20, 10))
say("usage once", streamed, ONCE, (20, 10))
say("usage with each piece", streamed, EACH, (20 * 11, sum(range(1, 11)) + 10))
PYTHON
timeout 60 "$folder/bin/python" "$folder/ask.py"
echo "as stated: a usage that is told with each piece is added up"
