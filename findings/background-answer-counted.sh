#!/usr/bin/env bash
# OpenAI: an answer made in the background has used nothing (OpenTelemetry), or all of it again each time it is looked at (OpenInference).
#
# Packages: openai 3.57.0, opentelemetry-instrumentation-genai-openai 1.3b0, openinference-instrumentation-openai 0.1.66, opentelemetry-sdk 1.45.2.
#
# Expected: `responses.create(background=True)`, and `responses.retrieve` in a loop until the status is "completed", as the longest and dearest calls
#           want it, is one call of a model: its words and its tokens are in the trace, once.
# Happens:  the span of `create` ends when the answer is queued, so it can't have them. OpenTelemetry's instrumentation sets the words on the
#           span of `retrieve` (`fetch_response`), and means to set no tokens there, because looking costs nothing: then they are on
#           no span at all. OpenInference's makes a span of kind LLM of all that comes back as an answer, so of each `retrieve`: where
#           a page shows a finished answer twice more, the call has used three times what it did. In both the conversation has the
#           answer as often as it was looked at, and no span takes as long as the model.
#
# Output (2026-12-01):
#   opentelemetry, at once:                   used 25 tokens, the spans say 25; said 1 time, in 1 of 1 spans
#   opentelemetry, in the background:         used 25 tokens, the spans say 0; said 1 time, in 1 of 4 spans
#   opentelemetry, and shown twice:           used 25 tokens, the spans say 0; said 1 time, in 3 of 6 spans
#   openinference, at once:                   used 25 tokens, the spans say 25; said 1 time, in 1 of 1 spans
#   openinference, in the background:         used 25 tokens, the spans say 25; said 1 time, in 1 of 4 spans
#   openinference, and shown twice:           used 25 tokens, the spans say 75; said 1 time, in 3 of 6 spans
#   openinference, shown in suppress_tracing: used 25 tokens, the spans say 25; said 1 time, in 1 of 4 spans
#   as stated: an answer made in the background is counted never, or each time it is looked at
#
# For users of sessions: a deep research is free in its session, or as dear as it is often looked at; and a colleague who opens it has the whole call
#           in a session of their own.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect". On the local page these tokens are missing, or
#           counted again, as well.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!OPENAI_@}" "${!OPENINFERENCE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    openai==3.57.0 opentelemetry-instrumentation-genai-openai==1.3b0 openinference-instrumentation-openai==0.1.66 \
    openinference-instrumentation==0.1.72 opentelemetry-sdk==1.45.2

cat >"$folder/research.py" <<'PYTHON'
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
from openai import OpenAI
from openinference.instrumentation import suppress_tracing
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor as OpenTelemetry
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "llm.token_count.prompt", "llm.token_count.completion")
DETAILS = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
USAGE = {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25, **DETAILS}
SAID = {"type": "output_text", "text": "On Friday.", "annotations": []}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [SAID]}
ANSWER = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-4o", "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
made = []  # how often the model has answered


class Server(BaseHTTPRequestHandler):
    """The model: an answer in the background is queued, then in progress, then completed."""

    looks = 0

    def tell(self, status):
        done = status == "completed"
        answer = ANSWER | {"status": status, "output": [MESSAGE] if done else [], "usage": USAGE if done else None}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        made.append(asked)
        Server.looks = 0
        self.tell("queued" if asked.get("background") else "completed")

    def do_GET(self):
        Server.looks += 1
        self.tell("completed" if Server.looks > 2 else "in_progress")

    def log_message(self, *arguments):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = OpenAI(api_key="stand-in", base_url=f"http://127.0.0.1:{server.server_port}/v1")


def at_once():
    client.responses.create(model="gpt-4o", input="When?")


def in_the_background():
    answer = client.responses.create(model="gpt-4o", input="When?", background=True)
    while answer.status != "completed":
        answer = client.responses.retrieve(answer.id)
    if answer.usage.total_tokens != 25:
        sys.exit("no longer as stated: the answer says that it used something else")


def shown_twice():
    in_the_background()
    client.responses.retrieve("resp_1")
    client.responses.retrieve("resp_1")


def shown_twice_untraced():
    in_the_background()
    with suppress_tracing():
        client.responses.retrieve("resp_1")
        client.responses.retrieve("resp_1")


def say(label, instrumentor, work, expected):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor.instrument(tracer_provider=provider)
    made.clear()
    work()
    instrumentor.uninstrument()
    spans = [dict(span.attributes) for span in exporter.get_finished_spans()]
    told = sum(span.get(name, 0) for span in spans for name in TOKENS)
    with_words = sum("On Friday." in str(span) for span in spans)
    seen = f"used {25 * len(made)} tokens, the spans say {told}; said {len(made)} time, in {with_words} of {len(spans)} spans"
    print(f"{label + ':':41} {seen}")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")


def expect(told, with_words, spans):
    return f"used 25 tokens, the spans say {told}; said 1 time, in {with_words} of {spans} spans"


say("opentelemetry, at once", OpenTelemetry(), at_once, expect(25, 1, 1))
say("opentelemetry, in the background", OpenTelemetry(), in_the_background, expect(0, 1, 4))
say("opentelemetry, and shown twice", OpenTelemetry(), shown_twice, expect(0, 3, 6))
say("openinference, at once", OpenInference(), at_once, expect(25, 1, 1))
say("openinference, in the background", OpenInference(), in_the_background, expect(25, 1, 4))
say("openinference, and shown twice", OpenInference(), shown_twice, expect(75, 3, 6))
say("openinference, shown in suppress_tracing", OpenInference(), shown_twice_untraced, expect(25, 1, 4))
PYTHON
timeout 60 "$folder/bin/python" "$folder/research.py"
echo "as stated: an answer made in the background is counted never, or each time it is looked at"
