"""Session <-> OpenTelemetry Baggage (https://www.w3.org/TR/baggage/). Pure, and never raises.

What stands in baggage may come from anywhere: a caller's header, other code, another SDK. It is
validated here, once, and what is not a valid id or text is not there for anybody above.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from opentelemetry import baggage
from opentelemetry.context import Context

from otel_sessions import _diagnostics
from otel_sessions._session import ids, paths
from otel_sessions._session.session import (
    EMPTY,
    METADATA_PREFIX,
    NAME,
    PATH,
    PREVIOUS_ID,
    SESSION_ID,
    TAGS,
    USER_ID,
    WIRE_KEYS,
    Session,
    session_with,
)
from otel_sessions._settings.settings import in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

# What Langfuse's own SDK leaves in baggage for other services (`propagate_attributes(as_baggage=True)`).
_LANGFUSE_SESSION = "langfuse_session_id"
_LANGFUSE_USER = "langfuse_user_id"

USER_KEYS = frozenset((USER_ID, _LANGFUSE_USER))

_NO_ITEMS: Mapping[str, object] = {}
_NO_TEXTS = (None,) * len(WIRE_KEYS)
# Stands for what is too long or of another type; not printable, so never valid.
_UNFIT = "\x00"


def context_key() -> str | None:
    """Return the Context key under which the API keeps baggage, ``None`` where it can't be told.

    `opentelemetry.baggage` sets one entry per call, and copies everything at each; with the key,
    which only its own public functions show us here, a whole baggage is written in one step.
    """
    with_entry = baggage.set_baggage("key", "value", Context())
    for key in with_entry:
        if baggage.get_all(Context({key: {"key": "value"}})) == {"key": "value"}:
            return key
    return None


CONTEXT_KEY = context_key()


def entries(context: Context) -> Mapping[str, object]:
    """Return the baggage of ``context``."""
    if CONTEXT_KEY is None:
        return baggage.get_all(context)
    found = context.get(CONTEXT_KEY)
    return found if isinstance(found, dict) else _NO_ITEMS


def extras_in(items: Mapping[str, object], keys: Collection[str], most: int) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the metadata and the tags in baggage ``items`` that ``keys`` name, and that are valid."""
    metadata = {}
    for key in keys:
        text = _valid(METADATA_PREFIX + key, _clipped(items.get(METADATA_PREFIX + key)), ids.is_plain_text)
        if text is not None:
            metadata[key] = text
    tags = str(items.get(TAGS, "")).split(",", most) if TAGS in keys else []
    texts = (_valid(TAGS, _clipped(unquote(tag)), ids.is_plain_text) for tag in tags[:most] if tag)
    return metadata, tuple(dict.fromkeys(text for text in texts if text is not None))


def of_session_in(context: Context) -> Mapping[str, object]:
    """Return what the baggage of ``context`` holds under the keys of a session, valid or not."""
    current = entries(context)
    return {key: current[key] for key in in_process().own_keys if key in current}


def with_session(context: Context, key: str, value: object, ours: Mapping[str, object]) -> Context:
    """Return ``context`` with ``value`` under ``key``, and with ``ours`` first in its baggage.

    All other entries of a session leave the baggage; foreign ones stay in their order.
    """
    values = context.copy()
    values[key] = value
    if CONTEXT_KEY is not None:
        current = values.get(CONTEXT_KEY)
        values[CONTEXT_KEY] = exchanged(current, ours) if current else ours
        return Context(values)
    items = exchanged(dict(entries(context)), ours)
    result = baggage.clear(Context(values))
    for name, item in items.items():
        result = baggage.set_baggage(name, item, result)
    return result


_LONGEST_KEPT = 64
"""Longest key that is kept with what is known of it, in characters: a caller may send any."""


def is_private(key: str) -> bool:
    """Tell whether a baggage entry of this name is of a session or of a user, whoever has put it there."""
    key = str(key).strip()  # as who receives it does
    if key in in_process().alias_names:
        return True
    return _is_kept_as_private(key) if len(key) <= _LONGEST_KEPT else _is_of_session(key)


def _is_of_session(key: str) -> bool:
    from otel_sessions._session.other_names import is_of_session  # noqa: PLC0415  # a table, for what is sent

    return is_of_session(key)


_is_kept_as_private = lru_cache(maxsize=1024)(_is_of_session)


