"""How OTLP writes each kind of field in JSON, both ways. Pure.

From the OTLP specification, "JSON Protobuf Encoding": ids in hexadecimal, enumerations as numbers; the rest by the
mapping of Protocol Buffers, which takes 64-bit numbers as text or as numbers, and enumerations by their names, too.
"""

from __future__ import annotations

import base64
import math
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.descriptor_pb2 import FieldDescriptorProto  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_LONG = frozenset(
    {FieldDescriptorProto.TYPE_FIXED64, FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.TYPE_UINT64}
)
_NOT_WHOLE = "a whole number is expected"
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Codec(NamedTuple):
    """Reads and writes the values of a field; reading raises ``ValueError`` or ``TypeError`` for what is none."""

    read: Callable[[Any], object]
    write: Callable[[Any], object]


def codec_of(field: Any) -> Codec:  # noqa: ANN401  # a descriptor, which has no type
    """Return how a field of no message is read and written; ``field`` is its descriptor in OTLP."""
    if field.type == FieldDescriptorProto.TYPE_ENUM:
        numbers = {name: value.number for name, value in field.enum_type.values_by_name.items()}
        return Codec(lambda value: numbers.get(value, 0) if isinstance(value, str) else _int(value), int)
    if field.name in _IDS:
        return Codec(_id, bytes.hex)
    if field.type in _LONG:
        return Codec(_int, str)
    return _CODECS.get(field.type, Codec(_int, int))


def text(value: bytes) -> str:
    """Return text of the wire."""
    return value.decode("utf-8", "replace")


def _bytes_of_text(value: object) -> bytes:
    if not isinstance(value, str):
        message = "a text is expected"
        raise TypeError(message)
    return value.encode("utf-8", "replace")


def _id(value: object) -> bytes:
    """Return an id; one that is not hexadecimal is none, so that its span alone is refused."""
    try:
        return bytes.fromhex(_bytes_of_text(value).decode())
    except ValueError:
        return b""


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        message = "a number is expected"
        raise TypeError(message)
    if isinstance(value, str):
        return _int_of_text(value)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(_NOT_WHOLE)
    return int(value)


def _int_of_text(text: str) -> int:
    """Return a whole number; it may be written with an exponent, as in ``17E1``, and be no larger than a float."""
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError, ArithmeticError):
        if math.isfinite(float(text)) and (number := Decimal(text)) == number.to_integral_value():
            return int(number)
    raise ValueError(_NOT_WHOLE)


def _double(value: object) -> float:
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        message = "a number is expected"
        raise TypeError(message)
    return float(value)


def _double_as_json(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        message = "true or false is expected"
        raise TypeError(message)
    return value


def _bytes_of_base64(value: object) -> bytes:
    """Return bytes from base64, in its usual alphabet or in that for URLs, padded or not."""
    plain = _bytes_of_text(value).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


_CODECS = {
    FieldDescriptorProto.TYPE_STRING: Codec(_bytes_of_text, text),
    FieldDescriptorProto.TYPE_BYTES: Codec(_bytes_of_base64, _base64),
    FieldDescriptorProto.TYPE_DOUBLE: Codec(_double, _double_as_json),
    FieldDescriptorProto.TYPE_BOOL: Codec(_bool, bool),
}
