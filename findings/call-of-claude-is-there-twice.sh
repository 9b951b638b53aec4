#!/usr/bin/env bash
# Anthropic's client traces itself: a call of Claude is there twice, with all its tokens, under LangChain also in a trace of its own without a session.
#
# Packages: anthropic 2.14.0, langchain-anthropic 1.7.10, langgraph 1.2.24, langchain 1.5.2, langchain-core 1.8.3,
#           openinference-instrumentation-langchain 0.1.80, openinference-instrumentation-anthropic 3.1.0,
#           opentelemetry-instrumentation-genai-langchain 1.3b0, opentelemetry-sdk 1.45.2.
#
# Expected: one instrumentation is installed, so a turn that asks the model once is one trace in which it is asked once; the session is that of the
#           run's `session_id`, and the tokens are those that were used.
# Happens:  the client makes a span of each call by itself, as soon as there is a provider, with the tokens in
#           `gen_ai.usage.*`. OpenInference's instrumentation of LangChain writes `session.id` on its own spans alone, and never makes
#           them current: so the client's span is the root of a second trace, without a session, and the service that answers is told
#           of that trace. Under OpenTelemetry's it is a child of the span of the model, and has no `gen_ai.conversation.id`; so it is
#           under OpenInference's for Anthropic. In each case whoever adds up the tokens has twice what was used.
#           `ANTHROPIC_OPEN_TELEMETRY=false` ends it.
#
# Output (2026-12-01):
#   the client alone:                   used 25 tokens, the spans say 25, in 1 trace; without the session: 0 of 25
#   LangChain, OpenInference:           used 25 tokens, the spans say 50, in 2 traces; without the session: 25 of 50
#   LangChain, OpenTelemetry:           used 25 tokens, the spans say 50, in 1 trace; without the session: 25 of 50
#   Anthropic, OpenInference:           used 25 tokens, the spans say 50, in 1 trace; without the session: 25 of 50
#   LangChain, OpenInference, switched: used 25 tokens, the spans say 25, in 1 trace; without the session: 0 of 25
#   as stated: a call of Claude is there twice, and once without its session
#
# For users of sessions: the session looks right, with one answer and its tokens. The sum over all sessions does not: there are as many
#           tokens once more that belong to nobody. With the session from the baggage both are in it, and a turn costs twice what it did.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect": `ANTHROPIC_OPEN_TELEMETRY=false`, or
#           `open_telemetry={"traces": False}` of a client. Its requests then carry no trace by themselves.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!ANTHROPIC_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}" "${!OPENINFERENCE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    anthropic==2.14.0 langchain-anthropic==1.7.10 langgraph==1.2.24 langchain==1.5.2 langchain-core==1.8.3 \
    openinference-instrumentation-langchain==0.1.80 openinference-instrumentation-anthropic==3.1.0 \
    opentelemetry-instrumentation-genai-langchain==1.3b0 opentelemetry-sdk==1.45.2

cat >"$folder/ask.py" <<'PYTHON'
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
from anthropic import Anthropic
from langchain_anthropic import ChatAnthropic
from langgraph.graph import START, MessagesState, StateGraph
from openinference.instrumentation import using_session
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.langchain import LangChainInstrumentor as OpenInference
from opentelemetry import trace
from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor as OpenTelemetry
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "llm.token_count.prompt", "llm.token_count.completion")
SESSION = ("session.id", "gen_ai.conversation.id")
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
said = {"content": [{"type": "text", "text": "On Friday."}], "stop_reason": "end_turn", "stop_sequence": None}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "claude", **said, "usage": {"input_tokens": 20, "output_tokens": 5}}
asked = []


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        asked.append(self.rfile.read(int(self.headers["content-length"])))
        content = json.dumps(MESSAGE).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
BASE = f"http://127.0.0.1:{server.server_port}"


def by_langchain():
    model = ChatAnthropic(model="claude", api_key="stand-in", base_url=BASE)
    graph = StateGraph(MessagesState).add_node("ask", lambda state: {"messages": [model.invoke(state["messages"])]})
    config = {"configurable": {"thread_id": "conv-1"}, "metadata": {"session_id": "conv-1"}}
    graph.add_edge(START, "ask").compile().invoke({"messages": [("user", "When?")]}, config)


def by_client(**options):
    client = Anthropic(api_key="stand-in", base_url=BASE, **options)
    client.messages.create(model="claude", max_tokens=9, messages=[{"role": "user", "content": "When?"}])


def by_client_in_session():
    with using_session("conv-1"):
        by_client()


def by_client_alone():
    by_client(open_telemetry={"conversation_id": "conv-1"})


def say(label, instrumentor, work, expected):
    if instrumentor is not None:
        instrumentor.instrument(tracer_provider=provider)
    exporter.clear()
    asked.clear()
    work()
    if instrumentor is not None:
        instrumentor.uninstrument()
    spans = exporter.get_finished_spans()
    used = [sum(span.attributes.get(name, 0) for name in TOKENS) for span in spans]
    lost = sum(tokens for span, tokens in zip(spans, used) if not any(span.attributes.get(key) == "conv-1" for key in SESSION))
    traces = len({span.context.trace_id for span in spans})
    seen = f"used {25 * len(asked)} tokens, the spans say {sum(used)}, in {traces} trace{'s' * (traces > 1)}; "
    seen += f"without the session: {lost} of {sum(used)}"
    print(f"{label + ':':35} {seen}")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")


RIGHT = "used 25 tokens, the spans say 25, in 1 trace; without the session: 0 of 25"
TWICE = "used 25 tokens, the spans say 50, in 1 trace; without the session: 25 of 50"
say("the client alone", None, by_client_alone, RIGHT)
say("LangChain, OpenInference", OpenInference(), by_langchain, TWICE.replace("1 trace", "2 traces"))
say("LangChain, OpenTelemetry", OpenTelemetry(), by_langchain, TWICE)
say("Anthropic, OpenInference", AnthropicInstrumentor(), by_client_in_session, TWICE)
os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"
say("LangChain, OpenInference, switched", OpenInference(), by_langchain, RIGHT)
PYTHON
timeout 60 "$folder/bin/python" "$folder/ask.py"
echo "as stated: a call of Claude is there twice, and once without its session"
