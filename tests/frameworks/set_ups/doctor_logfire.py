"""Logfire, with its scrubbing as it is by default, or with a callback that keeps the ids."""

import sys

import logfire
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import set_session, turn
from otel_sessions.sdk import instrument


def keep(match):
    return match.value if match.path[-1] in {"session.id", "user.id"} else None


scrubbing = logfire.ScrubbingOptions(callback=keep) if "right" in sys.argv else None
logfire.configure(
    send_to_logfire=False,
    console=False,
    inspect_arguments=False,
    scrubbing=scrubbing,
    additional_span_processors=[SimpleSpanProcessor(InMemorySpanExporter())],
)
instrument()
with set_session("conv-42", user_id="ada"), turn("reply", input="Does it rain?") as reply, logfire.span("look"):
    trace.get_tracer("app").start_span("model", attributes={"gen_ai.operation.name": "chat"}).end()
    reply.output = "It does."
