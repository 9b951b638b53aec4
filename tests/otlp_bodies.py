"""OTLP requests made by hand, as the bytes of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

MS = 10**6
NOON = 1_796_040_000 * 10**9
"""2026-11-30T12:00:00Z, in ns."""


def value_of(value: object) -> AnyValue:
    if value is None:
        return AnyValue()
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    if isinstance(value, (list, tuple)):
        return AnyValue(array_value=ArrayValue(values=map(value_of, value)))
    fields = {bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value", str: "string_value"}
    return AnyValue(**{fields[type(value)]: value})


def pairs(attributes: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value_of(value)) for key, value in attributes.items()]


def a_span(trace: int, span: int, parent: int = 0, *, start: int = 0, length: int = 1, **more) -> trace_pb2.Span:
    """Return a span; its ids are numbers, its times ms after `NOON`."""
    return trace_pb2.Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=span.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=more.pop("name", f"span {span}"),
        start_time_unix_nano=NOON + start * MS,
        end_time_unix_nano=NOON + (start + length) * MS,
        attributes=pairs(more.pop("attributes", {})),
        **more,
    )


def a_turn(trace: int, session: object, question: str, answer: str, *, start: int = 0, **more) -> trace_pb2.Span:
    """Return the one span of a trace, which is a turn of ``session``."""
    attributes = {"session.id": session, "input.value": question, "output.value": answer}
    attributes |= more.pop("attributes", {})
    return a_span(trace, trace, start=start, name="turn", attributes=attributes, **more)


def traces_body(*spans: trace_pb2.Span, resource: Mapping[str, object] | None = None, scope: str = "tests") -> bytes:
    of_scope = trace_pb2.ScopeSpans(scope=InstrumentationScope(name=scope, version="1"), spans=spans)
    by = Resource(attributes=pairs({"service.name": "shop"} if resource is None else resource))
    return ExportTraceServiceRequest(
        resource_spans=[trace_pb2.ResourceSpans(resource=by, scope_spans=[of_scope])]
    ).SerializeToString()


def a_log(body: object, *, trace: int = 0, span: int = 0, at: int = 0, **more) -> logs_pb2.LogRecord:
    """Return a log record; its time is ms after `NOON`."""
    return logs_pb2.LogRecord(
        trace_id=trace.to_bytes(16, "big") if trace else b"",
        span_id=span.to_bytes(8, "big") if span else b"",
        time_unix_nano=NOON + at * MS,
        body=value_of(body),
        attributes=pairs(more.pop("attributes", {})),
        **more,
    )


def logs_body(*records: logs_pb2.LogRecord, resource: Mapping[str, object] | None = None) -> bytes:
    of_scope = logs_pb2.ScopeLogs(scope=InstrumentationScope(name="tests"), log_records=records)
    by = Resource(attributes=pairs({"service.name": "shop"} if resource is None else resource))
    return ExportLogsServiceRequest(
        resource_logs=[logs_pb2.ResourceLogs(resource=by, scope_logs=[of_scope])]
    ).SerializeToString()
