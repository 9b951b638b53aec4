"""What was made of some bytes, kept for when they come again: most attributes of a source do. Bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_K = TypeVar("_K")
_V = TypeVar("_V")

_MOST = 4096
"""Entries of one memo. When there are as many, all are forgotten: what is used comes back."""

_LONGEST = 256
"""Bytes, or items, of the longest key that is kept."""


class Memo(dict[_K, _V]):
    """What a function has returned, by its argument; reading from it calls that for what is new."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[_K], _V]) -> None:
        """Hold nothing yet."""
        super().__init__()
        self._make = make

    def __missing__(self, key: _K) -> _V:
        """Return what the function makes of ``key``, and keep it where that is short."""
        value = self._make(key)
        if len(key) <= _LONGEST:  # type: ignore[arg-type]  # bytes, and tuples
            if len(self) >= _MOST:
                self.clear()
            self[key] = value
        return value
