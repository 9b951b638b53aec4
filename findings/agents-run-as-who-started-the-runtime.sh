#!/usr/bin/env bash
# AutoGen: every message is handled in the session and the trace of whoever started the runtime; the sender's trace goes along, as a link.
#
# Packages: autogen-core 0.7.5, opentelemetry-sdk 1.45.2.
#
# Expected: `await runtime.send_message(...)` is a call: the agent that answers, and the model that it asks, are below the span of the caller, in the
#           caller's trace and with the caller's baggage. AutoGen has spans of its own for that, and puts `traceparent` into each message.
# Happens:  `runtime.start()` starts one task, and each message is handled in a task that this one makes, so in the context of `start()`. Where a
#           service starts its runtime with the first question, as it is needed then, all questions of all users are handled as the first
#           user, below a span that has ended, while their callers wait for them. Of the `traceparent` AutoGen makes a link. Started before
#           any question, the messages are nobody's, and the trace of a question ends at "autogen create". A test with one user is right.
#
# Output (2026-12-01):
#   started with the first question:      ada as ada, bob as ada, carl as ada
#   started before:                       ada as nobody, bob as nobody, carl as nobody
#   started with the first, carrier sent: ada as ada, bob as bob, carl as carl
#   as stated: messages are handled as whoever started the runtime
#
# For users of sessions: what an agent says to Carl, and what it cost, is in the session of Ada. Nothing on these spans says so; the link is on AutoGen's
#           spans, not on those of the model.
# Here:     docs/how-to/queues.md, "Tried by hand": start the runtime where the service starts, and send `to_carrier()` in the message.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!AUTOGEN_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check autogen-core==0.7.5 opentelemetry-sdk==1.45.2

cat >"$folder/service.py" <<'PYTHON'
import asyncio
import sys
from dataclasses import dataclass, field

from autogen_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("chat")
USERS = ("ada", "bob", "carl")
HELPER = AgentId("helper", "default")
handled = {}  # whose question: (the user in the baggage, the trace)


@dataclass
class Question:
    user: str
    carrier: dict = field(default_factory=dict)


class Helper(RoutedAgent):
    @message_handler
    async def answer(self, message: Question, ctx: MessageContext) -> Question:
        token = context.attach(propagate.extract(message.carrier)) if message.carrier else None
        with tracer.start_as_current_span("model") as span:
            handled[message.user] = baggage.get_baggage("user.id"), span.get_span_context().trace_id
        if token:
            context.detach(token)
        return message


async def request(runtime, user, traces, *, starts, carries):
    """Serve one request in a task of its own, as a server does."""
    context.attach(baggage.set_baggage("user.id", user))
    with tracer.start_as_current_span("turn") as span:
        traces[span.get_span_context().trace_id] = user
        if starts:
            runtime.start()
        question = Question(user)
        if carries:
            propagate.inject(question.carrier)
        await runtime.send_message(question, HELPER)


async def say(label, expected, *, first_starts, carries=False):
    exporter.clear()
    handled.clear()
    runtime, traces = SingleThreadedAgentRuntime(tracer_provider=provider), {}
    await Helper.register(runtime, "helper", lambda: Helper("helps"))
    if not first_starts:
        runtime.start()
    for user in USERS:
        await asyncio.create_task(request(runtime, user, traces, starts=first_starts and user == USERS[0], carries=carries))
    await runtime.stop_when_idle()
    seen = {}
    for user, (whose, trace_id) in handled.items():
        if traces.get(trace_id) != whose:
            sys.exit(f"no longer as stated: {user}'s has the baggage of {whose} and the trace of {traces.get(trace_id)}")
        seen[user] = whose
    told = ", ".join(f"{user} as {whose or 'nobody'}" for user, whose in seen.items())
    print(f"{label + ':':37} {told}")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")
    spans = {span.context.span_id: span for span in exporter.get_finished_spans()}
    links = [spans[link.context.span_id] for span in spans.values() for link in span.links if span.name.startswith("autogen send")]
    linked = [traces[span.context.trace_id] for span in links]
    if linked != list(USERS):
        sys.exit(f"no longer as stated: AutoGen's spans of sending are linked to the traces of {linked}")


async def service():
    await say("started with the first question", dict.fromkeys(USERS, "ada"), first_starts=True)
    await say("started before", dict.fromkeys(USERS), first_starts=False)
    own = {user: user for user in USERS}
    await say("started with the first, carrier sent", own, first_starts=True, carries=True)


asyncio.run(service())
PYTHON
timeout 60 "$folder/bin/python" "$folder/service.py"
echo "as stated: messages are handled as whoever started the runtime"
