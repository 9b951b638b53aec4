#!/usr/bin/env bash
# OpenLLMetry: a handoff of one agent to another is in the trace of whoever else talks to an agent of that name, and so is all that happens in it.
#
# Packages: opentelemetry-instrumentation-openai-agents 0.62.4, openai-agents 0.24.0, openinference-instrumentation-openai-agents 2.6.0, openai 3.57.0,
#           opentelemetry-sdk 1.45.2.
#
# Expected: in the OpenAI Agents SDK the span of a handoff is below that of the agent which hands over, in its run; three users at once are three
#           traces that have nothing of each other.
# Happens:  the instrumentation looks for the span of the agent by its name, among all that are open in the process, and takes the first it finds. Agents
#           are made once and serve everybody, so while Ada's run is still with that agent the handoffs of Bob and Carl are below her
#           span, in her trace. The span is made current as well: what their handoff does itself, such as an `on_handoff` that looks
#           up the order, is in Ada's trace with Bob's baggage. One after the other it is right, and so is OpenInference's.
#
# Output (2026-12-01):
#   OpenLLMetry, one after the other: of ada in the trace of ada, of bob in the trace of bob, of carl in the trace of carl
#   OpenLLMetry, at once:             of ada in the trace of ada, of bob in the trace of ada, of carl in the trace of ada
#   OpenInference, at once:           of ada in the trace of ada, of bob in the trace of bob, of carl in the trace of carl
#   as stated: handoffs at once are in the trace of one of them
#
# For users of sessions: one trace with the sessions of three users, and their turns lack what was done in their handoffs. A tool that takes the session
#           from the trace counts it all for Ada.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect".
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!OPENAI_@}" "${!TRACELOOP_@}" "${!OPENINFERENCE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-instrumentation-openai-agents==0.62.4 openai-agents==0.24.0 openinference-instrumentation-openai-agents==2.6.0 \
    openai==3.57.0 opentelemetry-sdk==1.45.2

cat >"$folder/service.py" <<'PYTHON'
import asyncio
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agents import Agent, OpenAIChatCompletionsModel, Runner, handoff, set_trace_processors
from openai import AsyncOpenAI
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor as OpenInference
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor as OpenLLMetry
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

USERS = ("ada", "bob", "carl")
CALL = {"id": "call", "type": "function", "function": {"name": "transfer_to_orders", "arguments": "{}"}}
USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}


class Server(BaseHTTPRequestHandler):
    """A model that hands over where it can, and answers otherwise."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = {"content": None, "tool_calls": [CALL]} if asked.get("tools") else {"content": "On Friday."}
        choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": "stop"}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("chat")
waits = []  # one event for all handoffs that are open at once


async def look_up(_):
    """Look up the order, in a handoff; then wait for those of the others, so that all of them are open at once."""
    with tracer.start_as_current_span("look up", attributes={"of": baggage.get_baggage("user.id")}):
        pass
    waits.append(baggage.get_baggage("user.id"))
    while together and len(waits) < len(USERS):
        await asyncio.sleep(0.01)


together = False
model = OpenAIChatCompletionsModel("m", AsyncOpenAI(api_key="stand-in", base_url=f"http://127.0.0.1:{server.server_port}/v1"))
orders = Agent(name="orders", model=model)
desk = Agent(name="desk", model=model, handoffs=[handoff(orders, on_handoff=look_up)])


async def turn(user, traces):
    context.attach(baggage.set_baggage("user.id", user))
    with tracer.start_as_current_span("turn") as span:
        traces[span.get_span_context().trace_id] = user
        await Runner.run(desk, "When?")


async def chat(traces):
    turns = [turn(user, traces) for user in USERS]
    if together:
        await asyncio.gather(*turns)
    else:
        for one in turns:
            await asyncio.create_task(one)


def say(label, instrumentor, at_once, expected):
    global together
    together, traces = at_once, {}
    exporter.clear()
    waits.clear()
    set_trace_processors([])
    instrumentor.instrument(tracer_provider=provider)
    asyncio.run(chat(traces))
    instrumentor.uninstrument()
    spans = exporter.get_finished_spans()
    seen = {span.attributes["of"]: traces[span.context.trace_id] for span in spans if span.name == "look up"}
    print(f"{label + ':':33} {', '.join(f'of {user} in the trace of {seen[user]}' for user in USERS)}")
    handoffs = sorted(traces[span.context.trace_id] for span in spans if "handoff" in span.name)
    if seen != expected or handoffs != sorted(expected.values()):
        sys.exit(f"no longer as stated: expected {expected}, and the handoffs are in the traces of {handoffs}")


own = {user: user for user in USERS}
say("OpenLLMetry, one after the other", OpenLLMetry(), False, own)
say("OpenLLMetry, at once", OpenLLMetry(), True, dict.fromkeys(USERS, "ada"))
say("OpenInference, at once", OpenInference(), True, own)
PYTHON
timeout 60 "$folder/bin/python" "$folder/service.py"
echo "as stated: handoffs at once are in the trace of one of them"
