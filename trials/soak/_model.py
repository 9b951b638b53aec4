"""The oracle's own account of which session a span belongs to: plain values, and nothing of the library.

A workload passes a `Where` along its own calls, as it is written, so nothing here depends on contexts.

What a bind reaches depends on which spans are open. A collection may end one on another thread just then; what can't
be told for that reason is marked as such, and counted.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
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
    is_unsure: bool = False

    @property
    def attributes(self) -> tuple[str | None, ...]:
        """The values of `KEYS`."""
        return self[:4]


NONE = Ids()
UNSURE = Ids("?", is_unsure=True)
"""It can't be told."""

Allowed = frozenset[Ids]
_NOTHING: Allowed = frozenset((NONE,))

_lock = threading.RLock()
"""Of all that is known of traces."""


@dataclass(slots=True, eq=False)
class Bind:
    """A call of ``bind_session``: when it was begun and when it had returned, and what it is about."""

    ids: Ids
    begun: int
    done: int = _NEVER
    top: Expected | None = None
    trace: Trace | None = None


@dataclass(slots=True, eq=False)
class Trace:
    """A life of a trace: what was bound below one span, first and last, and which spans are open there."""

    binding: Bind | None = None
    first: Bind | None = None
    is_unsure: bool = False
    open: set[Expected] = field(default_factory=set)
    in_flight: list[Bind] = field(default_factory=list)

    def give_up(self) -> None:
        """Note that it can't be told any more what it is bound to."""
        self.is_unsure = True
        for expected in self.open:
            expected.allowed = frozenset((UNSURE,))


class Seen(NamedTuple):
    """What a span that starts at a place joins, and what is bound there: ``None`` for a life of its own, and for nothing."""

    trace: Trace | None = None
    binding: Bind | None = None
    is_sure: bool = True


class Expected:
    """What one span has to carry when it ends: one of ``allowed``, which is one but while a bind is under way."""

    __slots__ = ("_steps", "above", "allowed", "ended_at", "is_cleared", "is_ending", "life", "opened")

    def __init__(self, where: Where, before: Seen) -> None:
        self.is_cleared = where.is_cleared
        self.is_ending = False
        self.ended_at: int | None = None
        self.opened = where.opened
        with _lock:
            seen = _both(before, seen_at(where))
            self.above = None if seen.trace is None else where.parent
            if self.above is None:
                first = None if where.parent is None or seen.binding is None else where.parent.trace.first
                self.life = Trace(seen.binding, first, not seen.is_sure)
            self.allowed = _possible(where, seen)
            self._steps = {_step_of(ids) for ids in self.allowed}
            self.trace.open.add(self)

    @property
    def line(self) -> list[Expected]:
        """Return this one and all above it, to the first of its life."""
        found = [self]
        while found[-1].above is not None:
            found.append(found[-1].above)
        return found

    @property
    def trace(self) -> Trace:
        """Return the life that it is in."""
        return self.line[-1].life

    def is_open(self, *, or_ending: bool) -> bool:
        """Tell whether it has not ended; ``or_ending`` is what to say where that is under way."""
        return self.ended_at is None and (or_ending or not self.is_ending)

    def goes_on(self, trace: Trace) -> None:
        """Begin another life with all that is below, as nothing above is open any more."""
        before = self.trace
        below = [each for each in before.open if self in each.line]
        self.above, self.life = None, trace
        before.open.difference_update(below)
        trace.open.update(below)

    def bound_to(self, bound: Ids) -> Allowed:
        """Return what it carries after a bind: of a session before nothing stays, of a step without one its path."""
        return frozenset(_overlaid(ids, bound) for ids in self._steps)

    def ending(self) -> None:
        """Note that the span is about to end: what is bound from now on may come too late for it."""
        with _lock:
            self.is_ending = True

    def ended(self) -> None:
        """Leave the trace: what is bound from now on is not for this span."""
        with _lock:
            self.ended_at = tick()
            self.trace.open.discard(self)


def _step_of(ids: Ids) -> Ids:
    return NONE if ids.session and not ids.is_unsure else ids._replace(user=None)


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
    return next(iter(possible(where)))


def possible(where: Where) -> Allowed:
    """Return what a span may carry that starts at ``where``: one thing, but while a bind is under way."""
    with _lock:
        return _possible(where, seen_at(where))


def seen_at(where: Where) -> Seen:
    """Return what a span that starts at ``where`` joins, as far as that can be told just now."""
    if where.parent is None:
        return Seen()
    with _lock:
        return _both(_seen(where.parent, or_ending=False), _seen(where.parent, or_ending=True))


