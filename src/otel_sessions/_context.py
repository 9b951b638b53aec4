"""The session in OpenTelemetry Context: entering, leaving, and reading what is there.

Each entry into a scope puts an `Entry` of its own into the Context, next to the baggage, so that
scopes can be entered again, and shared by tasks and threads: nothing of an entry is on the scope.

Leaving: a `contextvars.Token` can be reset only in the `contextvars.Context` in which it was
made. That tells the place that entered (where the session must end) from a copy of its context
(a task that was started inside, which keeps the session). Where a Context with an entry that has
ended may come back, because somebody else's token still holds it, the entry keeps an unused token,
and who reads the entry asks again.
"""

from __future__ import annotations

import contextlib
import contextvars
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, attach, create_key, detach
from opentelemetry.context import get_current as api_get_current
from opentelemetry.trace import get_current_span

from . import _baggage, _diagnostics, _ids
from ._session import SESSION_ID, Session, extras_in, overlaid, texts_in
from ._state import State, state_of

if TYPE_CHECKING:
    from collections.abc import Callable


def _reader() -> Callable[[], Context]:
    """Return the quickest function that reads the current Context.

    That is the ``get`` of the context variable behind the API, which a token names. With a runtime
    context of another make (``OTEL_PYTHON_CONTEXT``) it is the API's own function.
    """
    var = contextvars.Context().run(_variable)
    fresh = contextvars.Context()
    with contextlib.suppress(LookupError):  # it has no default, so the API does more than to read it
        if isinstance(var, contextvars.ContextVar) and fresh.run(var.get) is fresh.run(api_get_current):
            return var.get
    return api_get_current


def _variable() -> object:
    token = attach(Context())
    detach(token)
    return getattr(token, "var", None)


get_current = _reader()

ENTRY_KEY = create_key("otel-sessions")

# Plain context keys, set by `openinference.instrumentation.using_session` and `using_user`.
# Its tracers set them on their spans after the start, so a scope has to agree with them inside.
_OPENINFERENCE_SESSION = "session.id"
_OPENINFERENCE_USER = "user.id"

_NOTHING_BELOW = Context()
_MISSING = contextvars.Token.MISSING


class Entry:
    """One entry into a scope.

    Attributes:
        state: What is carried inside.
        opened: The list of its scope's open entries, that this one is in; ``None`` where whoever
            entered keeps the entry, and for a Context that nobody attached.
        base: The Context below this one.
        context: The Context that was attached, as long as this entry is not left.
        token: What attaching it returned. After the entry was left: an unused token of the place
            where it has ended and may come back, ``None`` where it can't.
    """

    # Filled in by `enter` and `context_with`, without an `__init__`: it would be a tenth of the cost of a scope.
    __slots__ = ("base", "context", "opened", "state", "token")

    state: State
    opened: list[Entry] | None
    base: Context
    context: Context | None
    token: Any  # a contextvars.Token[Context], or what another runtime context has for one; or None


def entry_in(context: Context) -> Entry | None:
    """Return the entry that ``context`` carries, ended or not."""
    return context.get(ENTRY_KEY)  # type: ignore[return-value]  # nobody else has the key


def context_with(state: State, base: Context) -> Context:
    """Return ``base`` with the session of ``state``, for a caller to attach or to pass on."""
    entry = Entry()
    entry.state = state
    entry.base = base
    entry.opened = entry.context = entry.token = None
    return _baggage.with_session(_agreeing(base, state), ENTRY_KEY, entry, state.items)


def enter(state: State, base: Context, opened: list[Entry] | None) -> Entry:
    """Make ``base`` with the session of ``state`` the current Context."""
    entry = Entry()
    entry.state = state
    entry.opened = opened
    entry.base = base
    if base:
        base = _agreeing(base, state)
    entry.context = context = _baggage.with_session(base, ENTRY_KEY, entry, state.items)
    entry.token = attach(context)
    if opened is not None:
        opened.append(entry)
    return entry


def leave(entry: Entry) -> None:
    """End ``entry``, once: quietly, wherever this is called, and without bringing back what has ended before."""
    _leave(entry, get_current())


def leave_one_of(opened: list[Entry]) -> None:
    """End the entry among ``opened`` that is innermost in the current Context.

    Where none of them is there (a generator that another thread closes), and only one is open, that
    one ends: else its session would stay in the place that entered, for whatever runs there next.
    """
    current = get_current()
    entry: Entry | None = current.get(ENTRY_KEY)  # type: ignore[assignment]  # as `entry_in`, on the hot path
    while entry is not None:
        if entry.opened is opened and entry.context is not None:
            _leave(entry, current)
            return
        entry = entry_in(entry.base)
    if len(opened) == 1:
        _leave(opened[0], current)


def _leave(entry: Entry, current: Context) -> None:
    context, token = entry.context, entry.token
    entry.context = None  # it holds the entry: a cycle
    if entry.opened is not None:
        entry.opened.remove(entry)
    try:
        # Not `opentelemetry.context.detach`: elsewhere than where the token was made, that logs an
        # ERROR with a traceback (opentelemetry-python#2606), and we want to know.
        token.var.reset(token)
    except (ValueError, RuntimeError):
        return
    except AttributeError:  # not a contextvars.Token: see `_reader`
        entry.token = None
        detach(token)
        return
    if current is context:
        # In order: nobody but this entry's own token held what is below.
        entry.token = None
        entry.base = _NOTHING_BELOW
        below = token.old_value
        if below and below is not _MISSING:
            _settle(below)
    else:
        entry.token = _unused_token(current)
        _forget_ended_below(entry)
        _settle(current)


