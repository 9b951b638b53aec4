"""What a log record can hold of any object (OTel specification, "Attribute", AnyValue). Pure, and never raises.

Bounded in depth and in number, so what holds itself, or is endless, is cut and not followed. A number and a text
that no exporter could write are made such that one can: one of them would cost a whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.util.types import AnyValue

_T = TypeVar("_T")

MAX_TEXT = 65_536
"""Longest text, in characters; the rest is cut off."""

_MAX_ROOM = 262_144
"""Most characters of all texts of a record together."""

_MAX_DEPTH = 16
_MAX_PARTS = 1024
_MAX_INT = 2**63 - 1
_CUT = "…"


class Room:
    """How much of text may still be kept.

    Attributes:
        left: In characters; bytes count as such.
    """

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _MAX_ROOM

    def text_of(self, value: object, limit: int = MAX_TEXT) -> str:
        """Return ``value`` as a text that there is room for."""
        if self.left <= 0:
            return _CUT
        text = text_of(value, min(limit, self.left))
        self.left -= len(text)
        return text

    def bytes_of(self, value: bytes | bytearray) -> bytes:
        """Return what there is room for of ``value``."""
        kept = bytes(value[: min(MAX_TEXT, max(self.left, 0))])
        self.left -= len(kept)
        return kept


def logged(value: object, room: Room | None = None) -> AnyValue:
    """Return ``value`` as a log record can hold it: the first 1024 parts of it, to a depth of 16.

    Args:
        value: Anything.
        room: How much of text; ``None`` is as much as one record may have.
    """
    return _Reader(Room() if room is None else room).read(value, _MAX_DEPTH)


def text_of(value: object, limit: int = MAX_TEXT) -> str:
    """Return ``value`` as a text of at most ``limit`` characters that UTF-8 can hold."""
    try:
        text = str.__str__(value) if isinstance(value, str) else str(value)
        text = text if len(text) <= limit else text[: limit - 1] + _CUT
        return text.encode("utf-8", "replace").decode("utf-8")
    except Exception:  # noqa: BLE001  # code of the value
        return f"<{type(value).__name__}>"


class _Reader:
    """Reads one value.

    Attributes:
        left: How many parts may still be read.
        room: How much of text.
    """

    __slots__ = ("left", "room")

    def __init__(self, room: Room) -> None:
        self.left = _MAX_PARTS
        self.room = room

    def read(self, value: object, depth: int) -> AnyValue:
        try:
            return self._read(value, depth)
        except Exception:  # noqa: BLE001  # code of the value
            return f"<{type(value).__name__}>"

    def _read(self, value: object, depth: int) -> AnyValue:
        self.left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            number = int.__index__(value)
            return number if -_MAX_INT <= number <= _MAX_INT else self.room.text_of(number)
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, (bytes, bytearray)):
            return self.room.bytes_of(value)
        if isinstance(value, (Mapping, list, tuple, set, frozenset)):
            return self._read_many(value, depth)
        return self.room.text_of(value)

    def _read_many(self, value: Mapping[object, object] | Iterable[object], depth: int) -> AnyValue:
        if depth <= 0 or self.left <= 0:
            return _CUT
        if isinstance(value, Mapping):
            return self._read_items(value.items(), depth - 1)
        return [self.read(item, depth - 1) for item in self._first(value)]

    def _read_items(self, items: Iterable[tuple[object, object]], depth: int) -> dict[str, AnyValue]:
        named = ((self.room.text_of(name, 256), item) for name, item in self._first(items))
        return {name: self.read(item, depth) for name, item in named if name}

    def _first(self, items: Iterable[_T]) -> Iterable[_T]:
        for item in islice(items, self.left):
            if self.left <= 0:
                return
            yield item
