"""Whether a value names another session, or is what is left of ours: somebody may have deleted or masked it. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from . import ids

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_SCRUBBED = "[Scrubbed"
"""Begins what Logfire puts in place of a value (https://logfire.pydantic.dev/docs/how-to-guides/scrubbing/)."""


def _hexadecimal(algorithm: str) -> Callable[[str], str]:
    def hexadecimal(text: str) -> str:
        return hashlib.new(algorithm, text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()

    return hexadecimal


_HASHES = {64: _hexadecimal("sha256"), 40: _hexadecimal("sha1"), 32: _hexadecimal("md5")}
"""Hashes by the number of their hex digits; who masks ids so can still group by them."""


def is_another(value: object, ours: Collection[str], limit: int | None = None) -> bool:
    """Tell whether ``value`` names another session than ``ours``.

    It does not where it is absent or empty, ours in another type, "[Scrubbed ...", nothing but characters that mask
    (``x``, ``X`` and what is neither a letter nor a digit), or a SHA-256, SHA-1 or MD5 of ours in hex.

    Args:
        value: What a span has; of any type.
        ours: Our id, in all forms that the span may have been given.
        limit: The longest value of the span in characters, to which an SDK has cut it; ``None`` is any.
    """
    text = ids.text_of(value)
    if text is None:
        return bool(value)
    return bool(text) and text not in ours and not _is_masked(text, limit) and not _is_hash(text, ours, limit)


def _is_masked(text: str, limit: int | None) -> bool:
    return text.startswith(_SCRUBBED[:limit]) or all(char in "xX" or not char.isalnum() for char in text)


def _is_hash(text: str, ours: Collection[str], limit: int | None) -> bool:
    """Tell whether ``text`` is a hash of one of ``ours``, as long as the span allows."""
    lower = text.lower()
    return any(
        len(lower) == (digits if limit is None else min(digits, limit)) and hexadecimal(each).startswith(lower)
        for digits, hexadecimal in _HASHES.items()
        for each in ours
    )
