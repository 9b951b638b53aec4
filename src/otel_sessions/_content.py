"""Any value as the text that a span holds of it, and what kind of text that is. Pure.

OpenInference, "Semantic Conventions": ``input.value`` and ``output.value`` are strings, whose
``mime_type`` is ``text/plain`` or ``application/json``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, NamedTuple
from uuid import UUID

MAX_LENGTH = 262_144
"""Most characters of one text. Collectors refuse messages of over 4 MiB, and one holds many spans."""

_TEXT, _JSON = "text/plain", "application/json"
_CUT = "…"
_AS_TEXT = (UUID, Decimal, PurePath, date, time)
REDACTED = "__REDACTED__"
"""What instrumentations of OpenInference put in the place of a value that is to be hidden."""


class Content(NamedTuple):
    """A text and its kind."""

    text: str
    mime_type: str


HIDDEN = Content(REDACTED, _TEXT)


def content_of(value: object) -> Content:
    """Return ``value`` as a text; as JSON where it is neither a `str` nor `bytes`. Never raises.

    Of an object that has no form in JSON only the name of its type is shown: its ``repr`` may hold anything.
    """
    try:
        text, mime_type = _content_of(value)
    except Exception:  # noqa: BLE001  # the value's own code may raise anything; a cycle, and a deep one, does
        text, mime_type = _type_of(value), _TEXT
    return Content(text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + _CUT, mime_type)


def _content_of(value: Any) -> Content:  # noqa: ANN401
    if isinstance(value, str):
        return Content(str(value), _TEXT)
    if isinstance(value, (bytes, bytearray)):
        return Content(value[: 4 * MAX_LENGTH].decode(errors="replace"), _TEXT)
    answer = _answer_in(value)
    if answer:
        return Content(answer, _TEXT)
    return Content(json.dumps(value, ensure_ascii=False, default=_plain), _JSON)


def _plain(value: Any) -> object:  # noqa: ANN401, PLR0911  # a table of types
    """Return something of which `json` knows the form, one level of it."""
    if hasattr(type(value), "model_dump"):  # of pydantic, as are the answers of most client libraries
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.repr}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return list(value)
    if isinstance(value, _AS_TEXT):
        return str(value)
    return value.decode(errors="replace") if isinstance(value, (bytes, bytearray)) else _type_of(value)


def _answer_in(value: object) -> str:
    """Return the text of an answer of OpenAI's client (chat completion, response), empty for anything else."""
    choices = getattr(value, "choices", None)
    if isinstance(choices, list) and choices:
        return _text(_of(_of(choices[0], "message"), "content"))
    return _text(getattr(value, "output_text", None))


def _type_of(value: object) -> str:
    return f"<{type(value).__name__}>"


def piece_of(item: object) -> str | None:
    """Return what an ``item`` of a stream adds to the text of the answer, ``None`` where it is no such item.

    Known are texts, and the items of the streams of OpenAI (chat completions, responses) and Anthropic.
    """
    if isinstance(item, str):
        return str(item)
    if isinstance(item, (bytes, bytearray)):
        return item.decode(errors="replace")
    choices = _of(item, "choices")
    if isinstance(choices, list):
        return "".join(_text(_of(_of(choice, "delta"), "content")) for choice in choices[:1])
    kind = _of(item, "type")
    if kind == "response.output_text.delta":
        return _text(_of(item, "delta"))
    if kind == "content_block_delta":
        return _text(_of(_of(item, "delta"), "text"))
    return "" if isinstance(kind, str) and kind.startswith(_SILENT) else None


_SILENT = ("response.", "content_block_", "message_", "ping")
"""Beginnings of the types of items that are about a stream, and add nothing to its text."""


def _of(item: object, name: str) -> object:
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class Collected:
    """What a stream has given so far: the text, or where its items are of another kind, the items. Bounded."""

    __slots__ = ("_items", "_pieces", "_room")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._items: list[str] = []
        self._room = MAX_LENGTH

    def add(self, item: object) -> None:
        """Take in the next ``item``; what there is no room for is cut."""
        if self._room <= 0:
            return
        piece = piece_of(item)
        if piece is not None:
            self._pieces.append(piece[: self._room])
        else:
            text, mime_type = content_of(item)
            piece = text if mime_type == _JSON else json.dumps(text, ensure_ascii=False)
            self._items += [piece] if len(piece) <= self._room else []
        self._room -= len(piece)

    def content(self) -> Content | None:
        """Return all of it, ``None`` for nothing."""
        text = "".join(self._pieces)
        if text:
            return Content(text + (_CUT if self._room < 0 else ""), _TEXT)
        return Content(f"[{', '.join(self._items)}]", _JSON) if self._items else None
