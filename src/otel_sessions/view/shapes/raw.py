"""What is inside of a serialized span or log record, as far as it is asked for; the rest stays in bytes.

The messages of OTLP are read with descriptors of our own, in which what is nested is bytes, and so are texts: what is not
UTF-8 is no reason to refuse a span. An attribute stays a serialized ``KeyValue``. On the wire its key mostly stands first,
so that the attribute begins with what `prefix_of` gives of that key; `canonical` brings the others into this form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Value: TypeAlias = "str | bool | int | float | bytes | list[Value] | dict[str, Value] | None"

_Field = descriptor_pb2.FieldDescriptorProto
_BYTES, _BOOL, _INT, _NUMBER, _DOUBLE, _FIXED = (
    _Field.TYPE_BYTES,
    _Field.TYPE_BOOL,
    _Field.TYPE_INT64,
    _Field.TYPE_INT32,
    _Field.TYPE_DOUBLE,
    _Field.TYPE_FIXED64,
)
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED

# By the numbers of opentelemetry-proto 1.x; a field that is not wanted is skipped by the parser. Of a field that is there
# more than once the last one counts: to look for the last event is cheaper than to ask for the list of all.
_MESSAGES: Mapping[str, tuple[tuple[str, int, int, int], ...]] = {
    "Span": (
        ("name", 5, _BYTES, _ONE),
        ("kind", 6, _NUMBER, _ONE),
        ("attributes", 9, _BYTES, _MANY),
        ("last_event", 11, _BYTES, _ONE),
        ("status", 15, _BYTES, _ONE),
    ),
    "Events": (("events", 11, _BYTES, _MANY),),
    "Status": (("message", 2, _BYTES, _ONE), ("code", 3, _NUMBER, _ONE)),
    "Event": (("time", 1, _FIXED, _ONE), ("name", 2, _BYTES, _ONE), ("attributes", 3, _BYTES, _MANY)),
    "LogRecord": (
        ("severity", 2, _NUMBER, _ONE),
        ("body", 5, _BYTES, _ONE),
        ("attributes", 6, _BYTES, _MANY),
        ("event_name", 12, _BYTES, _ONE),
    ),
    "Resource": (("attributes", 1, _BYTES, _MANY),),
    "Scope": (("name", 1, _BYTES, _ONE),),
    "KeyValue": (("key", 1, _BYTES, _ONE), ("value", 2, _BYTES, _ONE)),
    "AnyValue": (
        ("text", 1, _BYTES, _ONE),
        ("flag", 2, _BOOL, _ONE),
        ("integer", 3, _INT, _ONE),
        ("double", 4, _DOUBLE, _ONE),
        ("array", 5, _BYTES, _ONE),
        ("mapping", 6, _BYTES, _ONE),
        ("binary", 7, _BYTES, _ONE),
    ),
    "Items": (("items", 1, _BYTES, _MANY),),
}
_PACKAGE = "otel_sessions.shallow"


def _made() -> dict[str, Any]:
    """Return a class for each of the messages."""
    file = descriptor_pb2.FileDescriptorProto(name="otel_sessions/shallow.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        is_choice = name == "AnyValue"
        if is_choice:
            message.oneof_decl.add(name="value")
        for field, number, kind, label in fields:
            of_choice = {"oneof_index": 0} if is_choice else {}
            message.field.add(name=field, number=number, type=kind, label=label, **of_choice)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_CLASSES = _made()
Span, Events, Status, Event, LogRecord, Resource, Scope = (
    _CLASSES[name] for name in ("Span", "Events", "Status", "Event", "LogRecord", "Resource", "Scope")
)
_KeyValue, _AnyValue, _Items = (_CLASSES[name] for name in ("KeyValue", "AnyValue", "Items"))

_KEY, _VALUE, _TEXT, _INTEGER = 0x0A, 0x12, 0x0A, 0x18
"""Tags: of the key and the value of a ``KeyValue``, of a text and an integer of an ``AnyValue``."""

_SHORT = 0x80
"""What takes one byte as a length is less than this."""

MAX_DEPTH = 32
"""How deep a value may be nested; what is deeper is read as none."""

MAX_ITEMS = 20_000
"""How many values are read of one attribute; what follows is left out, so that none takes longer than some 20 ms."""


def parsed(kind: Any, data: bytes) -> Any:  # noqa: ANN401  # classes that are made at run time
    """Return ``data`` as a message, an empty one where it is none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        return kind()


