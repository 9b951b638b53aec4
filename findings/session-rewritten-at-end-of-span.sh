#!/usr/bin/env bash
# pydantic-ai with OpenInference's processor: a chat of two turns is exported as three sessions, whatever the order of the processors.
#
# Packages: pydantic-ai-slim 2.68.0 (its TestModel, no network), openinference-instrumentation-pydantic-ai 0.1.30,
#           opentelemetry-sdk 1.45.2, opentelemetry-processor-baggage 0.66b1.
#
# Expected: a span that started with `session.id` of the application is exported with it. Or at least the processor that is added
#           last has the last word, and a batch that is added before another processor does not show what that one does.
# Happens:  OpenInferenceSpanProcessor writes in `on_end`, when a span can't be changed by the API any more: it gives the finished
#           span a new dict of attributes, in which `session.id` is pydantic-ai's `gen_ai.conversation.id`, a new UUID for each
#           run. The application's own spans keep their id, so a trace has two. Adding the processor that stamps before or after
#           it makes no difference, since every `on_start` comes before any `on_end`; nor does adding BatchSpanProcessor before
#           it, which only puts the same span into its queue. Each span of the provider that has not failed also gets the status
#           OK, the application's own ones too.
#
# Output (2026-11-29):
#   stamp, batch:                        1 session: conv-42; application's spans: UNSET
#   openinference, stamp, batch:         3 sessions: conv-42 and 2 others; application's spans: OK
#   stamp, openinference, batch:         3 sessions: conv-42 and 2 others; application's spans: OK
#   stamp, batch, openinference:         3 sessions: conv-42 and 2 others; application's spans: OK
#   the last one, with message_history:  2 sessions: conv-42 and 1 other; application's spans: OK
#   the last one, with conversation_id:  1 session: conv-42; application's spans: OK
#   as stated: the model's spans end in sessions of pydantic-ai's making, in every order of the processors, unless the run is given the id
#
# For users of sessions: the spans with the tokens and the words are in sessions of one run each, and a backend that goes by the
#           first span that arrives, which is a leaf, has the application's session nowhere. With `message_history` the turns hang
#           together, but not under the application's id.
# Here:     with this package the session of the scope is exported, if OpenInference's processor is added before the one that exports:
#           a processor of ours comes right behind it. Otherwise docs/explanation/one-session-per-trace.md, "What stays with you":
#           `agent.run(..., conversation_id=get_session().id)`. pydantic-ai then has that id in baggage, too, as
#           `gen_ai.conversation.id`.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!OPENINFERENCE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    pydantic-ai-slim==2.68.0 openinference-instrumentation-pydantic-ai==0.1.30 \
    opentelemetry-sdk==1.45.2 opentelemetry-processor-baggage==0.66b1

"$folder/bin/python" - <<'PYTHON'
import asyncio
import sys

from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor
from opentelemetry import baggage, context
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.test import TestModel


async def chat(order, *, with_history=False, **given):
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    processors = {
        "stamp": BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS),
        "openinference": OpenInferenceSpanProcessor(),
        "batch": BatchSpanProcessor(exporter, schedule_delay_millis=60_000),
    }
    for name in order.split(", "):
        provider.add_span_processor(processors[name])
    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider))
    agent, history = Agent(TestModel(), name="assistant"), None
    token = context.attach(baggage.set_baggage("session.id", "conv-42"))
    for question in ("Will it rain?", "And tomorrow?"):
        with provider.get_tracer("assistant").start_as_current_span("turn"):
            answer = await agent.run(question, message_history=history, **given)
        history = answer.all_messages() if with_history else None
    context.detach(token)
    provider.shutdown()
    spans = exporter.get_finished_spans()
    own = [span for span in spans if span.name == "turn"]
    if len(own) != 2 or {span.attributes.get("session.id") for span in own} != {"conv-42"}:
        sys.exit(f"no longer as stated: the application's own spans are {own}")
    others = {span.attributes.get("session.id") for span in spans} - {"conv-42"}
    return len(others), {span.status.status_code.name for span in own}


LAST = "stamp, batch, openinference"
CASES = [
    ("stamp, batch", "stamp, batch", {}, (0, {"UNSET"})),
    ("openinference, stamp, batch", "openinference, stamp, batch", {}, (2, {"OK"})),
    ("stamp, openinference, batch", "stamp, openinference, batch", {}, (2, {"OK"})),
    (LAST, LAST, {}, (2, {"OK"})),
    ("the last one, with message_history", LAST, {"with_history": True}, (1, {"OK"})),
    ("the last one, with conversation_id", LAST, {"conversation_id": "conv-42"}, (0, {"OK"})),
]
for label, order, arguments, expected in CASES:
    others, statuses = seen = asyncio.run(chat(order, **arguments))
    if seen != expected:
        sys.exit(f"no longer as stated: {label}: {others} other sessions, and the application's spans are {statuses}")
    sessions = ("1 session: conv-42", "2 sessions: conv-42 and 1 other", "3 sessions: conv-42 and 2 others")[others]
    print(f"{label + ':':36} {sessions}; application's spans: {', '.join(statuses)}")
PYTHON
echo "as stated: the model's spans end in sessions of pydantic-ai's making, in every order of the processors, unless the run is given the id"
