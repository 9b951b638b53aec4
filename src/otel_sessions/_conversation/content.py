"""Any value as the text that a span holds of it, and what kind of text that is. Pure.

OpenInference, "Semantic Conventions": ``input.value`` and ``output.value`` are strings, whose
``mime_type`` is ``text/plain`` or ``application/json``.
"""

from __future__ import annotations

import codecs
import dataclasses
import json
import re
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LENGTH = 262_144
"""Most characters of one text. Collectors refuse messages of over 4 MiB, and one holds many spans."""

TEXT, _JSON = "text/plain", "application/json"
_CUT = "…"
_AS_TEXT = (UUID, Decimal, PurePath, date, time)
REDACTED = "__REDACTED__"
"""What instrumentations of OpenInference put in the place of a value that is to be hidden."""


class Content(NamedTuple):
    """A text and its kind."""

    text: str
    mime_type: str


# As a name in JSON: of headers, of settings of clients, of forms.
_SECRET = re.compile(
    r'"[^"]*(?:authorization|cookie|password|passwd|secret|credential|api[-_]?key|(?:access|auth|refresh|id)[-_]?token)[^"]*"'
    r'|"(?:token|bearer|pwd)"',
    re.IGNORECASE,
)

HIDDEN = Content(REDACTED, TEXT)


def content_of(value: object) -> Content:
    """Return ``value`` as a text; as JSON where it is neither a `str` nor `bytes`. Never raises.

    Of an object that has no form in JSON only the name of its type is shown: its ``repr`` may hold anything.
    """
    try:
        text, mime_type = _content_of(value)
    except Exception:  # noqa: BLE001  # the value's own code may raise anything; a cycle, and a deep one, does
        text, mime_type = _type_of(value), TEXT
    return _bounded(text, mime_type)


def written(text: str) -> str:
    """Return ``text`` as a span holds it, as `content_of` does; what is short and ASCII stays as it is."""
    return _bounded(text, TEXT).text


def content_of_arguments(arguments: dict[str, object]) -> Content | None:
    """Return the ``arguments`` of a call as a text, the only one or all by their names; ``None`` for none.

    Nobody has said that they are to be seen, so what stands under the name of a secret is left out.
    """
    if not arguments:
        return None
    ((first, value), *others) = arguments.items()
    if others or _is_secret(first):
        parts = (f"{_dumped(name)}: {_json_of(each, _of_argument)}" for name, each in arguments.items())
        found = Content("{" + ", ".join(parts) + "}", _JSON)
    else:
        found = _of_argument(value)
    if found.mime_type == _JSON and _SECRET.search(found.text):
        found = Content(_dumped(json.loads(found.text, object_pairs_hook=_without_secrets)), _JSON)
    return _bounded(*found)


def _of_argument(value: object) -> Content:
    found = content_of(value)
    is_cut = found.mime_type != _JSON and not isinstance(value, (str, bytes, bytearray))
    return HIDDEN if is_cut and _SECRET.search(found.text) else found  # what stands where can't be told any more


def _json_of(value: object, of: Callable[[object], Content] = content_of) -> str:
    text, mime_type = of(value)
    return text if mime_type == _JSON else _dumped(text)


def _without_secrets(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {name: REDACTED if _is_secret(name) else value for name, value in pairs}


def _is_secret(name: str) -> bool:
    return _SECRET.search(f'"{name}"') is not None


def _bounded(text: str, mime_type: str) -> Content:
    if len(text) > MAX_LENGTH:
        text, mime_type = text[: MAX_LENGTH - 1] + _CUT, TEXT
    return Content(_writable(text), mime_type)


def _writable(text: str) -> str:
    """Return ``text`` as UTF-8 can hold it: a lone surrogate would cost the attribute, or the batch."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _content_of(value: Any) -> Content:  # noqa: ANN401
    if isinstance(value, str):
        return Content(str.__str__(value), TEXT)  # of a subclass as well, and without code of its own
    if isinstance(value, (bytes, bytearray)):
        return Content(value[: 4 * MAX_LENGTH].decode(errors="replace"), TEXT)
    answer = _answer_in(value)
    if answer:
        return Content(answer, TEXT)
    try:
        return Content(_dumped(value), _JSON)
    except TypeError:  # a key that is no text
        return Content(_dumped(value, skipkeys=True), _JSON)


def _dumped(value: object, *, skipkeys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain, skipkeys=skipkeys)


def _plain(value: Any) -> object:  # noqa: ANN401  # a table of types
    """Return something of which `json` knows the form, one level of it."""
    if hasattr(type(value), "model_dump"):  # of pydantic, as are the answers of most client libraries
        return _of_model(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.repr}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, _AS_TEXT):
        return str(value)
    return value.decode(errors="replace") if isinstance(value, (bytes, bytearray)) else _type_of(value)


def _of_model(value: Any) -> object:  # noqa: ANN401
    """Return what a model of pydantic shows of itself."""
    fields = getattr(type(value), "model_fields", {})
    hidden = {name for name, field in fields.items() if not getattr(field, "repr", True)}
    try:
        return value.model_dump(mode="json", exclude=hidden, warnings=False)  # they would show values
    except TypeError:  # of another library
        return value.model_dump(mode="json")


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

    Known are texts, and the items of the streams of OpenAI (chat completions, responses, and the helper `stream` of
    both) and Anthropic.
    """
    if isinstance(item, str):
        return str(item)
    choices = _of(item, "choices")
    if isinstance(choices, list):
        return "".join(_text(_of(_of(choice, "delta"), "content")) for choice in choices[:1])
    kind = _of(item, "type")
    if kind in ("response.output_text.delta", "content.delta"):  # it may be anything, without a hash too
        return _text(_of(item, "delta"))
    if kind == "content_block_delta":
        return _text(_of(_of(item, "delta"), "text"))
    return "" if isinstance(kind, str) and kind.startswith(_SILENT) else None


_SILENT = (
    "response.",
    "content.",
    "chunk",
    "tool_calls.",
    "refusal.",
    "logprobs.",
    "content_block_",
    "message_",
    "ping",
)
"""Beginnings of the types of items that are about a stream, and add nothing to its text."""


def _of(item: object, name: str) -> object:
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class Collected:
    """What a stream has given so far: the text, or where its items are of another kind, the items. Bounded."""

    __slots__ = ("_decoder", "_items", "_pieces", "_room")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._items: list[str] = []
        self._room = MAX_LENGTH
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may be in two items

    def add(self, item: object) -> None:
        """Take in the next ``item``; what there is no room for is cut."""
        if self._room <= 0:
            return
        piece = self._decoder.decode(item[: 4 * self._room]) if isinstance(item, (bytes, bytearray)) else piece_of(item)
        if piece is None:
            piece = _json_of(item)
            self._items += [piece] if len(piece) <= self._room else []
        elif piece:
            self._pieces.append(piece[: self._room])
        self._room -= len(piece)

    def content(self) -> Content | None:
        """Return all of it, ``None`` for nothing."""
        text = _writable("".join(self._pieces))
        if text:
            return Content(text + (_CUT if self._room < 0 else ""), TEXT)
        return Content(f"[{', '.join(self._items)}]", _JSON) if self._items else None
