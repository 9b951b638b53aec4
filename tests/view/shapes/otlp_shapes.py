"""Real OTLP of one span or one record, made from Python values, and what is read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_sessions.view.shapes.reading import facts_of_logs, facts_of_spans
from otel_sessions.view.wire.batch import RawLog, RawSpan, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from otel_sessions.view.shapes.facts import Facts, LogFacts

TRACE_ID, SPAN_ID, PARENT_ID = bytes(range(16)), bytes(range(8)), bytes(range(1, 9))
START, END = 1_700_000_000_000_000_000, 1_700_000_001_000_000_000


def value_of(value: object) -> AnyValue:
    """Return a value as OTLP has it."""
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(value_of, value)))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=attributes_of(value)))
    kind = {bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value", str: "string_value"}
    return AnyValue() if value is None else AnyValue(**{kind[type(value)]: value})


def attributes_of(attributes: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value_of(value)) for key, value in attributes.items()]


def source_of(resource: Mapping[str, object] | None = None, scope: str = "app") -> Source:
    return Source(
        Resource(attributes=attributes_of(resource or {"service.name": "shop"})).SerializeToString(),
        InstrumentationScope(name=scope).SerializeToString(),
    )


def span_of(  # noqa: PLR0913  # what a span has
    attributes: Mapping[str, object] | None = None,
    *,
    name: str = "work",
    kind: int = 1,
    events: Iterable[tuple[str, Mapping[str, object]]] = (),
    status: int | None = None,
    message: str = "",
) -> Span:
    """Return a span; ``status`` is a code of OTLP, ``None`` for no status at all."""
    return Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id=PARENT_ID,
        name=name,
        kind=kind,
        start_time_unix_nano=START,
        end_time_unix_nano=END,
        attributes=attributes_of(attributes or {}),
        events=[Span.Event(name=event, attributes=attributes_of(said)) for event, said in events],
        status=None if status is None else Status(code=status, message=message),
    )


def raw_span(raw: bytes) -> RawSpan:
    return RawSpan(TRACE_ID, SPAN_ID, PARENT_ID, START, END, 0, raw)


def facts_of(
    attributes: Mapping[str, object] | None = None,
    *,
    resource: Mapping[str, object] | None = None,
    scope: str = "app",
    **more: object,
) -> Facts:
    """Return what a span with these ``attributes`` says; ``more`` as of `span_of`."""
    return facts_of_raw(span_of(attributes, **more).SerializeToString(), source_of(resource, scope))


def facts_of_raw(raw: bytes, source: Source | None = None) -> Facts:
    (facts,) = facts_of_spans([raw_span(raw)], [source or source_of()])
    return facts


def record_of(body: object = None, attributes: Mapping[str, object] | None = None, *, event: str = "") -> bytes:
    """Return a serialized log record."""
    record = LogRecord(
        time_unix_nano=START,
        severity_number=9,
        body=value_of(body),
        attributes=attributes_of(attributes or {}),
        event_name=event,
    )
    return record.SerializeToString()


def log_facts_of(
    body: object = None,
    attributes: Mapping[str, object] | None = None,
    *,
    event: str = "",
    span_id: bytes = SPAN_ID,
    resource: Mapping[str, object] | None = None,
) -> LogFacts:
    raw = record_of(body, attributes, event=event)
    (facts,) = facts_of_logs([RawLog(TRACE_ID, span_id, START, 0, raw)], [source_of(resource)])
    return facts
