"""Reads spans out of the OTLP bytes that a receiver was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from otel_sessions.viewer import OTLPReceiver


class WireSpan(NamedTuple):
    name: str
    trace_id: bytes
    span_id: bytes
    start: int
    attributes: dict[str, object]


def spans_of(receiver: OTLPReceiver) -> list[WireSpan]:
    """Return every span that ``receiver`` was sent."""
    requests = [ExportTraceServiceRequest.FromString(body) for body in receiver.bodies]
    return [
        WireSpan(
            span.name,
            span.trace_id,
            span.span_id,
            span.start_time_unix_nano,
            {entry.key: getattr(entry.value, entry.value.WhichOneof("value")) for entry in span.attributes},
        )
        for request in requests
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
