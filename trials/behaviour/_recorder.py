"""What the pipeline of a tool exports to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class Recorder(SpanExporter):
    """Keeps the spans as an OTLP exporter encodes them: what is not in there, no backend gets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[tuple[str, dict[str, Any]]] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode and keep ``spans``."""
        encoded = [
            (span.name, {each.key: _plain(each.value) for each in span.attributes})
            for resource in encode_spans(spans).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += encoded
        return SpanExportResult.SUCCESS

    def attributes(self, name: str) -> list[dict[str, Any]]:
        """Return the attributes of each span called ``name``, or ``name.kind``, in the order of their ends."""
        with self._lock:
            return [attributes for found, attributes in self._spans if found.partition(".")[0] == name]


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)
