"""The spans and records of a case as OTLP protobuf: whole requests for a receiver, and raw spans for what stands behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from otel_sessions.view.wire.batch import RawLog, RawSpan, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from view.shape_spans import Log, Span

BEGINNING = 1_800_000_000_000_000_000
"""When a case begins: unix time in ns."""


def at(seconds: float) -> int:
    """Return the unix time in ns of a time in a case."""
    return BEGINNING + round(seconds * 1e9)


def trace_id(number: int) -> bytes:
    return bytes(15) + bytes([number]) if number else b""


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big") if number else b""


def trace_request(spans: Iterable[Span]) -> bytes:
    """Return one ``ExportTraceServiceRequest``, in the order of ``spans``."""
    of_spans = [
        trace_pb2.ResourceSpans(
            resource=resource_of(each), scope_spans=[trace_pb2.ScopeSpans(scope=scope_of(each), spans=[span_of(each)])]
        )
        for each in spans
    ]
    return ExportTraceServiceRequest(resource_spans=of_spans).SerializeToString()


def logs_request(logs: Iterable[Log]) -> bytes:
    """Return one ``ExportLogsServiceRequest``, in the order of ``logs``."""
    of_logs = [
        logs_pb2.ResourceLogs(
            resource=resource_of(each),
            scope_logs=[logs_pb2.ScopeLogs(scope=scope_of(each), log_records=[log_of(each)])],
        )
        for each in logs
    ]
    return ExportLogsServiceRequest(resource_logs=of_logs).SerializeToString()


def raw_spans(spans: Iterable[Span]) -> tuple[list[RawSpan], list[Source]]:
    """Return the spans as they are when a request has been taken apart."""
    every = list(spans)
    raw = [
        RawSpan(
            trace_id(each.trace),
            span_id(each.id),
            span_id(each.parent),
            at(each.start),
            at(each.end),
            n,
            span_of(each).SerializeToString(),
        )
        for n, each in enumerate(every)
    ]
    return raw, [_source_of(each) for each in every]


def raw_logs(logs: Iterable[Log]) -> tuple[list[RawLog], list[Source]]:
    """Return the records likewise."""
    every = list(logs)
    raw = [
        RawLog(trace_id(each.trace), span_id(each.span), at(each.time), n, log_of(each).SerializeToString())
        for n, each in enumerate(every)
    ]
    return raw, [_source_of(each) for each in every]


def span_of(span: Span) -> trace_pb2.Span:
    status = (
        None if span.error is None else trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message=span.error)
    )
    return trace_pb2.Span(
        trace_id=trace_id(span.trace),
        span_id=span_id(span.id),
        parent_span_id=span_id(span.parent),
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Value(f"SPAN_KIND_{span.kind}"),
        start_time_unix_nano=at(span.start),
        end_time_unix_nano=at(span.end),
        attributes=pairs(span.attributes),
        status=status,
    )


def log_of(log: Log) -> logs_pb2.LogRecord:
    return logs_pb2.LogRecord(
        trace_id=trace_id(log.trace),
        span_id=span_id(log.span),
        time_unix_nano=at(log.time),
        event_name=log.event,
        body=value_of(log.body),
        attributes=pairs(log.attributes),
    )


def resource_of(each: Span | Log) -> Resource:
    return Resource(attributes=pairs({"service.name": each.service, **each.resource}))


def scope_of(each: Span | Log) -> common_pb2.InstrumentationScope:
    return common_pb2.InstrumentationScope(name=each.scope)


def pairs(attributes: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value_of(value)) for key, value in attributes.items()]


def value_of(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[value_of(each) for each in value]))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    return AnyValue(string_value=str(value))


def _source_of(each: Span | Log) -> Source:
    return Source(resource_of(each).SerializeToString(), scope_of(each).SerializeToString())
