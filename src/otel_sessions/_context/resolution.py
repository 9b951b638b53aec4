"""Which session a span that starts in a Context carries: who wins of all that may name one.

Highest first: a scope that clears · a scope opened after the trace was bound · what the trace was
bound to · any other scope · baggage · the local span of the Context, where the rest got lost ·
what other tools left · what agent frameworks carry, and the session and the user of the process, if it was asked for them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import NonRecordingSpan

from otel_sessions import _diagnostics
from otel_sessions._session import ids
from otel_sessions._session.session import (
    MAX_ITEMS,
    METADATA_PREFIX,
    SESSION_ID,
    TAGS,
    USER_ID,
    WIRE_KEYS,
    Session,
    extras_in,
    overlaid,
    texts_in,
)
from otel_sessions._settings.settings import PROCESS, in_process

from . import baggage
from .attribute_store import shown_by
from .dropped import state_of_dropped
from .entry import entry_in, get_current, live_entry_in
from .lives import binding_in
from .local_trace import SPAN_KEY, is_withdrawn, note_of, was_bound
from .origin import ORIGIN, beside_origin
from .process_session import HELD, held_in, is_of_process, user_of_process
from .state import (
    CLEARED,
    NOTHING,
    OPENINFERENCE_SESSION,
    OPENINFERENCE_USER,
    UNKNOWN,
    UNTOUCHED,
    State,
    as_of_now,
    changed,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context


_MORE = frozenset((*WIRE_KEYS, TAGS)) - {SESSION_ID, USER_ID}
_ALONE = 2
_NOBODY: tuple[object, object, State] = (object(), None, UNKNOWN)


class _Last:
    """What was found last of a session that is told by its two ids and nothing else; one at most.

    Attributes:
        known: The two ids, by which it is known as the very objects, and what was found, with the settings that held.
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known = _NOBODY

    def keep(self, session_id: object, user_id: object, state: State | None) -> State | None:
        """Keep the ``state`` that was found of these ids, and return it; not of what may be another text the next time."""
        if state is not None and type(session_id) is str and (user_id is None or type(user_id) is str):
            self.known = session_id, user_id, state
        return state


_PARENTS = _Last()
_CALLERS = _Last()


def state_in(context: Context) -> State | None:
    """Return what a span that starts in ``context`` carries, ``None`` for nothing."""
    entry, context = live_entry_in(context)
    if entry is None:
        return outside(context) if context else _in_nothing(context)
    if entry.state is CLEARED:
        return CLEARED
    binding = binding_in(context)
    if binding is not None and entry.binds < binding.number:
        return binding.state if entry.state.is_whole else _overlaid(entry.state, binding.state)
    return entry.state if entry.state.is_whole else _completed(entry.state, outside(context))


def unscoped(context: Context) -> State | None:
    """Return what a span that starts in ``context`` carries, where there is neither a scope nor a bound trace."""
    try:
        items = baggage.entries(context)
        if items:
            known = _CALLERS.known
            is_known = len(items) == _ALONE and items.get(SESSION_ID) is known[0] and items.get(USER_ID) is known[1]
            if is_known and HELD.is_idle and known[2].settings is PROCESS.settings and not ORIGIN.items:
                return known[2]  # as `remote_in`
            if ORIGIN.items:
                items = beside_origin(items, context)
        found = _among(items, context) if items else _of_parent(context) or _of_openinference(context)
    except Exception as error:  # noqa: BLE001  # the values of other tools, and the spans, are not ours
        _warn_of(error)
        found = None
    return found if HELD.is_idle else _in_process(found, context)


def outside(context: Context) -> State | None:
    """Return what a span that starts in ``context``, which is not empty, carries where there is no scope."""
    binding = binding_in(context)
    return unscoped(context) if binding is None else binding.state


def names_session(context: Context) -> bool:
    """Tell whether ``context``, whose span is remote, has a session by itself, or none on purpose, or one that has ended."""
    entry = entry_in(context)
    if entry is not None and (entry.state.is_whole or (entry.context is None and entry.token is not None)):
        return True
    try:
        items = baggage.entries(context)
        found = _among(items, context) if items else _of_openinference(context)
    except Exception as error:  # noqa: BLE001  # as above
        _warn_of(error)
        return True
    return found is not None and found.is_whole


def named_in(context: Context) -> State | None:
    """Return what the baggage of ``context``, whose span is remote, names; ``None`` for nothing that is valid."""
    return _among(baggage.entries(context), context)


def is_without_session(context: Context) -> bool:
    """Tell whether there is no session in ``context`` on purpose."""
    return state_in(context) in {CLEARED, NOTHING}  # by identity


def _in_nothing(context: Context) -> State | None:
    """Return what a span carries that starts in an empty ``context``: one that was passed on purpose is no framework's."""
    return unscoped(context) if HELD.asks_frameworks and context is get_current() else held_in(context)


