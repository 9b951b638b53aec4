"""Added to a pipeline that is there already: other processors, two exporters, and not a line of it changed."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

from otel_sessions import set_session
from otel_sessions.sdk import instrument


class RegionProcessor(SpanProcessor):
    """Some processor of the application's own."""

    def on_start(self, span: Span, parent_context: object = None) -> None:  # noqa: ARG002  # the SDK's signature
        """Say where this runs."""
        span.set_attribute("cloud.region", "eu-1")


def existing_pipeline() -> None:
    """What the application did before."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(RegionProcessor())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)


def main() -> None:
    existing_pipeline()
    instrument()  # the one new line of the set-up; it finds the global provider

    tracer = trace.get_tracer("shop")
    with set_session(session_id="order-7", user_id="ada"), tracer.start_as_current_span("checkout"):
        tracer.start_span("payment").end()


if __name__ == "__main__":
    main()
