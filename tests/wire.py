"""Reads spans and log records out of the OTLP bytes that a receiver was sent."""

from __future__ import annotations

from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_sessions.view import OTLPReceiver
from otel_sessions.view._receiver import MAX_BODY_BYTES, _decompressed


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


class LogReceiver(OTLPReceiver):
    """Keeps the log requests too, which the viewer takes and forgets."""

    def __init__(self) -> None:
        self.requests = []
        super().__init__()

    async def _ignore(self, request):
        if request.url.path == "/v1/logs":
            body = _decompressed(await request.body(), request, MAX_BODY_BYTES)
            self.requests.append(ExportLogsServiceRequest.FromString(body))
        return await super()._ignore(request)

    def records(self):
        return [
            record
            for request in self.requests
            for resource_logs in request.resource_logs
            for scope_logs in resource_logs.scope_logs
            for record in scope_logs.log_records
        ]