def events_of(span: bytes) -> Any:  # noqa: ANN401  # as above
    """Return the serialized events of a serialized span."""
    return parsed(Events, span).events


def prefix_of(key: str) -> bytes:
    """Return what a serialized attribute of this ``key`` begins with, where the key is shorter than 128 bytes."""
    name = key.encode()
    return bytes((_KEY, len(name))) + name


def is_usual(raw: bytes) -> bool:
    """Tell whether an attribute begins with its key, and that is shorter than 128 bytes."""
    return len(raw) > 1 and raw[0] == _KEY and raw[1] < _SHORT


def canonical(raw: bytes) -> bytes:
    """Return the same attribute with a short key first; without value and key where that can't be."""
    pair = parsed(_KeyValue, raw)
    if len(pair.key) >= _SHORT:
        return bytes((_KEY, 0))
    key, value = bytes(pair.key), bytes(pair.value)
    return bytes((_KEY, len(key))) + key + bytes((_VALUE,)) + _size(len(value)) + value


def _size(number: int) -> bytes:
    """Return ``number`` as protobuf writes a length."""
    found = bytearray()
    while number >= _SHORT:
        found.append(number & 0x7F | _SHORT)
        number >>= 7
    found.append(number)
    return bytes(found)


def text_of(data: bytes) -> str:
    """Return a text of the wire; what is no UTF-8 is replaced."""
    return data.decode("utf-8", "replace")


def text_in(raw: bytes) -> str:
    """Return the text of an attribute in its usual form; nothing where it is none."""
    start = raw[1] + 2
    size = len(raw) - start
    if 3 < size < _SHORT and raw[start : start + 4] == bytes((_VALUE, size - 2, _TEXT, size - 4)):  # noqa: PLR2004
        return raw[start + 4 :].decode("utf-8", "replace")
    value = value_in(raw)
    return value if isinstance(value, str) else ""


def value_in(raw: bytes) -> Value:
    """Return the value of an attribute."""
    return value_of(parsed(_KeyValue, raw).value)


def value_of(data: bytes) -> Value:
    """Return the value of a serialized ``AnyValue``."""
    return _value_of(data, _Room(MAX_ITEMS), MAX_DEPTH)


def mapping_of(attributes: Iterable[bytes]) -> dict[str, Value]:
    """Return attributes by their keys; of a key that is there twice the last one counts."""
    return _mapping_of(attributes, _Room(MAX_ITEMS), MAX_DEPTH)


class _Room:
    """How many values may still be read."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def _value_of(data: bytes, room: _Room, depth: int) -> Value:
    value = parsed(_AnyValue, data)
    which = value.WhichOneof("value")
    room.left -= 1
    if which is None or depth <= 0:
        return None
    found = getattr(value, which)
    if which == "text":
        return text_of(found)
    if which == "array":
        items = parsed(_Items, found).items
        return [_value_of(item, room, depth - 1) for item in items if room.left > 0]
    if which == "mapping":
        return dict(_mapping_of(parsed(_Items, found).items, room, depth - 1))
    plain: Value = found
    return plain


def _mapping_of(attributes: Iterable[bytes], room: _Room, depth: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for raw in attributes:
        if room.left <= 0:
            break
        pair = parsed(_KeyValue, raw)
        found[text_of(pair.key)] = _value_of(pair.value, room, depth)
    return found