def state_in(context: Context) -> State | None:
    """Return what a span that starts in ``context`` carries, ``None`` for nothing.

    The first that has one of: the innermost scope, the baggage, the span of ``context`` if it is a
    local one (a lost context), what OpenInference or Langfuse left there.
    """
    entry: Any = context.get(ENTRY_KEY)  # as `entry_in`, on the hot path
    if entry is not None and entry.context is None and _has_ended(entry):
        is_current = context is get_current()
        context = _without(entry, context)
        entry = entry_in(context)
        if is_current:
            attach(context)  # else its baggage would still be sent
    if entry is None:
        return _found(context) if context else None
    return entry.state if entry.state.is_whole else _completed(entry.state, context)


def _found(context: Context) -> State | None:
    try:
        return _looked_for(context)
    except Exception as error:  # noqa: BLE001  # the values of other tools, and the spans, are not ours
        found = type(error).__name__
        _diagnostics.warn_once(("found", found), "otel_sessions: looking for a session raised %s: there is none", found)
        return None


def _looked_for(context: Context) -> State | None:
    items = _baggage.entries(context)
    if not items:
        return _of_parent(context) or _of_openinference(context)
    texts = _baggage.texts_in(items)
    remote = None if texts is None else remote_state(texts)
    if remote is not None and remote.is_whole:
        return remote
    local = _of_parent(context) or _of_openinference(context)
    if local is not None and local.is_whole:
        return local
    texts = _baggage.langfuse_texts_in(items)
    langfuse = None if texts is None else remote_state(texts)
    return langfuse if langfuse is not None and langfuse.is_whole else remote or local or langfuse


def _of_parent(context: Context) -> State | None:
    """Return what the span of ``context`` carries: who set it there has set it for the trace.

    A remote parent has no attributes. What does not fit becomes a digest, as anywhere.
    """
    view = getattr(get_current_span(context), "attributes", None)
    if not isinstance(view, MappingProxyType):
        return None
    attributes = view.copy()  # quick; asking the view for a key that is not there is not
    if not attributes.get(SESSION_ID):
        return None
    session_id, user_id, name, path, previous_id = texts_in(attributes)
    plain = _parent_state(
        _ids.grouping_id(session_id),
        _ids.grouping_id(user_id),
        _ids.grouping_text(name),
        _ids.grouping_text(path),
        _ids.grouping_id(previous_id),
    )
    metadata, tags = extras_in(attributes)
    if plain is None or not (metadata or tags):
        return plain
    return state_of(replace(plain.session, metadata=metadata, tags=tags), user_is_remote=True)


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


def _of_openinference(context: Context) -> State | None:
    session_id, user_id = context.get(_OPENINFERENCE_SESSION), context.get(_OPENINFERENCE_USER)
    if session_id is None and user_id is None:
        return None
    return state_of(Session(_ids.grouping_id(session_id), _ids.grouping_id(user_id)))


def _agreeing(base: Context, state: State) -> Context:
    """Return ``base`` with the ids of ``state`` where OpenInference has left others."""
    if _OPENINFERENCE_SESSION in base or _OPENINFERENCE_USER in base:
        return _with_openinference(base, state.session.id, state.session.user_id)
    return base


def _with_openinference(context: Context, session_id: object, user_id: object) -> Context:
    ids = {_OPENINFERENCE_SESSION: session_id, _OPENINFERENCE_USER: user_id}
    given = {key: value for key, value in ids.items() if value is not None}
    return Context({**{key: value for key, value in context.items() if key not in ids}, **given})


def _completed(state: State, context: Context) -> State:
    """Return ``state``, which has no session id, with what is known of the session elsewhere."""
    found = _found(context)
    if found is None or not found.is_whole:
        return state
    return state_of(
        overlaid(found.session, state.session),
        id_is_remote=found.id_is_remote,
        user_is_remote=found.user_is_remote and state.session.user_id is None,
    )


@lru_cache(maxsize=256)  # by distinct sets of remote ids, each at most five texts of 200 characters
def remote_state(texts: _baggage.Texts) -> State | None:
    """Return what the ``texts`` of a remote caller carry, ``None`` where none of them is valid."""
    session = _baggage.session_of(texts)
    return None if session is None else state_of(session, id_is_remote=True, user_is_remote=True)


def _settle(context: Context) -> None:
    """Attach ``context`` again without the sessions in it that have ended here, if there are any."""
    entry = entry_in(context)
    if entry is not None and _has_ended(entry):
        attach(_without(entry, context))


def _without(entry: Entry, context: Context) -> Context:
    """Return ``context`` with what is below the ended ``entry`` in its place."""
    _forget_ended_below(entry)
    below = entry_in(entry.base)
    items = _baggage.of_session_in(entry.base) if below is None else below.state.items
    context = _with_openinference(context, entry.base.get(_OPENINFERENCE_SESSION), entry.base.get(_OPENINFERENCE_USER))
    return _baggage.with_session(context, ENTRY_KEY, below, items)


def _forget_ended_below(entry: Entry) -> None:
    """Let ``entry`` stand on the first that has not ended: else scopes that overlap would all be kept."""
    below = entry_in(entry.base)
    while below is not None and _has_ended(below):
        entry.base = below.base
        below = entry_in(entry.base)


def _has_ended(entry: Entry) -> bool:
    """Tell whether ``entry`` has ended in this very place, and is not in a copy of its context."""
    if entry.context is not None or entry.token is None:
        return False
    current = get_current()
    try:
        entry.token.var.reset(entry.token)
    except (ValueError, RuntimeError):
        return False
    entry.token = _unused_token(current)
    return True


def _unused_token(current: Context) -> object:
    """Make ``current`` current, and return a token of this place that holds no Context but that one."""
    attach(current)
    return attach(current)
