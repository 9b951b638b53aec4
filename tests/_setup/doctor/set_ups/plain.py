"""A program that is right; what is wrong comes from its environment, or from what its first argument adds."""

import os
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

from otel_sessions import set_session
from otel_sessions.sdk import instrument

exporter = ConsoleSpanExporter(out=open(os.devnull, "w")) if "console" in sys.argv else OTLPSpanExporter()  # noqa: PTH123, SIM115
if "no provider" not in sys.argv:
    provider = TracerProvider()
    if "no exporter" not in sys.argv:
        kind = SimpleSpanProcessor if "console" in sys.argv else BatchSpanProcessor
        provider.add_span_processor(kind(exporter))
    trace.set_tracer_provider(provider)
    instrument()

tracer = trace.get_tracer("app")
if "no session" not in sys.argv:
    for number in range(3):
        with set_session(f"conv-{number}", user_id="ada"), tracer.start_as_current_span("turn"):
            tracer.start_span("model", attributes={"gen_ai.operation.name": "chat"}).end()
else:
    with tracer.start_as_current_span("turn"):
        tracer.start_span("model", attributes={"gen_ai.operation.name": "chat"}).end()
if "fails" in sys.argv:
    sys.exit(3)
