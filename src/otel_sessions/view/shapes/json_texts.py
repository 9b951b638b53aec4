"""Texts that may be JSON. Pure, and never raises."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from .ids import encodable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .raw import Value

LONGEST = 4_194_304
"""Longest JSON that is read, in characters; a longer one is a text."""

OF_JSON = frozenset(("{", "[", '"'))
"""What JSON begins with, where it is more than a number or a word."""


def loaded(value: Value) -> Value:
    """Return what ``value`` is as JSON, if it is the text of an object or a list of at most `LONGEST` characters; else itself."""
    if not isinstance(value, str) or len(value) > LONGEST or value.lstrip()[:1] not in OF_JSON:
        return value
    return _tried(json.loads, value, value)


def _tried(function: Callable[[Any], Any], value: Value, default: Value) -> Value:
    """Return ``default`` where JSON can't be read or written: cut, a text that begins so, or deeper than Python goes."""
    try:
        found: Value = function(value)
    except (ValueError, RecursionError):
        return default
    return found


def dumped(value: Value) -> str:
    """Return ``value`` as JSON."""
    return encodable(str(_tried(partial(json.dumps, ensure_ascii=False, default=str), value, "")))
