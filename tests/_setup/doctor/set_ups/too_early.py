"""instrument() comes first, and the provider is used without being set."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import set_session
from otel_sessions.sdk import instrument

instrument()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))

with set_session("conv-42", user_id="ada"):
    provider.get_tracer("app").start_span("work").end()
