"""What this process knows of a trace: its spans that are open here, and the session that it was bound to.

A trace has *lives* here: a local root span and what starts below while any of it is open is one. Each
life has a record, which is kept on its spans, in a note of our own on each of them. So it lives for
as long as the application holds one of those spans (a background task holds the one it was started
in), two calls of one service in one distributed trace have two records, and there is no registry
that could grow, be torn by a fork, or has to be cleared.

A span that is alone has no record: that begins with the first child, or with the first bind.

Below a span that has ended, and above which nothing is open either, a new life begins: everybody may
be there, in a worker that was started inside a request once. See `lives`.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from otel_sessions._forks import ForkSafeLock, after_fork_in_child

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from .state import State

    Stamps = Iterable[tuple[str, str | tuple[str, ...]]]

    Stamp = Callable[[Any], None]

NOTE = "_otel_sessions"
"""The attribute of a span that holds its note.

One attribute and not several: CPython has room for one more beside those of an SDK span; a second
makes it build a dict for each span, which costs 500 ns.
"""

(SPAN_KEY,) = set_span_in_context(INVALID_SPAN, Context())
"""The Context key of the current span, which the API's own function shows us here.

`opentelemetry.trace.get_current_span` costs five times a look into the Context.
"""


class Binding(NamedTuple):
    """A session for a whole trace.

    Attributes:
        state: What is carried.
        number: How many sessions had been bound in this process then, itself included.
        first: That number of the first bind of the same life, or of the one that this was taken over from.
    """

    state: State
    number: int
    first: int


class LocalTrace:
    """The record of one life of a trace.

    Attributes:
        open: The spans that have not ended, each with what puts the bound session on it, ``None`` for nothing.
        binding: The session that it was bound to last.
        bound_or_over: When it was bound last, or, if that is later, the last of its spans has ended; by `monotonic`.
        process: Whose spans are open: see `_Clock`.
        is_split: Some of its spans have gone on as another life.
        trace_id: Of what is recorded, once it is bound.
        is_only: No other record of the same trace id has been bound while nothing was recorded.
    """

    # Made by `record_bound_to`, without an `__init__`: it would be a third of what it takes.
    __slots__ = ("__weakref__", "binding", "bound_or_over", "is_only", "is_split", "open", "process", "trace_id")

    open: dict[Any, Stamp | None]
    binding: Binding | None
    bound_or_over: float
    process: object
    is_split: bool
    is_only: bool
    trace_id: int | None


def record_bound_to(binding: Binding | None) -> LocalTrace:
    """Return the record of a new life, which is bound to that; ``None`` for nothing."""
    trace = LocalTrace()
    trace.open = {}
    trace.binding = binding
    trace.bound_or_over = 0.0
    trace.process = CLOCK.process
    trace.is_split = False
    trace.is_only = True
    trace.trace_id = None
    return trace


class Note:
    """What is noted on a span; made without an ``__init__``, as there is one for each span.

    Attributes:
        life: The process in which it is open (see `_Clock`); the number of binds when it ended, once it has;
            where nobody will tell that it ends, a weak reference to the span.
        above: The note of its parent, in the same life, or of what is above that where the parent has ended: no span,
            so that what has ended is not kept; ``None`` for the first of a life.
        stamp: What its processor offers to put on it what its trace is bound to; ``None`` for nothing.
        store: Its store of attributes, where it is an SDK's that has one, and until nobody needs it any more.
        stamps: Pairs of key and value: what was put on it.
        state: Where there are stamps: the session that they are of.
        trace: The record of its life, if it has one yet.
        is_left_out: Not always there: it is not among the open spans of its record.
        own: Not always there: the ids that it has started with itself, and that stay.
        steps: Not always there: what was put on it without a session, before its trace was bound.
        is_withdrawn: Not always there: it has started where there is no session on purpose.
        from_call: Not always there: the keys of what it has taken from the call that it tells of, for itself alone.
        exchange: Not always there: what is to take the place of its state, its stamps and what is its own, once it is there.
        others: Not always there: what puts the names on it that other processors of ours have for the session.
        is_carried: Not always there: an agent framework carries the session that was put on it, or on its parent.
        below: Not always there: the ids that a framework has named on all spans below it that have ended.
        shown: Not always there: what it shows of a turn that is not its own; ``None`` for nothing.
        is_looked_at: Not always there: it was looked whether it has the session that was set below it.
    """

    # What is not always there is in a dict, which is made for it: with a place for each it took longer to make one.
    __slots__ = ("__dict__", "above", "life", "stamp", "stamps", "state", "store", "trace")

    life: object
    above: Note | None
    stamp: Stamp | None
    store: Any
    stamps: Stamps
    state: State
    trace: LocalTrace | None
    is_left_out: bool
    own: Mapping[str, Any]
    steps: Mapping[str, Any]
    is_withdrawn: bool
    from_call: Collection[str]
    exchange: Any  # of a wing above
    others: tuple[Callable[[Any, Note], None], ...]
    is_carried: bool
    below: Mapping[str, Any]
    shown: Any
    is_looked_at: bool


class _Clock:
    """What tells before from after.

    Attributes:
        binds: How many sessions were bound: was a scope opened before or after?
        process: Another object after a fork. The spans that the parent had open are the parent's, and
            their locks may be held by threads that are not there in the child.
        forked: When this process was forked, by `monotonic`.
    """

    __slots__ = ("binds", "forked", "process")

    def __init__(self) -> None:
        self.binds = 0
        self._fork()
        after_fork_in_child(self._fork)

    def _fork(self) -> None:
        self.process = object()
        self.forked = monotonic()


CLOCK = _Clock()

BEGINNING = ForkSafeLock()
"""Held to begin or to split a life, and to bind one: two children may start at the same time."""


def note_of(span: object) -> Note | None:
    """Return the note on ``span``, ``None`` where there is none."""
    note = getattr(span, NOTE, None)
    return note if type(note) is Note else None  # of a mock, it is another mock


def is_withdrawn(span: object) -> bool:
    """Tell whether ``span`` has started where there is no session on purpose."""
    return getattr(note_of(span), "is_withdrawn", False)


def was_bound(span: object) -> bool:
    """Tell whether what ``span`` carries may come from a bind, be that over or not."""
    note = note_of(span)
    if note is None or note.trace is None or note.trace.binding is None:
        return False
    return type(note.life) is not int or note.life >= note.trace.binding.first


def is_open(note: Note) -> bool:
    """Tell whether the span of ``note`` is open, in this process."""
    if note.life is CLOCK.process:
        return True
    span = note.life() if isinstance(note.life, ref) else None
    return span is not None and bool(span.is_recording())


def nearest(note: Note) -> Note:
    """Return the first that is open of ``note`` and what is above it; where none is, the first of the life."""
    while note.above is not None and not is_open(note):
        note = note.above
    return note


def first(note: Note) -> Note:
    """Return the note of the first span of the life that the span of ``note`` is in."""
    while note.above is not None:
        note = note.above
    return note


def local_root_of(span: Any) -> Any:  # noqa: ANN401  # spans of any SDK
    """Return the first span of this process in the trace of ``span`` that is open, itself perhaps; ``None`` for none.

    Of a trace that no processor of ours has looked at, that is known only where ``span`` is the one.
    """
    note = note_of(span)
    known = () if note is None or note.trace is None else list(note.trace.open)
    known = [each for each in known if not is_withdrawn(each)]
    return next((each for each in (*known, span) if each.is_recording() and _is_local_root(each)), None)


def _is_local_root(span: Any) -> bool:  # noqa: ANN401
    parent = getattr(span, "parent", span)  # public in the SDK; of another make, who knows
    return parent is None or (parent is not span and parent.is_remote)


def record_of(span: Any) -> tuple[Note, LocalTrace]:  # noqa: ANN401  # a span of any SDK
    """Return the note and the record of ``span``; where it has none, one begins with it."""
    note = noted(span)
    return note, begun(span, note)


_beginning: dict[Note, LocalTrace] = {}
"""The records that begin at this moment, by the note of their first span.