def _among(items: Mapping[str, object], context: Context) -> State | None:
    """Return the session of the baggage ``items``, or what else there is in ``context``."""
    remote = remote_in(items)
    if remote is not None and remote.is_whole:
        return remote
    local = _of_parent(context) or _of_openinference(context)
    if (local is not None and local.is_whole) or not in_process().trust_incoming:
        return local
    texts = baggage.langfuse_texts_in(items)
    langfuse = None if texts is None else _as_of_now(remote_state(texts))
    return langfuse if langfuse is not None and langfuse.is_whole else remote or local or langfuse


def _in_process(found: State | None, context: Context) -> State | None:
    """Return what was ``found``, and where it has no session that of a framework, else that of the process.

    But not below what was cleared.
    """
    is_below_nothing = is_withdrawn(context.get(SPAN_KEY))
    if HELD.asks_frameworks and not is_below_nothing:
        found = _of_framework(found, context)
    if found is not None and found.is_whole:
        return found
    if is_below_nothing:
        return CLEARED
    process = held_in(context)
    if process is None:
        return found
    if found is None and process.session.user_id is not None:
        found = _user_of_parent(context, process)
    return process if found is None else _overlaid(process, found)


def _of_framework(found: State | None, context: Context) -> State | None:
    """Return what was ``found``, in the session that a framework carries where it has none, or that of the process.

    A session that is the framework's as well gets its user, if it has none.
    """
    is_settled = found is not None and found.is_whole and not is_of_process(SESSION_ID, found.items.get(SESSION_ID))
    if found is not None and is_settled and found.session.user_id is not None:
        return found
    from . import framework_ids  # noqa: PLC0415  # for who asks frameworks

    try:
        carried = framework_ids.found_in(context)
    except Exception as error:  # noqa: BLE001  # nor are what frameworks keep
        _warn_of(error)
        return found
    if carried is None or found is None:
        return found or carried
    if is_settled and carried.session.id != found.session.id:
        return found
    # What callers and others have named without a session belongs to it; the session of the process gives way to it.
    return framework_ids.as_carried(_overlaid(found, carried) if found.is_whole else _overlaid(carried, found))


def of_parent(span: Any, attributes: Mapping[str, Any]) -> State | None:  # noqa: ANN401  # of any SDK
    """Return what a child of ``span``, which shows these ``attributes``, carries in a Context with nothing else."""
    try:
        return _shown_by(span, attributes)
    except Exception as error:  # noqa: BLE001  # as above
        _warn_of(error)
        return None


def _of_parent(context: Context) -> State | None:
    """Return what the span of ``context`` carries: who set it there has set it for the trace.

    A remote parent has no attributes, nor has one that was dropped, which may know its session all the same.
    """
    span: Any = context.get(SPAN_KEY)
    if span is None:
        return None
    attributes = None if type(span) is NonRecordingSpan else shown_by(span)  # to look in vain takes longer
    return state_of_dropped(span) if attributes is None else _shown_by(span, attributes)


def _shown_by(span: Any, attributes: Mapping[str, Any]) -> State | None:  # noqa: ANN401, C901, PLR0911  # of any SDK, in one look
    """Return what ``span`` carries, which has ``attributes``. What does not fit becomes a digest, as anywhere."""
    session_id = attributes.get(SESSION_ID)
    if not session_id:
        return None
    note = note_of(span)
    if note is not None:
        trace = note.trace
        if trace is not None and trace.binding is not None and was_bound(span):
            return None  # a bind that holds was found before
        if HELD.asks_frameworks and _is_left_behind(span):
            return None
        for key, value in note.stamps:
            if key == SESSION_ID:
                session_id = value  # whatever somebody set over it since
        taken = getattr(note, "from_call", None)
        if taken:  # of that span alone
            told = {**attributes, SESSION_ID: session_id}
            return _with_more({key: value for key, value in told.items() if key not in taken})
    user_id = attributes.get(USER_ID)
    if len(attributes) > 1 + (user_id is not None):
        told = {**attributes, SESSION_ID: session_id}
        if not _MORE.isdisjoint(told) or METADATA_PREFIX in " ".join(told):
            return _with_more(told)
    known_id, known_user_id, known = _PARENTS.known
    if session_id is known_id and user_id is known_user_id and known.settings is PROCESS.settings:
        return known
    return _PARENTS.keep(session_id, user_id, _with_more({SESSION_ID: session_id, USER_ID: user_id}))


def _with_more(attributes: Mapping[str, Any]) -> State | None:
    """Return the state of a session of which a span has ``attributes``, with whatever else they tell of it."""
    session_id, user_id, name, path, previous_id = texts_in(attributes)
    plain = _as_of_now(
        _parent_state(
            ids.grouping_id(session_id),
            ids.grouping_id(user_id),
            ids.grouping_text(name),
            ids.grouping_text(path),
            ids.grouping_id(previous_id),
        )
    )
    metadata, tags = extras_in(attributes)
    if plain is None or not (metadata or tags):
        return plain
    return state_of(replace(plain.session, metadata=metadata, tags=tags), user_is_remote=True)


