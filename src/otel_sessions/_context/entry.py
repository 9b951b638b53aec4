"""The session in OpenTelemetry Context: entering and leaving.

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
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, attach, create_key, detach
from opentelemetry.context import get_current as api_get_current

from otel_sessions._session.session import SESSION_ID, USER_ID
from otel_sessions._settings.settings import in_process

from . import baggage
from .local_trace import CLOCK
from .state import UNTOUCHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from .state import State


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
OPENINFERENCE_SESSION = "session.id"
OPENINFERENCE_USER = "user.id"

_NOTHING_BELOW = Context()
_MISSING = contextvars.Token.MISSING


class Entry:
    """One entry into a scope.

    Attributes:
        state: What is carried inside.
        is_plain: It has not been left, and nothing of the session is looked for elsewhere.
        binds: How many sessions had been bound late in this process when it was made.
        opened: The list of its scope's open entries, that this one is in; ``None`` where whoever
            entered keeps the entry, and for a Context that nobody attached.
        owner: The frame that entered, where the scope was open already; ``None`` where it was not, or has left.
        base: The Context that was current below this one.
        given: The Context that was entered in its place, for a scope that has one of its own; ``None`` for most.
        context: The Context that was attached, as long as this entry is not left.
        token: What attaching it returned. After the entry was left: an unused token of the place
            where it has ended and may come back, ``None`` where it can't.
    """

    # Filled in by `enter` and `context_with`, without an `__init__`: it would be a tenth of the cost of a scope.
    __slots__ = ("base", "binds", "context", "given", "is_plain", "opened", "owner", "state", "token")

    state: State
    is_plain: bool
    binds: int
    opened: list[Entry] | None
    owner: FrameType | None
    base: Context
    given: Context | None
    context: Context | None
    token: Any  # a contextvars.Token[Context], or what another runtime context has for one; or None


def entry_in(context: Context) -> Entry | None:
    """Return the entry that ``context`` carries, ended or not."""
    return context.get(ENTRY_KEY)  # type: ignore[return-value]  # nobody else has the key


def context_with(state: State, base: Context) -> Context:
    """Return ``base`` with the session of ``state``, for a caller to attach or to pass on."""
    entry = Entry()
    entry.state = state
    entry.is_plain = state.is_whole
    entry.binds = CLOCK.binds
    entry.base = base
    entry.given = entry.opened = entry.owner = entry.context = entry.token = None
    return baggage.with_session(_agreeing(base, state), ENTRY_KEY, entry, _items_of(state, base))


def enter(
    state: State,
    base: Context,
    opened: list[Entry] | None,
    owner: FrameType | None = None,
    given: Context | None = None,
) -> Entry:
    """Make ``base``, which is current, or what is ``given`` in its place, current with the session of ``state``."""
    entry = Entry()
    entry.state = state
    entry.is_plain = state.is_whole
    entry.binds = CLOCK.binds
    entry.opened = opened
    entry.owner = owner
    entry.base = base
    entry.given = given
    if given is not None:
        base = given
    if base:
        base = _agreeing(base, state)
    items = state.items if state.session.id is not None else _items_of(state, base)
    entry.context = context = baggage.with_session(base, ENTRY_KEY, entry, items)
    entry.token = attach(context)
    if opened is not None:
        opened.append(entry)
    return entry


def _items_of(state: State, base: Context) -> Mapping[str, object]:
    """Return what of ``state`` stands in the baggage of its Context, made of ``base``.

    A session that is received may be added to that baggage: the user of the process must not become a caller's.
    """
    if state is UNTOUCHED:
        return baggage.of_session_in(base)
    if state.session.id is not None or not state.user_is_of_process:
        return state.items
    return {key: item for key, item in state.items.items() if key != USER_ID}


def leave(entry: Entry) -> None:
    """End ``entry``, once: quietly, wherever this is called, and without bringing back what has ended before."""
    _leave(entry, get_current())


def leave_one_of(opened: list[Entry], owner: FrameType | None) -> None:
    """End the entry among ``opened`` that the frame ``owner`` has made; where that can't be told, the innermost here.

    A scope that is shared may be open in many places, and be left in another than it was entered
    in: a generator that another thread closes, inside that thread's own entry into the same scope.
    """
    current = get_current()
    if len(opened) == 1:
        _leave(opened[0], current)
        return
    made = [entry for entry in opened if entry.owner is owner] or [entry for entry in opened if entry.owner is None]
    candidates = made or opened
    entry = entry_in(current)
    while entry is not None and not (entry.context is not None and entry in candidates):
        entry = entry_in(entry.base)
    if entry is not None or len(made) == 1:
        _leave(entry or made[0], current)


def _leave(entry: Entry, current: Context) -> None:
    context, token = entry.context, entry.token
    entry.is_plain = False
    entry.context = None  # it holds the entry: a cycle
    entry.owner = None
    if entry.opened is not None:
        entry.opened.remove(entry)
    try:
        # Not `opentelemetry.context.detach`: elsewhere than where the token was made, that logs an
        # ERROR with a traceback (opentelemetry-python#2606), and we want to know.
        token.var.reset(token)
    except (ValueError, RuntimeError):
        if entry_in(current) is entry:  # a copy of its context, or a stream that goes from thread to thread
            attach(_without(entry, current))
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


def live_entry_in(context: Context) -> tuple[Entry | None, Context]:
    """Return the innermost entry in ``context`` that has not ended here, and ``context`` without those that have."""
    entry = entry_in(context)
    if entry is None or entry.context is not None or not _has_ended(entry):
        return entry, context
    is_current = context is get_current()
    context = _without(entry, context)
    if is_current:
        attach(context)  # else its baggage would still be sent
    return entry_in(context), context


def _agreeing(base: Context, state: State) -> Context:
    """Return ``base`` with the ids of ``state`` where OpenInference has left others."""
    if (OPENINFERENCE_SESSION in base or OPENINFERENCE_USER in base) and not in_process().disabled:
        # As they may be shown: its tracers put them on their spans.
        return _with_openinference(base, state.items.get(SESSION_ID), state.items.get(USER_ID))
    return base


def _with_openinference(context: Context, session_id: object, user_id: object) -> Context:
    ids = {OPENINFERENCE_SESSION: session_id, OPENINFERENCE_USER: user_id}
    given = {key: value for key, value in ids.items() if value is not None}
    return Context({**{key: value for key, value in context.items() if key not in ids}, **given})


def _settle(context: Context) -> None:
    """Attach ``context`` again without the sessions in it that have ended here, if there are any."""
    entry = entry_in(context)
    if entry is not None and _has_ended(entry):
        attach(_without(entry, context))


def _without(entry: Entry, context: Context) -> Context:
    """Return ``context`` with what is below the ended ``entry`` in its place."""
    _forget_ended_below(entry)
    if entry.given is not None:
        context = _taken_back(entry.given, entry.base, context)
    below = entry_in(entry.base)
    items = baggage.of_session_in(entry.base) if below is None else _items_of(below.state, entry.base)
    context = _with_openinference(context, entry.base.get(OPENINFERENCE_SESSION), entry.base.get(OPENINFERENCE_USER))
    return baggage.with_session(context, ENTRY_KEY, below, items)


def _forget_ended_below(entry: Entry) -> None:
    """Let ``entry`` stand on the first that has not ended: else scopes that overlap would all be kept."""
    below = entry_in(entry.base)
    while below is not None and _has_ended(below):
        if below.given is not None:
            entry.given = Context({**below.given, **(entry.given or {})})
        entry.base = below.base
        below = entry_in(entry.base)


def _taken_back(given: Context, around: Context, context: Context) -> Context:
    """Return ``context`` with what came into it with ``given`` as it is ``around``, and what came later as it is."""
    values = dict(context)
    for key in given.keys() - {ENTRY_KEY, baggage.CONTEXT_KEY}:
        if values.get(key) is given[key]:
            del values[key]
            if key in around:
                values[key] = around[key]
    return baggage.taken_back(given, around, Context(values))


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
