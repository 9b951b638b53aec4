"""The session in OpenTelemetry Context: entering and leaving.

Each entry into a scope puts an `Entry` of its own into the Context, next to the baggage, so that scopes can be entered
again, and shared by tasks and threads: nothing of an entry is on the scope.

Leaving: what was current below the entry is current again, whatever was left attached inside. A `contextvars.Token` can
be used only in the `contextvars.Context` in which it was made. So the one of an entry stays unused: it tells the place
that entered, where the session has ended and must not come back, whoever's token still holds a Context of it, from a
copy of that place (a task that was started inside, which keeps the session).
"""

from __future__ import annotations

from contextvars import Token
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, detach

from otel_sessions._session.session import SESSION_ID, USER_ID
from otel_sessions._settings.settings import in_process

from . import baggage, order, unstamped
from .local_trace import CLOCK
from .order import ANYWHERE, NOTED
from .runtime import quickest
from .state import ENTRY_KEY, OPENINFERENCE_SESSION, OPENINFERENCE_USER, UNTOUCHED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from .state import State


get_current, attach = quickest()


class Entry:
    """One entry into a scope.

    Attributes:
        state: What is carried inside.
        is_plain: It has not been left, and nothing of the session is looked for elsewhere.
        binds: How many sessions had been bound late in this process when it was made.
        opened: The open entries of its scope, itself too; ``None`` where its owner keeps it, or nobody attached it.
        owner: The frame that entered, where the scope was open already; ``None`` where it was not. When it was left
            out of order: its mark, see `order`.
        base: The Context that was current below this one, and is again when it is left.
        given: The Context that was entered in its place, for a scope that has one; ``None`` for most.
        context: The Context that was attached, as long as this entry is not left.
        number: Not always there: when it was opened, or its stream began a step, see `order`.
        token: An unused token of the place that entered; ``None`` where it was entered nowhere, so never ends.
    """

    # Filled in by `enter` and `context_with`, without an `__init__`: it would be a tenth of the cost of a scope.
    __slots__ = ("base", "binds", "context", "given", "is_plain", "number", "opened", "owner", "state", "token")

    state: State
    is_plain: bool
    binds: int
    opened: list[Entry] | None
    owner: FrameType | object | None
    base: Context
    given: Context | None
    context: Context | None
    number: int
    token: Any  # a contextvars.Token[Context], or what another runtime context has for one; or None


class Lasting(Entry):
    """What a Context carries that nobody has attached as a block: it never ends, but where a stream takes its steps in it."""

    __slots__ = ()


def entry_in(context: Context) -> Entry | None:
    """Return the entry that ``context`` carries, ended or not."""
    return context.get(ENTRY_KEY)  # type: ignore[return-value]  # nobody else has the key


def _entries_in(context: Context) -> Iterator[Entry]:
    """Return the entries that ``context`` carries, the innermost first."""
    entry = entry_in(context)
    while entry is not None:
        yield entry
        entry = entry_in(entry.base)


def context_with(state: State, base: Context) -> Context:
    """Return ``base`` with the session of ``state``, for a caller to attach or to pass on."""
    entry = _lasting(state, base)
    context = baggage.with_session(_agreeing(base, state), ENTRY_KEY, entry, _items_of(state, base))
    return unstamped.opened(context, state) if NOTED else context


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
    items = state.carried if state.session.id is not None else _items_of(state, base)
    key = baggage.CONTEXT_KEY
    if key is None:
        context = baggage.with_session(_agreeing(base, state), ENTRY_KEY, entry, items)
    elif not base:
        context = Context({ENTRY_KEY: entry, key: items})
    else:  # as `baggage.with_session`, in fewer steps
        if OPENINFERENCE_SESSION in base or OPENINFERENCE_USER in base:
            base = _agreeing(base, state)
        values = base.copy()
        current = values.get(key)
        if current:
            outer: Any = values.get(ENTRY_KEY)
            if outer is None or current is not outer.state.carried:  # else all of it is of the session around
                items = baggage.exchanged(current, items)
        values[ENTRY_KEY] = entry
        values[key] = items
        context = Context(values)
    entry.context = context
    entry.token = attach(context)
    if opened is not None:
        opened.append(entry)
    if NOTED:
        unstamped.opened(context, state)
        order.note_opened(entry, _is_of_here)
    return entry


