"""What went wrong in a span, in words, and whether it is a call of a model that failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otel_sessions.view.wire.memos import Memo

from . import names
from . import raw as wire
from .ids import encodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .plans import Plan

MAX_LENGTH = 4096
"""Longest error that is kept, in characters."""

_NO_WORDS = "error"
_ERROR = 2  # STATUS_CODE_ERROR
_CLIENT_ERRORS = 400  # and from there on what a server says of itself

_STATES = {wire.prefix_of(row.key): value for row, value in names.ERRORS.items()}

# OpenAI and what speaks as it does, Anthropic, Gemini, Bedrock, Cohere, Ollama, Azure.
_OF_MODELS = re.compile(
    r"/(?:chat/completions|completions|responses|embeddings|v1/messages|messages/batches|v[12]/chat|v[12]/rerank"
    r"|api/(?:chat|generate|embed|embeddings)|infer|converse(?:-stream)?|model/[^/?#]+/invoke(?:-with-response-stream)?)/?(?:[?#]|\Z)"
    r"|:(?:generateContent|streamGenerateContent|embedContent|batchEmbedContents|predict|rawPredict|streamRawPredict)(?:[?#]|\Z)"
)
_LONGEST_URL = 4096


def error_of_status(data: bytes, span: bytes) -> str:
    """Return what went wrong by the serialized ``Status`` of a span: its message, else the last exception, else just that something did."""
    status = wire.parsed(wire.Status, data)
    if status.code != _ERROR:
        return ""
    return _shown(wire.text_of(status.message)) or _last_exception(wire.events_of(span)) or _NO_WORDS


def error_of_state(attributes: Sequence[bytes], plan: Plan) -> str:
    """Return what went wrong by attributes that say so beside the status."""
    for place in plan.errors:
        raw = attributes[place]
        if wire.text_in(raw) == _STATES[raw[: raw[1] + 2]]:
            texts = (_shown(wire.text_in(attributes[other])) for other in plan.error_texts)
            return next(filter(None, texts), _NO_WORDS)
    return ""


def _last_exception(events: Iterable[bytes]) -> str:
    """Return the last exception that was recorded, as Python shows it."""
    found = ""
    for data in events:
        event = wire.parsed(wire.Event, data)
        if event.name == b"exception":
            said = wire.mapping_of(event.attributes)
            parts = (said.get("exception.type"), said.get("exception.message"))
            found = _shown(": ".join(part for part in parts if isinstance(part, str) and part))
    return found


def _shown(text: str) -> str:
    """Return a message without the traceback that some write behind it."""
    message = text[:MAX_LENGTH].partition("Traceback (most recent call last)")[0].strip()
    return encodable(message or text[:MAX_LENGTH])


def is_failed_call(attributes: Sequence[bytes], plan: Plan, *, is_error: bool) -> bool:
    """Tell whether an HTTP client's span is a call of a model that failed: 4xx or 5xx, or an error without an answer."""
    code = next(filter(None, (_CODE_OF[attributes[place]] for place in plan.status_codes)), 0)
    if code < _CLIENT_ERRORS if code else not is_error:
        return False
    return any(_is_of_model(wire.text_in(attributes[place])) for place in plan.urls)


def _code_in(raw: bytes) -> int:
    value = wire.value_in(raw)
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) == 3 else 0  # noqa: PLR2004
    return value if isinstance(value, int) else 0


_CODE_OF: Memo[bytes, int] = Memo(_code_in)


def _is_of_model(url: str) -> bool:
    return _OF_MODELS.search(url[:_LONGEST_URL]) is not None
