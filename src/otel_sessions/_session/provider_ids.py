"""Whose call of a model it was: ids that its arguments name, from what its instrumentation has recorded of them. Pure.

What instrumentations record was found out by running them: OpenInference's all arguments but the messages, as JSON;
Traceloop's the user alone; opentelemetry-instrumentation-openai-v2 none. Both set it after the start of the span.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import ids
from .session import SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

KEYS = {"user": USER_ID, "session": SESSION_ID}
"""What may be taken from a call, by the words of the setting."""

# Not `input.value`: it holds the messages as well, and a user who hides the parameters would not look for them there.
_PARAMETERS = ("llm.invocation_parameters", "embedding.invocation_parameters")
# Traceloop's, the second up to 0.52.
_USERS = ("gen_ai.user", "llm.user")

# The user field is "being replaced by safety_identifier", which is there to identify users alone:
# https://platform.openai.com/docs/api-reference/responses/create
_USER_ARGUMENTS = ("safety_identifier", "user")
_SESSION_ARGUMENTS = ("conversation", "metadata")

_LONGEST = 65_536
"""Longest parameters that are read, in characters: half a millisecond."""

_TRACERS = ("openinference.", "opentelemetry.instrumentation.openai")


def is_recorder(tracer: str) -> bool:
    """Tell whether a tracer of this name may record the arguments of calls."""
    return tracer.startswith(_TRACERS)


def ids_in(attributes: Mapping[str, Any], wanted: Collection[str]) -> dict[str, str]:
    """Return those of the ``wanted`` ids, by our names, that the ``attributes`` of a span tell of its call.

    Args:
        attributes: Of anybody; what can't be read is passed over, and what does not fit is a digest, as anywhere.
        wanted: ``user.id`` and ``session.id``, or one of them.
    """
    words = [word for key in wanted for word in (_USER_ARGUMENTS if key == USER_ID else _SESSION_ARGUMENTS)]
    arguments = _arguments_in(attributes, words)
    candidates = {
        USER_ID: [*map(arguments.get, _USER_ARGUMENTS), *map(attributes.get, _USERS)],
        SESSION_ID: [_of(arguments.get("conversation"), "id"), _of(arguments.get("metadata"), "session_id")],
    }
    found = {key: next(filter(None, map(ids.grouping_id, candidates[key])), None) for key in wanted}
    return {key: value for key, value in found.items() if value is not None}


def _arguments_in(attributes: Mapping[str, Any], words: Collection[str]) -> Mapping[str, Any]:
    """Return the arguments that were recorded as JSON, if they name any of the ``words``."""
    for key in _PARAMETERS:
        text = attributes.get(key)
        if isinstance(text, str) and len(text) <= _LONGEST and any(f'"{word}"' in text for word in words):
            return _parsed(text)
    return {}


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # more digits than Python takes, or deeper than it goes
        return {}
    return value if isinstance(value, dict) else {}


def _of(value: object, key: str) -> object:
    """Return what ``value`` has under ``key`` if it is an object; a conversation may be its id alone."""
    if isinstance(value, dict):
        return value.get(key)
    return value if key == "id" else None
