"""A real SDK pipeline whose exported spans can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions._pipeline.span_processor import guarded
from otel_sessions.sdk import SessionSpanProcessor

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


def _is_ours(processor) -> bool:
    return isinstance(processor, SessionSpanProcessor)


RESOURCE = Resource.create()  # by threads that the SDK starts for each provider that has none


class Pipeline:
    """A provider with a `SessionSpanProcessor` and an exporter that keeps what it is given."""

    def __init__(self, *processors, **provider_options) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **{"resource": RESOURCE} | provider_options)
        for processor in processors or (SessionSpanProcessor(),):
            self.provider.add_span_processor(guarded(processor) if _is_ours(processor) else processor)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Tracer = self.provider.get_tracer("tests")

    def spans(self) -> dict[str, ReadableSpan]:
        """Return the exported spans by name."""
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def attributes(self, name: str) -> dict[str, object]:
        """Return the attributes of the exported span of that name."""
        return dict(self.spans()[name].attributes)