def others(items: Mapping[str, object]) -> Mapping[str, object]:
    """Return ``items`` without ours."""
    own_keys = in_process().own_keys
    if own_keys.isdisjoint(items):
        return items
    return {key: value for key, value in items.items() if key not in own_keys}


def foreign(items: Mapping[str, object]) -> Mapping[str, object]:
    """Return ``items`` without what is of a session or of a user."""
    return {key: value for key, value in items.items() if not is_private(key)}


def with_baggage(context: Context, items: Mapping[str, object]) -> Context:
    """Return ``context`` with ``items`` for its baggage."""
    if CONTEXT_KEY is not None:
        return Context({**context, CONTEXT_KEY: items})
    return with_entries(baggage.clear(context), items)


def with_entries(context: Context, items: Mapping[str, object]) -> Context:
    """Return ``context`` with ``items`` in its baggage, over what is there under the same keys."""
    if CONTEXT_KEY is not None:
        there = entries(context)
        return with_baggage(context, {**there, **items} if there else items) if items else context
    for name, item in items.items():
        context = baggage.set_baggage(name, item, context)
    return context


def taken_back(given: Context, around: Context, context: Context) -> Context:
    """Return ``context`` with the baggage that came into it with ``given`` as it is ``around``."""
    outer = entries(around)
    for name, item in entries(given).items():
        if entries(context).get(name) == item:
            context = baggage.remove_baggage(name, context)
            if name in outer:
                context = baggage.set_baggage(name, outer[name], context)
    return context


def exchanged(current: object, ours: Mapping[str, object]) -> Mapping[str, object]:
    """Return the baggage that is ``current`` with ``ours`` first, in place of what there is of a session."""
    return {**ours, **others(current)} if isinstance(current, dict) else ours


Texts: TypeAlias = tuple[str | None, str | None, str | None, str | None, str | None]
"""What baggage holds under `WIRE_KEYS`, not looked at yet."""


def texts_in(items: Mapping[str, object]) -> Texts | None:
    """Return what baggage ``items`` hold of a session, each short enough to keep; ``None`` for nothing at all."""
    get = items.get
    texts = (
        _clipped(get(SESSION_ID)),
        _clipped(get(USER_ID)),
        _clipped(get(NAME)),
        _clipped(get(PATH)),
        _clipped(get(PREVIOUS_ID)),
    )
    return None if texts == _NO_TEXTS else texts


def langfuse_texts_in(items: Mapping[str, object]) -> Texts | None:
    """Return what Langfuse's SDK left in baggage ``items``, in the same form."""
    texts = (_clipped(items.get(_LANGFUSE_SESSION)), _clipped(items.get(_LANGFUSE_USER)), None, None, None)
    return None if texts == _NO_TEXTS else texts


def id_in(items: Mapping[str, object], key: str) -> str | None:
    """Return the id that baggage ``items`` hold under the ``key`` of another tool, ``None`` for none that is valid."""
    return _valid(key, _clipped(items[key]), ids.is_plain_id) if items.get(key) else None


def _clipped(value: object) -> str | None:
    """Return ``value`` as a text short enough to look at (and to keep), ``None`` where there is none."""
    if value is None:
        return None
    text = value if type(value) is str else ids.text_of(value)
    return _UNFIT if text is None or len(text) > ids.MAX_LENGTH else text


def session_of(texts: Texts) -> Session | None:
    """Return the session that ``texts`` tell of, ``None`` where none of them is valid."""
    session_id, user_id, name, path, previous_id = texts
    route = _valid(PATH, path, ids.is_plain_text)
    session = session_with(
        _valid(SESSION_ID, session_id, ids.is_plain_id),
        _valid(USER_ID, user_id, ids.is_plain_id),
        _valid(NAME, name, ids.is_plain_text),
        None if route is None else paths.absolute(route),
        _valid(PREVIOUS_ID, previous_id, ids.is_plain_id),
    )
    return None if session == EMPTY else session


def _valid(key: str, value: str | None, is_valid: Callable[[str], bool]) -> str | None:
    text = None if value is None else value.strip()
    if text is None or is_valid(text):
        return text
    _diagnostics.count(f"dropped baggage {key}")
    _diagnostics.warn_once(
        ("baggage", key),
        "otel_sessions: baggage entry %s is dropped: it is not 1 to %d printable characters, in US-ASCII for an id",
        key,
        ids.MAX_LENGTH,
    )
    return None
