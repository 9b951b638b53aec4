#!/usr/bin/env bash
# OpenLLMetry: of a streamed answer of Claude that searches the web, the span has a fifth of the input tokens, and more output than was written.
#
# Packages: anthropic 2.14.0, opentelemetry-instrumentation-anthropic 0.62.4, openinference-instrumentation-anthropic 3.1.0,
#           opentelemetry-instrumentation-genai-anthropic 1.3b0, opentelemetry-sdk 1.45.2.
#
# Expected: streamed or not, the same answer has the same tokens on its span.
# Happens:  Claude tells the usage of a stream several times: when it begins, and with each `message_delta`, where all counts are "cumulative", as the
#           types of Anthropic's client have it. What a tool of Anthropic's own servers has found is input as well, so the input grows while
#           the answer is written. OpenLLMetry keeps the input of the beginning, and adds up the output of all of them. A plain answer is a
#           few tokens too dear (here 6 of 5), one that searches is far too cheap. The client and the other two instrumentations take
#           what is told last.
#
# Output (2026-12-01):
#   whole:               OpenLLMetry 20 + 5; the client 20 + 5; OpenInference 20 + 5; OpenTelemetry 20 + 5
#   streamed:            OpenLLMetry 20 + 6; the client 20 + 5; OpenInference 20 + 5; OpenTelemetry 20 + 5
#   whole, searched:     OpenLLMetry 10000 + 500; the client 10000 + 500; OpenInference 10000 + 500; OpenTelemetry 10000 + 500
#   streamed, searched:  OpenLLMetry 2000 + 703; the client 10000 + 500; OpenInference 10000 + 500; OpenTelemetry 10000 + 500
#   as stated: of a streamed answer the input is that of its beginning, and the output a sum of sums
#
# For users of sessions: the dearest turns of a session, those with a search, look like cheap ones, if and only if the page shows the answer while it is
#           written.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect". On the local page these tokens are counted
#           as the span has them.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!ANTHROPIC_@}" "${!OPENINFERENCE_@}" "${!TRACELOOP_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    anthropic==2.14.0 opentelemetry-instrumentation-anthropic==0.62.4 openinference-instrumentation-anthropic==3.1.0 \
    opentelemetry-instrumentation-genai-anthropic==1.3b0 opentelemetry-sdk==1.45.2

cat >"$folder/ask.py" <<'PYTHON'
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"  # the client's own spans
from anthropic import Anthropic
from openinference.instrumentation.anthropic import AnthropicInstrumentor as OpenInference
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor as OpenLLMetry
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor as OpenTelemetry
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

INPUT = ("llm.token_count.prompt", "gen_ai.usage.input_tokens")
OUTPUT = ("llm.token_count.completion", "gen_ai.usage.output_tokens")
TEXT = {"type": "text", "text": "On Friday."}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None}
PLAIN = [(20, 1), (20, 5)]  # what is told of a stream: the input and the output until then
SEARCHED = [(2000, 3), (6000, 200), (10000, 500)]
told = []


def usage(taken, given):
    return {"input_tokens": taken, "output_tokens": given, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}


def events():
    yield {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None, "usage": usage(*told[0])}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT["text"]}}
    yield {"type": "content_block_stop", "index": 0}
    for one in told[1:]:
        yield {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage(*one)}
    yield {"type": "message_stop"}


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked.get("stream"):
            kind = "text/event-stream"
            content = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events())
        else:
            kind = "application/json"
            content = json.dumps(MESSAGE | {"content": [TEXT], "stop_reason": "end_turn", "usage": usage(*told[-1])})
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *arguments):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Anthropic(api_key="stand-in", base_url=f"http://127.0.0.1:{server.server_port}")
question = {"model": "claude", "max_tokens": 1000, "messages": [{"role": "user", "content": "When?"}]}


def whole():
    return client.messages.create(**question).usage


def streamed():
    with client.messages.stream(**question) as stream:
        return stream.get_final_message().usage


def say(label, ask, usages, of_openllmetry):
    told[:] = usages
    seen = {}
    for whose, instrumentor in (("OpenLLMetry", OpenLLMetry()), ("OpenInference", OpenInference()), ("OpenTelemetry", OpenTelemetry())):
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        instrumentor.instrument(tracer_provider=provider)
        own = ask()
        instrumentor.uninstrument()
        [span] = exporter.get_finished_spans()
        seen[whose] = tuple(next(span.attributes[name] for name in names if name in span.attributes) for names in (INPUT, OUTPUT))
        seen["the client"] = own.input_tokens, own.output_tokens
    print(f"{label + ':':20} {'; '.join(f'{whose} {taken} + {given}' for whose, (taken, given) in seen.items())}")
    expected = dict.fromkeys(seen, usages[-1]) | {"OpenLLMetry": of_openllmetry}
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")


say("whole", whole, PLAIN, (20, 5))
say("streamed", streamed, PLAIN, (20, 6))
say("whole, searched", whole, SEARCHED, (10000, 500))
say("streamed, searched", streamed, SEARCHED, (2000, 703))
PYTHON
timeout 60 "$folder/bin/python" "$folder/ask.py"
echo "as stated: of a streamed answer the input is that of its beginning, and the output a sum of sums"
