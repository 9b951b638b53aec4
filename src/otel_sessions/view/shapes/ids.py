"""What names a session or a user, of whatever type it came. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from otel_sessions._session.ids import digest

from . import raw as wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .raw import Value

MAX_LENGTH = 1024
"""Longest id, in characters. A longer one is replaced by its digest: to cut it would merge sessions."""

# Spring's remote fields write the properties of an entry of baggage behind its value, once or twice encoded.
_PROPERTIES = (";propagation=unlimited", ";propagation%3Dunlimited", ";propagation%3dunlimited")

# What logfire writes in the place of a value whose name has "session" in it: the same for all sessions.
_SCRUBBED = "[Scrubbed due to "

_LONGEST_JSON = 65_536
"""Longest metadata that are read, in characters."""


def id_of(value: Value) -> str:
    """Return ``value`` as an id, as it is; nothing where it is none: a list, a mapping, a blank, what was scrubbed.

    Numbers and truth values are their text, as JSON writes them.
    """
    if isinstance(value, str):
        text = encodable(value)
    elif isinstance(value, (bool, int, float)):
        text = json.dumps(value)
    else:
        return ""
    for ending in _PROPERTIES:
        text = text.removesuffix(ending)
    if not text.strip() or text.startswith(_SCRUBBED):
        return ""
    return text if len(text) <= MAX_LENGTH else digest(text)


def encodable(text: str) -> str:
    """Return ``text`` without halves of surrogates, which JSON can hold, and a file can't."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def id_in(raw: bytes) -> str:
    """Return the id that an attribute is, likewise."""
    return id_of(wire.text_in(raw) or wire.value_in(raw))


def ids_in_json(raw: bytes, keys: tuple[str, ...]) -> tuple[str, str]:
    """Return the first of the ``keys`` with an id in an attribute that is a JSON object, and the id; nothing for none."""
    metadata = json_object(wire.text_in(raw), _LONGEST_JSON, keys)
    for key in keys:
        found = id_of(metadata.get(key))
        if found:
            return key, found
    return "", ""


def json_object(text: str, longest: int, keys: tuple[str, ...]) -> Mapping[str, Value]:
    """Return the JSON object that ``text`` is, if it is not longer than that, and has one of the ``keys`` anywhere."""
    if len(text) > longest or not any(f'"{key}"' in text for key in keys):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # more digits than Python takes, or deeper than it goes
        return {}
    return value if isinstance(value, dict) else {}
