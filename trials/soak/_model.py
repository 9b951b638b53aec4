"""The oracle's own account of which session a span belongs to: plain values, and nothing of the library.

A workload passes a `Where` along its own calls, as it is written, so nothing here depends on contexts.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, replace
from typing import NamedTuple

KEYS = ("session.id", "user.id", "session.name", "session.path")

_ticks = itertools.count(1)

_NEVER = 1 << 62


class Ids(NamedTuple):
    """What a span may carry."""

    session: str | None = None
    user: str | None = None
    name: str | None = None
    path: str | None = None
    user_is_remote: bool = False

    @property
    def attributes(self) -> tuple[str | None, ...]:
        """The values of `KEYS`."""
        return self[:4]


NONE = Ids()

Allowed = frozenset[Ids]
_NOTHING: Allowed = frozenset((NONE,))


@dataclass(slots=True, eq=False)
class Bind:
    """A call of ``bind_session``: when it was begun and when it had returned."""

    ids: Ids
    begun: int
    done: int = _NEVER


class Trace:
    """What was bound below one local root span, and which spans are open there."""

    __slots__ = ("binding", "in_flight", "lock", "open")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.open: set[Expected] = set()
        self.binding: Bind | None = None
        self.in_flight: list[Bind] = []


class Expected:
    """What one span has to carry when it ends: one of ``allowed``, which is one but while a bind is under way."""

    __slots__ = ("_steps", "allowed", "is_cleared", "is_ending", "opened", "trace")

    def __init__(self, trace: Trace, where: Where) -> None:
        self.trace = trace
        self.is_cleared = where.is_cleared
        self.is_ending = False
        self.opened = where.opened
        with trace.lock:
            self.allowed = _possible(where, trace)
            self._steps = {NONE if ids.session else ids._replace(user=None) for ids in self.allowed}
            trace.open.add(self)

    def bound_to(self, bound: Ids) -> Allowed:
        """Return what it carries after a bind: of a session before nothing stays, of a step without one its path."""
        return frozenset(_overlaid(ids, bound) for ids in self._steps)

    def ending(self) -> None:
        """Note that the span is about to end: what is bound from now on may come too late for it."""
        with self.trace.lock:
            self.is_ending = True

    def ended(self) -> None:
        """Leave the trace: what is bound from now on is not for this span."""
        with self.trace.lock:
            self.trace.open.discard(self)


@dataclass(frozen=True, slots=True)
class Where:
    """A place of a workload: the innermost scope around it, and the current span.

    Attributes:
        ids: What the innermost scope says; ``None`` outside of all scopes.
        is_whole: Nothing is looked for beyond that scope.
        is_cleared: It is one of ``clear_session``.
        opened: Just before and just after it was entered.
        parent: What is expected of the current span, where that is of this process.
    """

    ids: Ids | None = None
    is_whole: bool = False
    is_cleared: bool = False
    opened: tuple[int, int] = (-1, -1)
    parent: Expected | None = None

    def below(self, expected: Expected) -> Where:
        """Return this place with another current span."""
        return replace(self, parent=expected)


OUTSIDE = Where()


class Change(NamedTuple):
    """What a scope does: ``kind`` is one of start, update, step, clear and carry."""

    kind: str
    ids: Ids = NONE


def tick() -> int:
    """Return the time, by a clock that never stands still."""
    return next(_ticks)


def one(where: Where) -> Ids:
    """Return what a span carries that starts at ``where``."""
    trace = None if where.parent is None else where.parent.trace
    return next(iter(_possible(where, trace)))


def possible(where: Where) -> Allowed:
    """Return what a span may carry that starts at ``where``: one thing, but while a bind is under way."""
    return _possible(where, None if where.parent is None else where.parent.trace)


def entered(where: Where, change: Change, before: int) -> Where:
    """Return the place inside a scope that was entered at ``where`` since ``before``."""
    ids, is_whole = _applied(where, change)
    return Where(ids, is_whole, change.kind == "clear", (before, tick()), where.parent)


def bind_begun(where: Where, ids: Ids) -> Bind:
    """Note that the trace of ``where`` is about to be bound."""
    assert where.parent is not None
    trace = where.parent.trace
    with trace.lock:
        bind = Bind(ids, tick())
        trace.in_flight.append(bind)
        for expected in list(trace.open):
            if not expected.is_cleared:
                expected.allowed |= expected.bound_to(ids)
    return bind


def bind_done(where: Where, bind: Bind) -> None:
    """Note that ``bind`` has returned: whatever is open now has it, and what starts later."""
    assert where.parent is not None
    trace = where.parent.trace
    with trace.lock:
        trace.in_flight.remove(bind)
        bind.done = tick()
        trace.binding = bind
        for expected in list(trace.open):
            if not (expected.is_cleared or expected.is_ending) and expected.opened[1] < bind.begun:
                expected.allowed = expected.bound_to(bind.ids)


def bound_ids(where: Where, session: str | None, user: str | None) -> Ids:
    """Return what ``bind_session(session, user_id=user)`` binds to at ``where``."""
    outer = one(where)
    return _started(outer, Ids(session or outer.session, user))


def _possible(where: Where, trace: Trace | None) -> Allowed:
    if where.is_cleared:
        return _NOTHING
    bind = None if trace is None else trace.binding
    found = _without_bind(where) if bind is None else _with_bind(where, bind)
    if trace is not None and trace.in_flight:
        found |= {bind.ids for bind in trace.in_flight}
    return found


def _with_bind(where: Where, bind: Bind) -> Allowed:
    if where.ids is None:
        return frozenset((bind.ids,))
    bound = bind.ids if where.is_whole else _overlaid(where.ids, bind.ids)
    if where.opened[1] < bind.begun:
        return frozenset((bound,))
    own = where.ids if where.is_whole else _overlaid(bind.ids, where.ids)
    return frozenset((own,)) if where.opened[0] > bind.done else frozenset((bound, own))


def _without_bind(where: Where) -> Allowed:
    if where.ids is not None and where.is_whole:
        return frozenset((where.ids,))
    carried = _NOTHING if where.parent is None else where.parent.allowed
    found = {ids._replace(user_is_remote=True) if ids.session else NONE for ids in carried}
    if where.ids is None:
        return frozenset(found)
    return frozenset(_overlaid(ids, where.ids) for ids in found)


def _overlaid(below: Ids, above: Ids) -> Ids:
    pairs = zip(above.attributes, below.attributes, strict=True)
    remote = (above if above.user else below).user_is_remote
    return Ids(*(upper or lower for upper, lower in pairs), remote)


def _applied(where: Where, change: Change) -> tuple[Ids, bool]:
    """Return what ``change`` makes of ``where``, and whether nothing is looked for beyond that."""
    given = change.ids
    if change.kind == "clear":
        return NONE, True
    if change.kind == "carry":
        return given._replace(user_is_remote=True), True
    outer = one(where)
    if change.kind == "start":
        return _started(outer, given), True
    is_whole = outer.session is not None or (where.ids is not None and where.is_whole)
    if change.kind == "step":
        return outer._replace(path=f"{outer.path or ''}/{given.path}"), is_whole
    merged = _overlaid(outer, given)
    return merged._replace(user_is_remote=outer.user_is_remote and given.user is None), is_whole


def _started(outer: Ids, given: Ids) -> Ids:
    other = NONE if outer.user_is_remote else Ids(user=outer.user)
    base = outer if outer.session == given.session else other
    ids = Ids(given.session, given.user or base.user, given.name or base.name, given.path or base.path)
    return ids._replace(user_is_remote=outer.user_is_remote and given.user is None)