def _items_of(state: State, base: Context) -> Mapping[str, object]:
    """Return what of ``state`` stands in the baggage of its Context, made of ``base``.

    A session that is received may be added to that baggage: the user of the process must not become a caller's.
    """
    if state is UNTOUCHED:
        return baggage.of_session_in(base)
    if state.session.id is not None or not state.user_is_of_process:
        return state.carried
    return {key: item for key, item in state.carried.items() if key != USER_ID}


def leave(entry: Entry) -> None:
    """End ``entry``, once: quietly, wherever this is called, and without bringing back what has ended before."""
    leave_where(entry, get_current())


def leave_one_of(opened: list[Entry], owner: FrameType) -> None:
    """End the entry among several ``opened`` that the frame ``owner`` has made; where that can't be told, the innermost here.

    A scope that is shared may be open in many places, and be left in another than it was entered
    in: a generator that another thread closes, inside that thread's own entry into the same scope.
    """
    current = get_current()
    made = [entry for entry in opened if entry.owner is owner] or [entry for entry in opened if entry.owner is None]
    candidates = made or opened
    for entry in _entries_in(current):
        if entry.context is not None and entry in candidates:
            leave_where(entry, current)
            return
    if len(made) == 1:
        leave_where(made[0], current)


def leave_where(entry: Entry, current: Context) -> None:
    """Do as `leave`, where what is ``current`` is known."""
    context, base = entry.context, entry.base
    entry.is_plain = False
    entry.context = None  # it holds the entry: a cycle
    entry.owner = None
    if entry.opened is not None:
        entry.opened.remove(entry)
    if NOTED:
        order.note_closed(entry)
        unstamped.closed(context)
    if current is not context:
        _leave_out_of_order(entry, current)
        return
    below: Any = base.get(ENTRY_KEY) if base else None
    has_ended = False
    if below is not None and below.context is None:
        has_ended = True
        base = entry.base = _let_go(below, base)
    # Not `opentelemetry.context.detach`: it would bring back what the token holds, and use the token up. Elsewhere
    # than where that was made it logs an ERROR with a traceback (opentelemetry-python#2606).
    token = entry.token
    if type(token) is Token:
        attach(base)
    else:  # see `runtime`
        entry.token = None
        detach(token)
    if has_ended:
        _is_of_here(entry)  # makes another token, which does not hold what was let go


def _leave_out_of_order(entry: Entry, current: Context) -> None:
    """End ``entry`` where something else is ``current``, by which that may have been left already."""
    entry.owner = order.note_left()
    if not ANYWHERE:
        _look_for_open()
    above: list[Entry] = []  # what is current carries them all
    found = entry_in(current)
    while found is not None and found is not entry:
        above.insert(0, found)
        found = entry_in(found.base)
    is_here = _is_of_here(entry)
    if found is None:
        from .yields import tell_if_nobody_was_inside  # noqa: PLC0415  # for what is left by somebody else

        tell_if_nobody_was_inside(entry.base, current, is_of_here=is_here)
        return
    still_open = [each for each in above if each.context is not None and _is_of_here(each)]
    if not is_here and len(still_open) < len(above):
        return  # what a task was started in, or was given, is not for it to leave
    inside = still_open[0].base if still_open else current
    context = entry.base if is_here else _without(entry, inside)
    for each in still_open:
        context = _entered_again(each, context)
    attach(context)


def _entered_again(entry: Entry, base: Context) -> Context:
    """Return the Context of ``entry``, which is open, above another ``base``."""
    entry.base = base
    around = base if entry.given is None else entry.given
    entry.context = baggage.with_session(
        _agreeing(around, entry.state), ENTRY_KEY, entry, _items_of(entry.state, around)
    )
    return entry.context


