"""All that a raw span, record, resource or scope says, as Python values. Pure.

For what one person looks at; lists are made of less. Text that is not UTF-8 has replacement characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from google.protobuf import descriptor_pb2  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from .memos import Memo
from .messages import made, whole
from .reading import InvalidOTLPError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .messages import Message, MessageType

Value: TypeAlias = "str | bool | int | float | bytes | list[Value] | dict[str, Value] | None"

_Field = descriptor_pb2.FieldDescriptorProto
_BYTES, _ENUM, _COUNT = _Field.TYPE_BYTES, _Field.TYPE_INT32, _Field.TYPE_UINT32
_TIME, _FLAGS = _Field.TYPE_FIXED64, _Field.TYPE_FIXED32

# A span whose attributes stay bytes: most of them are those of another span, too, and are read once. Few have the rest.
_Span = made(
    "otel_sessions.apart",
    {
        "Status": (("message", 2, _BYTES, False), ("code", 3, _ENUM, False)),
        "Span": (
            ("trace_id", 1, _BYTES, False),
            ("span_id", 2, _BYTES, False),
            ("trace_state", 3, _BYTES, False),
            ("parent_span_id", 4, _BYTES, False),
            ("name", 5, _BYTES, False),
            ("kind", 6, _ENUM, False),
            ("start_time_unix_nano", 7, _TIME, False),
            ("end_time_unix_nano", 8, _TIME, False),
            ("attributes", 9, _BYTES, True),
            ("dropped_attributes_count", 10, _COUNT, False),
            ("events", 11, _BYTES, True),
            ("dropped_events_count", 12, _COUNT, False),
            ("links", 13, _BYTES, True),
            ("dropped_links_count", 14, _COUNT, False),
            ("status", 15, "Status", False),
            ("flags", 16, _FLAGS, False),
        ),
    },
)["Span"]
_Event = whole("trace.v1.Span.Event")
_Link = whole("trace.v1.Span.Link")
_KeyValue = whole("common.v1.KeyValue")
_LogRecord = whole("logs.v1.LogRecord")
_Resource = whole("resource.v1.Resource")
_Scope = whole("common.v1.InstrumentationScope")


class WholeEvent(NamedTuple):
    """An event of a span; ``time`` is unix time in ns."""

    name: str
    time: int
    attributes: dict[str, Value]
    dropped_attributes: int


class WholeLink(NamedTuple):
    """A link of a span to another one."""

    trace_id: bytes
    span_id: bytes
    attributes: dict[str, Value]
    trace_state: str
    dropped_attributes: int


class WholeSpan(NamedTuple):
    """All of a span. Times are unix time in ns; kind and status code have the numbers of OTLP.

    Attributes:
        attributes: Lists and maps in it are those of other spans, too, and not to be changed.
        span_kind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer; 0 is not said.
        status_code: 1 ok, 2 error; 0 is not said.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    span_kind: int
    start: int
    end: int
    status_code: int
    status_message: str
    attributes: dict[str, Value]
    events: list[WholeEvent]
    links: list[WholeLink]
    trace_state: str
    flags: int
    dropped_attributes: int
    dropped_events: int
    dropped_links: int


class WholeLog(NamedTuple):
    """All of a log record. Times are unix time in ns; ``severity`` has the numbers of OTLP, 0 is not said."""

    trace_id: bytes
    span_id: bytes
    time: int
    observed: int
    severity: int
    severity_text: str
    event_name: str
    body: Value
    attributes: dict[str, Value]
    flags: int
    dropped_attributes: int


def whole_span(raw: bytes) -> WholeSpan:
    """Return all of a span.

    Raises:
        InvalidOTLPError: ``raw`` is no ``opentelemetry.proto.trace.v1.Span``.
    """
    span = _parsed(_Span, raw)
    status = span.status
    return WholeSpan(  # by their places, which takes less than their names
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.name.decode("utf-8", "replace"),
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status.code,
        status.message.decode("utf-8", "replace"),
        dict(map(_PAIR_OF.__getitem__, span.attributes)),
        [_event(_parsed(_Event, raw)) for raw in span.events],
        [_link(_parsed(_Link, raw)) for raw in span.links],
        span.trace_state.decode("utf-8", "replace"),
        span.flags,
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
    )


def whole_log(raw: bytes) -> WholeLog:
    """Return all of a log record.

    Raises:
        InvalidOTLPError: ``raw`` is no ``opentelemetry.proto.logs.v1.LogRecord``.
    """
    record = _parsed(_LogRecord, raw)
    return WholeLog(
        trace_id=record.trace_id,
        span_id=record.span_id,
        time=record.time_unix_nano,
        observed=record.observed_time_unix_nano,
        severity=record.severity_number,
        severity_text=_text(record.severity_text),
        event_name=_text(record.event_name),
        body=_value(record.body),
        attributes=_mapping(record.attributes),
        flags=record.flags,
        dropped_attributes=record.dropped_attributes_count,
    )


def whole_resource(raw: bytes) -> dict[str, Value]:
    """Return the attributes of a resource.

    Raises:
        InvalidOTLPError: ``raw`` is no ``opentelemetry.proto.resource.v1.Resource``.
    """
    return _mapping(_parsed(_Resource, raw).attributes)


def whole_scope(raw: bytes) -> tuple[str, str, dict[str, Value]]:
    """Return name, version and attributes of a scope.

    Raises:
        InvalidOTLPError: ``raw`` is no ``opentelemetry.proto.common.v1.InstrumentationScope``.
    """
    scope = _parsed(_Scope, raw)
    return _text(scope.name), _text(scope.version), _mapping(scope.attributes)


def _parsed(kind: MessageType, raw: bytes) -> Message:
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        message = f"not a {kind.DESCRIPTOR.name} of OTLP"
        raise InvalidOTLPError(message) from error


def _event(event: Message) -> WholeEvent:
    attributes = _mapping(event.attributes)
    return WholeEvent(_text(event.name), event.time_unix_nano, attributes, event.dropped_attributes_count)


def _link(link: Message) -> WholeLink:
    attributes = _mapping(link.attributes)
    state = _text(link.trace_state)
    return WholeLink(link.trace_id, link.span_id, attributes, state, link.dropped_attributes_count)


def _text(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _attribute(raw: bytes) -> tuple[str, Value]:
    pair = _parsed(_KeyValue, raw)
    return _text(pair.key), _value(pair.value)


_PAIR_OF: Memo[bytes, tuple[str, Value]] = Memo(_attribute)


def _mapping(attributes: Iterable[Message]) -> dict[str, Value]:
    """Return attributes; of several with one key the last counts, which OTLP leaves open."""
    return {_text(each.key): _value(each.value) for each in attributes}


def _value(value: Message) -> Value:
    """Return the Python value; the parser has bounded how deep it is."""
    which = value.WhichOneof("value")
    if which == "string_value":
        return _text(value.string_value)
    if which == "array_value":
        return [_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return _mapping(value.kvlist_value.values)
    return None if which is None else getattr(value, which)