def _is_left_behind(span: object) -> bool:
    """Tell whether ``span`` has ended, and a framework that carried its session has left it behind."""
    from . import framework_ids  # noqa: PLC0415  # as above

    return framework_ids.has_ended(span) and framework_ids.is_carried(span)


@lru_cache(maxsize=256)  # by distinct sets of texts of at most 200 characters
def _parent_state(
    session_id: str | None, user_id: str | None, name: str | None, path: str | None, previous_id: str | None
) -> State | None:
    """Return the state of a session that was found on a span.

    Whether its user came with a request is not known there, so it is taken to be.
    """
    if session_id is None:
        return None
    return state_of(Session(session_id, user_id, name, path, previous_id), user_is_remote=True)


def _user_of_parent(context: Context, process: State) -> State | None:
    """Return the user that the span of ``context`` carries without a session, where it is not that of the process."""
    span: Any = context.get(SPAN_KEY)
    attributes = shown_by(span)
    if attributes is None or was_bound(span) or USER_ID in getattr(note_of(span), "from_call", ()):
        return None
    user_id = ids.grouping_id(attributes.get(USER_ID))
    if user_id is None or user_id == process.items.get(USER_ID):
        return None
    return state_of(Session(user_id=user_id), user_is_remote=True)


def _of_openinference(context: Context) -> State | None:
    session_id, user_id = context.get(OPENINFERENCE_SESSION), context.get(OPENINFERENCE_USER)
    if session_id is None and user_id is None:
        return None
    session = Session(ids.grouping_id(session_id), ids.grouping_id(user_id))
    if session.id is not None and user_id is None and not is_withdrawn(context.get(SPAN_KEY)):
        session = replace(session, user_id=user_of_process())  # it was opened here
    return state_of(session)


def _completed(state: State, found: State | None) -> State:
    """Return ``state``, which has no session id, with what was ``found`` of the session elsewhere."""
    if found is None:
        return state
    if state is UNKNOWN or state is UNTOUCHED:
        return found
    return _overlaid(found, state) if found.is_whole else state


def _overlaid(below: State, above: State) -> State:
    """Return the session of ``above``, and of ``below`` what it lacks."""
    below, above = _giving_way(below, above), _giving_way(above, below)
    has_id, has_user = above.session.id is not None, above.session.user_id is not None
    return state_of(
        overlaid(below.session, above.session),
        is_whole=below.is_whole or above.is_whole,
        id_is_remote=(above if has_id else below).id_is_remote,
        user_is_remote=(above if has_user else below).user_is_remote,
        user_is_of_process=(above if has_user else below).user_is_of_process,
    )


def _giving_way(state: State, other: State) -> State:
    """Return ``state`` without the user of the process, where the ``other`` knows of all of its session.

    Whose that is it says itself; where it does not, it is a caller's, or nobody's.
    """
    if not state.user_is_of_process or not other.is_whole:
        return state
    return changed(state, session=replace(state.session, user_id=None))


def remote_in(items: Mapping[str, object]) -> State | None:
    """Return what baggage ``items`` carry that nobody in this process has put there as a session.

    ``None`` where none of it is valid, or nothing is taken from callers.
    """
    if len(items) == _ALONE and SESSION_ID in items and USER_ID in items:
        known_id, known_user_id, known = _CALLERS.known
        session_id, user_id = items[SESSION_ID], items[USER_ID]
        if session_id is known_id and user_id is known_user_id and known.settings is PROCESS.settings:
            return known
        return _CALLERS.keep(session_id, user_id, _found_in(items))
    return _found_in(items)


def _found_in(items: Mapping[str, object]) -> State | None:
    settings = in_process()
    texts = baggage.texts_in(items) if settings.trust_incoming else None
    found = None if texts is None else _as_of_now(remote_state(texts))
    if found is None or not settings.metadata_on_wire:
        return found
    metadata, tags = baggage.extras_in(items, settings.metadata_on_wire, MAX_ITEMS)
    session = replace(found.session, metadata=metadata, tags=tags)
    return state_of(session, id_is_remote=True, user_is_remote=True)


@lru_cache(maxsize=256)  # by distinct sets of remote ids, each at most five texts of 200 characters
def remote_state(texts: baggage.Texts) -> State | None:
    """Return what the ``texts`` of a remote caller carry, ``None`` where none of them is valid."""
    session = baggage.session_of(texts)
    return None if session is None else state_of(session, id_is_remote=True, user_is_remote=True)


def _as_of_now(kept: State | None) -> State | None:
    """Return what was ``kept``; while the settings change, a thread may keep one more of before."""
    return None if kept is None else as_of_now(kept)


def _warn_of(error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once(("found", found), "otel_sessions: looking for a session raised %s: there is none", found)


def forget() -> None:
    """Forget what was looked at before (for tests): what is known warns of nothing."""
    remote_state.cache_clear()
    from . import framework_ids  # noqa: PLC0415  # as above

    _parent_state.cache_clear()
    _PARENTS.known = _CALLERS.known = _NOBODY
    framework_ids.forget()