def _seen(parent: Expected, *, or_ending: bool) -> Seen:
    trace, binding = parent.trace, parent.trace.binding
    if any(each.is_open(or_ending=or_ending) for each in parent.line):
        return Seen(trace, binding, not trace.is_unsure)
    is_sure = not (trace.is_unsure or trace.in_flight)
    if binding is None or parent.ended_at is None or parent.ended_at > binding.done:
        return Seen(None, binding, is_sure)
    return Seen(None, None, is_sure and parent.ended_at < binding.begun)


def _both(one: Seen, other: Seen) -> Seen:
    """Return what both say; of the same life the later counts, as whatever is bound reaches what is open there."""
    if one.trace is other.trace and (one.trace is not None or one.binding is other.binding):
        return other._replace(is_sure=one.is_sure and other.is_sure)
    return Seen(is_sure=False)


def entered(where: Where, change: Change, before: int) -> Where:
    """Return the place inside a scope that was entered at ``where`` since ``before``."""
    ids, is_whole = _applied(where, change)
    return Where(ids, is_whole, change.kind == "clear", (before, tick()), where.parent)


def bind_begun(where: Where, ids: Ids) -> Bind:
    """Note that the trace of ``where`` is about to be bound; below a span that has ended nothing is."""
    assert where.parent is not None
    with _lock:
        bind = Bind(ids, tick())
        tops = _tops(where.parent)
        if len(tops) > 1:
            where.parent.trace.give_up()
            return bind
        bind.top = top = tops.pop()
        if top is None:
            return bind
        if top.above is not None:
            top.goes_on(Trace(top.trace.binding, top.trace.first, top.trace.is_unsure))
        bind.trace = trace = top.trace
        trace.in_flight.append(bind)
        for expected in trace.open:
            if not expected.is_cleared:
                expected.allowed |= expected.bound_to(ids)
    return bind


def bind_done(where: Where, bind: Bind) -> None:
    """Note that ``bind`` has returned: whatever is open now has it, and what starts later."""
    assert where.parent is not None
    trace = bind.trace
    with _lock:
        if trace is None:
            if _tops(where.parent) != {bind.top}:
                where.parent.trace.give_up()
            return
        trace.in_flight.remove(bind)
        if _tops(where.parent) != {bind.top}:
            trace.give_up()
        bind.done = tick()
        trace.binding = bind
        trace.first = trace.first or bind
        for expected in trace.open:
            if not (expected.is_cleared or expected.is_ending) and expected.opened[1] < bind.begun:
                expected.allowed = expected.bound_to(bind.ids)


def _tops(parent: Expected) -> set[Expected | None]:
    """Return the topmost open span above ``parent``, ``None`` where that has ended; several where it can't be told."""
    found: set[Expected | None] = set()
    for or_ending in (False, True):
        is_open = [each.is_open(or_ending=or_ending) for each in parent.line]
        found.add([each for each, is_it in zip(parent.line, is_open, strict=True) if is_it][-1] if is_open[0] else None)
    return found


def bound_ids(where: Where, session: str | None, user: str | None) -> Ids:
    """Return what ``bind_session(session, user_id=user)`` binds to at ``where``."""
    outer = one(where)
    return _started(outer, Ids(session or outer.session, user))


def _possible(where: Where, seen: Seen) -> Allowed:
    if where.is_cleared:
        return _NOTHING
    if not seen.is_sure:
        return frozenset((UNSURE,))
    found = _without_bind(where) if seen.binding is None else _with_bind(where, seen.binding)
    if seen.trace is not None:
        found |= {bind.ids for bind in seen.trace.in_flight}
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
    carried = _carried_by(where.parent)
    found = {ids._replace(user_is_remote=True) if ids.session else NONE for ids in carried}
    if where.ids is None:
        return frozenset(found)
    return frozenset(_overlaid(ids, where.ids) for ids in found)


def _carried_by(parent: Expected | None) -> Allowed:
    """Return what a child has of its parent's own; what that was bound to is not handed on when it does not hold."""
    if parent is None:
        return _NOTHING
    first = parent.trace.first
    if first is None or (parent.ended_at is not None and parent.ended_at < first.begun):
        return parent.allowed
    return _NOTHING


def _overlaid(below: Ids, above: Ids) -> Ids:
    pairs = zip(above.attributes, below.attributes, strict=True)
    remote = (above if above.user else below).user_is_remote
    return Ids(*(upper or lower for upper, lower in pairs), remote, below.is_unsure or above.is_unsure)


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
    return ids._replace(user_is_remote=outer.user_is_remote and given.user is None, is_unsure=outer.is_unsure)
