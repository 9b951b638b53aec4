"""What the pipeline of a tool exports to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor


class Exported(NamedTuple):
    """What is looked at of a span; ``library`` is the name of its instrumentation scope."""

    name: str
    library: str
    is_root: bool
    attributes: dict[str, Any]


class Recorder(SpanExporter):
    """Keeps the spans as an OTLP exporter encodes them: what is not in there, no backend gets.

    Args:
        first: The processor that stands in the pipeline of the application before the tool is set up, in place of the
            one that exports.
    """

    def __init__(self, first: SpanProcessor | None = None) -> None:
        self._lock = threading.Lock()
        self._spans: list[Exported] = []
        self._first = first

    def processor(self) -> SpanProcessor:
        """Return what the application has in its pipeline already."""
        return self._first or SimpleSpanProcessor(self)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode and keep ``spans``."""
        encoded = [
            Exported(
                span.name,
                scope.scope.name,
                not span.parent_span_id,
                {each.key: _plain(each.value) for each in span.attributes},
            )
            for resource in encode_spans(spans).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += encoded
        return SpanExportResult.SUCCESS

    def attributes(self, name: str) -> list[dict[str, Any]]:
        """Return the attributes of each span called ``name``, or ``name.kind``, in the order of their ends."""
        return [span.attributes for span in self.spans() if span.name.partition(".")[0] == name]

    def spans(self) -> list[Exported]:
        """Return all spans, in the order of their ends."""
        with self._lock:
            return list(self._spans)


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)
