"""The session that an agent framework carries through a Context: what is found there where nobody has named another.

Highest first: what the span of the Context shows · entries of the Context and of its baggage · what the framework says
of the run that goes on here. So of two frameworks in one trace the outer one wins: its span is the parent.

A Context whose span has ended is one that a framework has left behind, and the next run may be another user's: of
that the run alone is asked.

An entry of baggage may be a caller's, and is held to what holds for callers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from otel_sessions._session.framework_ids import BAGGAGE, ids_in, ids_of
from otel_sessions._session.session import SESSION_ID, USER_ID, Session
from otel_sessions._settings.settings import in_process

from . import baggage
from .attribute_store import attributes_of
from .framework_runs import ids_of_this_run
from .local_trace import SPAN_KEY, note_of
from .process_session import HELD, is_of_process, user_of_process
from .state import State, changed, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

_UTIL_GENAI = "opentelemetry.util.genai.conversation_id-"
"""How the name of the Context key begins that opentelemetry-util-genai has made for the conversation."""


class FrameworkState(State):
    """A state that was found because a framework carries it."""

    __slots__ = ()


def gives_way(state: State) -> bool:
    """Tell whether ``state`` leaves a span alone that names another session itself, at its start or later.

    What came with a request does, what a framework carries, and the session of the process beside a framework's.
    """
    is_lowest = HELD.asks_frameworks and is_of_process(SESSION_ID, state.attributes.get(SESSION_ID))
    return state.id_is_remote or is_lowest or type(state) is FrameworkState


def is_carried(span: object) -> bool:
    """Tell whether it was a framework, as far as is known here, that has named the session which is on ``span``."""
    note = note_of(span)
    return note is not None and (getattr(note, "is_carried", False) or SESSION_ID not in dict(note.stamps))


def has_ended(span: object) -> bool:
    """Tell whether a local ``span`` has ended."""
    return getattr(span, "end_time", None) is not None


def found_in(context: Context) -> State | None:
    """Return the session, or the user alone, that a framework carries through ``context``; ``None`` for neither."""
    span = context.get(SPAN_KEY)
    is_left = has_ended(span)
    found = {} if is_left else _joined(_of_span(span), _of_context(context))
    remote_id = None if is_left or SESSION_ID in found else _of_baggage(context)
    found = _joined(found if remote_id is None else {**found, SESSION_ID: remote_id}, ids_of_this_run())
    session_id, user_id = found.get(SESSION_ID), found.get(USER_ID)
    if session_id is None and user_id is None:
        return None
    # Not that of the process where the session is a caller's.
    of_process = user_of_process() if session_id is not None and user_id is None and remote_id is None else None
    kept = _kept_state(session_id, user_id, of_process, remote_id is not None)
    # While the settings change, a thread may keep one more of before.
    return kept if kept.settings is in_process() else _state(session_id, user_id, of_process, remote_id is not None)


def _joined(above: Mapping[str, str], below: Mapping[str, str]) -> Mapping[str, str]:
    """Return what ``above`` names, and of ``below`` what it lacks, if that is not of another session."""
    session_id = above.get(SESSION_ID)
    return above if session_id is not None and below.get(SESSION_ID, session_id) != session_id else {**below, **above}


def _of_span(span: Any) -> Mapping[str, str]:  # noqa: ANN401  # of any SDK
    """Return what the parent shows of its framework; what it has taken from a call is of that span alone."""
    attributes = attributes_of(span)
    found = ids_in(attributes)
    if SESSION_ID in found and USER_ID not in found:
        found |= ids_of((), [attributes.get(USER_ID)])
    taken = getattr(note_of(span), "from_call", ())
    return {key: value for key, value in found.items() if key not in taken}


def _of_context(context: Context) -> Mapping[str, str]:
    """Return what stands in ``context`` under the keys of frameworks."""
    # Not Traceloop's `association_properties`, which its instrumentation leaves behind in tasks; its spans show the same.
    return ids_of(context[key] for key in context if key.startswith(_UTIL_GENAI))


def _of_baggage(context: Context) -> str | None:
    """Return the session that an entry of baggage names, as far as callers are trusted: it may be one's."""
    items = baggage.entries(context)
    if not items or not in_process().trust_incoming:
        return None
    return next(filter(None, (baggage.id_in(items, key) for key in BAGGAGE)), None)


def _state(
    session_id: str | None, user_id: str | None, of_process: str | None, is_remote: bool
) -> FrameworkState:  # a key of the cache
    session = Session(session_id, of_process if user_id is None else user_id)
    state = state_of(session, id_is_remote=is_remote, user_is_of_process=of_process is not None)
    return as_carried(state)


def as_carried(state: State) -> FrameworkState:
    """Return ``state`` as one that was found because a framework carries it."""
    carried = changed(state)
    carried.__class__ = FrameworkState  # of the same layout
    return carried  # type: ignore[return-value]  # it is one now


_kept_state = lru_cache(maxsize=256)(_state)  # by distinct sets of ids of at most 200 characters


def forget() -> None:
    """Forget what was found before: it holds what the settings of the time have shown."""
    _kept_state.cache_clear()
