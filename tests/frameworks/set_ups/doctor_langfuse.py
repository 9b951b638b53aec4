"""Langfuse, with its filter as it is by default, or one that exports all spans."""

import sys

from langfuse import Langfuse
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import set_session, turn
from otel_sessions.sdk import instrument

provider = TracerProvider()
trace.set_tracer_provider(provider)
options = {"should_export_span": lambda _: True} if "right" in sys.argv else {}
client = Langfuse(
    public_key="pk",
    secret_key="sk",  # noqa: S106  # it is none
    base_url="http://127.0.0.1:9",
    tracer_provider=provider,
    span_exporter=InMemorySpanExporter(),
    **options,
)
instrument()
tracer = trace.get_tracer("shop")
with set_session("conv-42", user_id="ada"), turn("reply", input="Where is it?") as reply:
    with tracer.start_as_current_span("look up the order"):
        tracer.start_span("model", attributes={"gen_ai.operation.name": "chat"}).end()
    reply.output = "In Oslo."
client.shutdown()