def live_entry_in(context: Context) -> tuple[Entry | None, Context]:
    """Return the innermost entry in ``context`` that has not ended here, and the Context to look for more in.

    What is current and carries one that has ended was brought back by a token from inside of it, or made of such a
    Context: then what was below is current again. Where what is current does not carry it, who passes such a Context
    on, by hand or to a task, wants its session. Where another was opened here since, and is open, that is current.
    """
    entry: Any = context.get(ENTRY_KEY)  # as `entry_in`, for all that asks
    if entry is None or entry.context is not None:
        return entry, context
    current = get_current()
    if (context is not current and entry_in(current) is not entry) or not _has_ended(entry):
        return entry, context
    below = entry.base
    while (under := entry_in(below)) is not None and _has_ended(under):
        below = under.base
    if not ANYWHERE:
        _look_for_open()
    last = order.opened_last(entry)
    if last is not None and last.context is not None and _is_of_here(last) and last not in _entries_in(below):
        under, below = last, last.context
    attach(below)  # else its baggage would still be sent, and its span be the parent of what comes later
    return under, below


def _look_for_open() -> None:
    """Note what is open here, the one time in a process that nothing of it was noted; not what a stream has opened."""
    found = {each: [*_entries_in(each.base)] for each in order.begun(Entry) if _is_of_here(each)}
    for each in sorted(found, key=lambda entry: len(found[entry])):
        if not any(type(below) is Lasting for below in found[each]):
            order.note_opened(each, _is_of_here)


def settled() -> Context:
    """Return what is current, where nothing that has ended here is brought back: what was below is current instead."""
    context = get_current()
    entry: Any = context.get(ENTRY_KEY)
    return context if entry is None or entry.context is not None else live_entry_in(context)[1]


def lasting(context: Context) -> Context:
    """Return ``context`` with its session for good: to be attached when it has been left here, as for a stream."""
    entry = entry_in(context)
    return context if entry is None else _with_twin(context, entry, context)


def _with_twin(context: Context, entry: Entry, base: Context) -> Context:
    """Return ``context`` with an entry above ``base`` that never ends, in place of the ``entry`` that it carries."""
    twin = _lasting(entry.state, base)
    twin.binds = entry.binds
    return Context({**context, ENTRY_KEY: twin})


def _lasting(state: State, base: Context) -> Lasting:
    """Return an entry that was entered nowhere."""
    entry = Lasting()
    entry.state = state
    entry.is_plain = state.is_whole
    entry.binds = CLOCK.binds
    entry.base = base
    entry.given = entry.opened = entry.owner = entry.context = entry.token = None
    return entry


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


def _let_go(entry: Entry, context: Context) -> Context:
    """Return ``context``, which carries the ended ``entry``, without what that holds.

    Its token holds the place that it was entered in: a task that starts one that starts one, and so on, would be held
    by the last of them.
    """
    if entry.token is None or _has_ended(entry):
        return context
    return _with_twin(context, entry, Context())


def _without(entry: Entry, context: Context) -> Context:
    """Return ``context``, of another place than entered it, with what is below the ended ``entry`` in its place."""
    if entry.given is not None:
        context = _taken_back(entry.given, entry.base, context)
    below = entry_in(entry.base)
    items = baggage.of_session_in(entry.base) if below is None else _items_of(below.state, entry.base)
    context = _with_openinference(context, entry.base.get(OPENINFERENCE_SESSION), entry.base.get(OPENINFERENCE_USER))
    return baggage.with_session(context, ENTRY_KEY, below, items)


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
    """Tell whether ``entry`` has ended in this very place, and is not in a copy of its context, made before it did."""
    return entry.context is None and (order.was_left(entry.owner) or _is_of_here(entry))


def _is_of_here(entry: Entry) -> bool:
    """Tell whether ``entry`` was entered in this very place."""
    if entry.token is None:
        return False
    current = get_current()
    try:
        entry.token.var.reset(entry.token)
    except (ValueError, RuntimeError, AttributeError):  # the last of a token that is none of contextvars
        return False
    attach(current)
    entry.token = attach(current)  # it holds no Context but that one
    return True
