"""A pipeline that keeps its spans in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions._context.providers import PROVIDERS
from otel_sessions._pipeline.span_processor import guarded

from ..sdk import SessionSpanProcessor  # noqa: TID252

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer


class InMemoryPipeline:
    """A `SessionSpanProcessor`, and an exporter that keeps what it is given, of turns and checks too.

    Args:
        tracer_provider: The SDK provider to add them to, such as the global one of the application;
            ``None`` makes one.
        processor: The processor to use instead of ``SessionSpanProcessor()``.

    Attributes:
        tracer_provider: Pass it to instrumentors, or to the application.
        tracer: A tracer of it.
        processor: The processor, for its ``stats()``. Beside another one that was added to the provider before, that
            one stamps and counts.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None, processor: SpanProcessor | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False) if tracer_provider is None else tracer_provider
        self.processor = guarded(SessionSpanProcessor()) if processor is None else processor
        self.tracer_provider.add_span_processor(self.processor)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        PROVIDERS.use(self.tracer_provider, PROVIDERS.logs)
        self.tracer: Tracer = self.tracer_provider.get_tracer("otel_sessions.testing")

    def spans(self) -> tuple[ReadableSpan, ...]:
        """Return the spans that have ended, in that order."""
        return self._exporter.get_finished_spans()

    def clear(self) -> None:
        """Forget the spans that have ended."""
        self._exporter.clear()

    def stop(self) -> None:
        """Keep no more spans: a processor can't be taken out of its provider."""
        self._exporter.shutdown()
        if PROVIDERS.traces is self.tracer_provider:
            PROVIDERS.use(None, PROVIDERS.logs)
