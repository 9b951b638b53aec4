"""Reads spans and log records out of the OTLP bytes that a receiver was sent: by itself, not as the package does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from local_receiver import OTLPReceiver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


class WireSpan(NamedTuple):
    """A span as it came over the wire; all ids are in hex digits."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    attributes: dict[str, object]
    service: str
    trace_state: str


class WireLog(NamedTuple):
    """A log record as it came over the wire, with the span that it belongs to; all ids are in hex digits."""

    logger: str
    event: str
    body: object
    trace_id: str
    span_id: str
    attributes: dict[str, object]
    service: str

    @property
    def name(self) -> str:
        """What it tells: the name of its event, or its text."""
        return self.event or str(self.body or "")


def spans_of(receiver: OTLPReceiver) -> list[WireSpan]:
    """Return every span that ``receiver`` was sent."""
    return spans_in(receiver.bodies)


def spans_in(bodies: Iterable[bytes]) -> list[WireSpan]:
    """Return the spans of OTLP requests for traces."""
    return [
        WireSpan(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano,
            attributes_in(span.attributes),
            service_of(of_resource),
            span.trace_state,
        )
        for body in bodies
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def logs_in(bodies: Iterable[bytes]) -> list[WireLog]:
    """Return the records of OTLP requests for logs."""
    return [
        WireLog(
            of_scope.scope.name,
            record.event_name,
            value_of(record.body),
            record.trace_id.hex(),
            record.span_id.hex(),
            attributes_in(record.attributes),
            service_of(of_resource),
        )
        for body in bodies
        for of_resource in ExportLogsServiceRequest.FromString(body).resource_logs
        for of_scope in of_resource.scope_logs
        for record in of_scope.log_records
    ]


def service_of(of_resource) -> str:
    return str(attributes_in(of_resource.resource.attributes).get("service.name", ""))


def attributes_in(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: value_of(pair.value) for pair in pairs}


def value_of(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_in(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


class LogReceiver(OTLPReceiver):
    """Reads the records of the log requests, too."""

    def records(self) -> list[WireLog]:
        """Return every log record that it was sent."""
        return logs_in(self.log_bodies)
