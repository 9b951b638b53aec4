"""Whose call of a model it was: ids that its arguments name, from what its instrumentation has recorded of them. Pure.

What instrumentations record was found out by running them: OpenInference's all arguments but the messages, as JSON;
Traceloop's and litellm's the user alone; OpenTelemetry's own none. They set it after the start of the span.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from . import ids
from .session import SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

KEYS = {"user": USER_ID, "session": SESSION_ID}
"""What may be taken from a call, by the words of the setting."""

WORDS = (*KEYS, ids.FRAMEWORK)
"""All words of the setting."""

# Not `input.value`: it holds the messages as well, and a user who hides the parameters would not look for them there.
_PARAMETERS = ("llm.invocation_parameters", "embedding.invocation_parameters")
# Traceloop's; the second up to 0.52, and litellm's.
_USERS = ("gen_ai.user", "llm.user")

# The user field is "being replaced by safety_identifier", which is there to identify users alone:
# https://platform.openai.com/docs/api-reference/responses/create
_USER_ARGUMENTS = ("safety_identifier", "user")
# Of the metadata: https://docs.anthropic.com/en/api/messages, on Bedrock as well; other providers take any metadata.
_OF_METADATA = "user_id"
_WORDS = {
    USER_ID: (*_USER_ARGUMENTS, _OF_METADATA),
    SESSION_ID: ("conversation", "metadata", *_USER_ARGUMENTS),
}

# What older versions of Claude Code have for a user: device, account and session in one text.
_OLDER_CLAUDE_CODE = re.compile(r"user_([0-9a-f]{64})_account_([0-9a-f-]{0,40})_session_([0-9a-f-]{1,40})")
# Now it is a JSON text of all three; seen with 2.1.332.
_DEVICE_OR_ACCOUNT = ("device_id", "account_uuid")

_LONGEST = 65_536
"""Longest parameters that are read, in characters: half a millisecond."""

_TRACERS = ("openinference.", "opentelemetry.instrumentation.openai", "litellm")


def is_recorder(tracer: str) -> bool:
    """Tell whether a tracer of this name may record the arguments of calls."""
    return tracer.startswith(_TRACERS)


def ids_in(attributes: Mapping[str, Any], wanted: Collection[str]) -> dict[str, str]:
    """Return those of the ``wanted`` ids, by our names, that the ``attributes`` of a span tell of its call.

    Args:
        attributes: Of anybody; what can't be read is passed over, and what does not fit is a digest, as anywhere.
        wanted: ``user.id`` and ``session.id``, or one of them.
    """
    arguments = _arguments_in(attributes, [word for key in wanted for word in _WORDS[key]])
    metadata = arguments.get("metadata")
    users = [*map(arguments.get, _USER_ARGUMENTS), _of(metadata, _OF_METADATA), *map(attributes.get, _USERS)]
    callers = [*map(_caller_of, users)]
    candidates = {
        USER_ID: [caller.user_id for caller in callers],
        SESSION_ID: [
            _of(arguments.get("conversation"), "id"),
            _of(metadata, "session_id"),
            *(caller.session_id for caller in callers),
        ],
    }
    found = {key: next(filter(None, map(ids.grouping_id, candidates[key])), None) for key in wanted}
    return {key: value for key, value in found.items() if value is not None}


class _Caller(NamedTuple):
    """Who calls, as the call says."""

    user_id: object
    session_id: object = None


def _caller_of(user: object) -> _Caller:
    """Return who ``user`` of a call is: itself, or what Claude Code has put together there.

    That is a JSON text with the device, the account and the session, so that each session would be another user. Its own
    spans have the device for ``user.id``, and so has this.
    """
    if not isinstance(user, str):
        return _Caller(user)
    older = _OLDER_CLAUDE_CODE.fullmatch(user.strip())
    if older:
        return _Caller(older[1], older[3])
    parts = _parsed(user) if '"session_id"' in user and len(user) <= _LONGEST else {}
    if "session_id" not in parts or parts.keys().isdisjoint(_DEVICE_OR_ACCOUNT):
        return _Caller(user)
    return _Caller(next(filter(None, map(parts.get, _DEVICE_OR_ACCOUNT)), None), parts["session_id"])


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
