"""A processor by hand, and propagators that nobody guards."""

import httpx
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import set_session
from otel_sessions.demo import StandIn
from otel_sessions.sdk import SessionSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor())
provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
trace.set_tracer_provider(provider)
HTTPXClientInstrumentor().instrument()
with StandIn(seconds_per_word=0) as api, set_session("conv-42", user_id="ada"):
    httpx.get(f"{api.base_url}/models", trust_env=False, timeout=60).raise_for_status()