Without a lock, which would be a third of what it takes to begin one: of two threads the first has put its record here, and the
second finds it, here or on the note, as it is taken out of here when it is on the note. Each of these is one step.
"""
after_fork_in_child(_beginning.clear)  # what another thread was about to begin


def begun(span: Any, note: Note) -> LocalTrace:  # noqa: ANN401  # a span of any SDK
    """Return the record of ``span``, which has this ``note``; where it has none, one begins with it."""
    trace = record_bound_to(None)
    if note.life is CLOCK.process and span.is_recording():  # else nobody will tell that it ends
        trace.open[span] = note.stamp
    first = _beginning.setdefault(note, trace)
    if note.trace is None:
        note.trace = first
    _beginning.pop(note, None)
    if first is trace and type(note.life) is int:
        trace.open.clear()  # another thread has ended it, and has not seen the record
    return note.trace


def noted(span: Any) -> Note:  # noqa: ANN401  # a span of any SDK
    """Return the note on ``span``; one that no processor of ours has seen starting gets one."""
    with BEGINNING.now:
        note = note_of(span)
        if note is None:
            note = Note()
            note.above = note.stamp = note.store = note.trace = None
            note.stamps, note.life = (), ref(span)
            setattr(span, NOTE, note)
        return note


def alone(span: Any, note: Note) -> dict[Any, Stamp | None]:  # noqa: ANN401  # a span of any SDK
    """Return the open spans of a life of which only ``span`` is known: none, where nobody will tell that it ends."""
    return {span: note.stamp} if note.life is CLOCK.process and span.is_recording() else {}
