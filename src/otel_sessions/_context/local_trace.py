"""What this process knows of a trace: its spans that are open here, and the session that it was bound to.

The record of a trace is kept on its spans, in a note of our own on each of them. So it lives for
as long as the application holds one of those spans (a background task holds the one it was started
in), two calls of one service in one distributed trace have two records, and there is no registry
that could grow, be torn by a fork, or has to be cleared.

A span that is alone has no record: that begins with the first child, or with the first bind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, set_span_in_context

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

MAX_OPEN = 1024
"""Most open spans of one trace that are remembered; a span that is never ended stays among them."""

(SPAN_KEY,) = set_span_in_context(INVALID_SPAN, Context())
"""The Context key of the current span, which the API's own function shows us here.

`opentelemetry.trace.get_current_span` costs five times a look into the Context.
"""


class Binding(NamedTuple):
    """A session for a whole trace, and how many had been bound in this process then, itself included."""

    state: State
    number: int


class LocalTrace:
    """The record of one trace below one local root span.

    Attributes:
        open: The spans that have not ended, each with what puts the bound session on it.
        binding: The session that the trace was bound to last.
        process: Whose spans are open: see `_Clock`.
        is_only: No other record of the same trace id has been bound while nothing was recorded.
    """

    __slots__ = ("__weakref__", "binding", "is_only", "open", "process")

    def __init__(self) -> None:
        self.open: dict[Any, Stamp] = {}
        self.binding: Binding | None = None
        self.process = CLOCK.process
        self.is_only = True


class Note:
    """What is noted on a span; made without an ``__init__``, as there is one for each span.

    Attributes:
        stamp: What its processor offers to put on it what its trace is bound to; ``None`` for nothing.
        store: Its store of attributes, where it is an SDK's that has one.
        stamps: Pairs of key and value: what was put on it.
        trace: The record of its trace, if it has one yet.
        own: Not always there: the ids that it has started with itself, and that stay.
        steps: Not always there: what was put on it without a session, before its trace was bound.
        is_withdrawn: Not always there: it has started where there is no session on purpose.
        from_call: Not always there: the keys of what it has taken from the call that it tells of, for itself alone.
    """

    __slots__ = ("from_call", "is_withdrawn", "own", "stamp", "stamps", "steps", "store", "trace")

    stamp: Stamp | None
    store: Any
    stamps: Stamps
    trace: LocalTrace | None
    own: Mapping[str, Any]
    steps: Mapping[str, Any]
    is_withdrawn: bool
    from_call: Collection[str]


class _Clock:
    """What tells before from after.

    Attributes:
        binds: How many sessions were bound: was a scope opened before or after?
        process: Another object after a fork. The spans that the parent had open are the parent's, and
            their locks may be held by threads that are not there in the child.
    """

    __slots__ = ("binds", "process")

    def __init__(self) -> None:
        self.binds = 0
        self._fork()
        after_fork_in_child(self._fork)

    def _fork(self) -> None:
        self.process = object()


CLOCK = _Clock()

_beginning = ForkSafeLock()  # two children may start at the same time

# Where a trace is not sampled, each of its spans is an object that knows of no other: they find
# each other by the trace id. The record is held by the span that was bound.
_unrecorded: WeakValueDictionary[int, LocalTrace] = WeakValueDictionary()


def note_of(span: object) -> Note | None:
    """Return the note on ``span``, ``None`` where there is none."""
    note = getattr(span, NOTE, None)
    return note if type(note) is Note else None  # of a mock, it is another mock


def is_withdrawn(span: object) -> bool:
    """Tell whether ``span`` has started where there is no session on purpose."""
    return getattr(note_of(span), "is_withdrawn", False)


def joined(note: Note, parent: object) -> LocalTrace | None:
    """Note the record of ``parent`` for its child, and return it; ``None`` for a parent that is not local."""
    above = getattr(parent, NOTE, None)  # as `note_of`, for each child
    trace = above.trace if type(above) is Note else None
    if trace is None:
        if isinstance(parent, NonRecordingSpan):  # a remote parent, or one that is not sampled
            return None
        trace = _record_of(parent)
    note.trace = trace
    return trace


def local_root_of(span: Any) -> Any:  # noqa: ANN401  # spans of any SDK
    """Return the first span of this process in the trace of ``span`` that is open, itself perhaps; ``None`` for none.

    Of a trace that no processor of ours has looked at, that is known only where ``span`` is the one.
    """
    note = note_of(span)
    known = () if note is None or note.trace is None else list(note.trace.open)
    return next((each for each in (*known, span) if each.is_recording() and _is_local_root(each)), None)


def _is_local_root(span: Any) -> bool:  # noqa: ANN401
    parent = getattr(span, "parent", span)  # public in the SDK; of another make, who knows
    return parent is None or (parent is not span and parent.is_remote)


def publish(span: object, note: Note, trace: LocalTrace) -> None:
    """Let binds know of ``span``: it has all that it starts with."""
    if trace.process is not CLOCK.process:
        _begin_anew_after_a_fork(trace)
    if note.stamp is not None and len(trace.open) < MAX_OPEN:
        trace.open[span] = note.stamp


def _begin_anew_after_a_fork(trace: LocalTrace) -> None:
    """Forget the open spans of the parent process."""
    if trace.process is not CLOCK.process:
        trace.open, trace.process = {}, CLOCK.process


def forget() -> None:
    """Forget the traces that are not recorded (for tests)."""
    _unrecorded.clear()


def binding_in(context: Context) -> Binding | None:
    """Return what the trace of the span in ``context`` is bound to, ``None`` for nothing."""
    span = context.get(SPAN_KEY)
    if span is None:
        return None
    note = note_of(span)
    if note is not None:
        return None if note.trace is None else note.trace.binding
    if not _unrecorded or not isinstance(span, NonRecordingSpan) or span.get_span_context().is_remote:
        return None  # what comes in begins another call, of the same trace or not
    trace = _unrecorded.get(span.get_span_context().trace_id)
    return trace.binding if trace is not None and trace.is_only else None


def bind(context: Context, state: State) -> bool:
    """Bind the trace of the span in ``context``, and put ``state`` on its open spans; tell whether there is one."""
    span: Any = context.get(SPAN_KEY)
    if span is None or not span.get_span_context().is_valid:
        return False
    trace = _record_of(span)
    _begin_anew_after_a_fork(trace)
    trace.open.update(_alone(span))  # it may be of before a fork, or one more than `MAX_OPEN`
    if isinstance(span, NonRecordingSpan):
        _remember_unrecorded(span.get_span_context().trace_id, trace)
    with _beginning:  # two at once must not set the clock back
        CLOCK.binds += 1
        trace.binding = Binding(state, CLOCK.binds)
    for open_span in list(trace.open):  # not items(): to make pairs may collect garbage, which may end a span
        stamp = trace.open.get(open_span)
        if stamp is not None:
            stamp(open_span)
    return True


def _record_of(span: Any) -> LocalTrace:  # noqa: ANN401  # a span of any SDK
    """Return the record of ``span``; a new one begins with it."""
    with _beginning:
        note = note_of(span)
        if note is None:
            note = Note()
            note.stamp = note.store = note.trace = None
            note.stamps = ()
            setattr(span, NOTE, note)
        trace = LocalTrace()
        trace.open.update(_alone(span))
        if note.trace is None:  # looked at last: see `ForkSafeLock`
            note.trace = trace
        return note.trace


def _alone(span: Any) -> dict[Any, Stamp]:  # noqa: ANN401  # a span of any SDK
    """Return the open spans of a trace of which only ``span`` is known."""
    note = note_of(span)
    return {} if note is None or note.stamp is None or not span.is_recording() else {span: note.stamp}


def _remember_unrecorded(trace_id: int, trace: LocalTrace) -> None:
    known = _unrecorded.setdefault(trace_id, trace)
    if known is not trace:
        known.is_only = trace.is_only = False  # two calls in one trace: better no session than another's
