"""The lives of a trace in this process: who joins one, when it is over, and how long it stays bound.

A span that starts below one that is open joins its life. Below one that has ended it joins that of
whatever is still open above; where nothing is, it begins a life of its own. That takes over what the
life before was bound to, but not below a span that had ended before the bind, and for no longer than
`OUTLASTS` seconds: a background task of a request is still about that request, and a worker that was
started inside a request serves others by then.

A life ends as a tree that loses its root: what is still open below goes on, each on its own. So what
binds one of those leaves the others alone (`_split`).

Where nothing is recorded, no end is seen: there a bind holds for `OUTLASTS` seconds.

A tracer that is switched off makes spans that stand for their parents: they have its span context, and nothing else. What
is bound below one, or looked for, is that of the span that it stands for.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary, ref

from opentelemetry.trace import NonRecordingSpan

from .lately import Lately
from .local_trace import (
    BEGINNING,
    CLOCK,
    SPAN_KEY,
    Binding,
    LocalTrace,
    Note,
    alone,
    begun,
    first,
    is_open,
    nearest,
    note_of,
    record_bound_to,
    record_of,
)
from .unstamped import look_here

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from .state import State

MAX_OPEN = 1024
"""Most open spans of one trace that are remembered; a span that is never ended stays among them."""

OUTLASTS = 300.0
"""How long a bind holds once nothing of its life is open, in seconds: for the background tasks of a request."""

_GONE = object()

_new = tuple.__new__  # what a named tuple does, in a third of the time

# Where a trace is not sampled, each of its spans is an object that knows of no other: they find
# each other by the trace id. The record is held by the span that was bound.
_unrecorded: WeakValueDictionary[int, LocalTrace] = WeakValueDictionary()

MAX_BOUND = 8
"""Most bound lives of one trace that are known by its id, for what stands for one of their spans."""

# By trace id, and which of several lives of that trace it is. The record is held by the spans that are in it.
_recorded: WeakValueDictionary[tuple[int | None, int], LocalTrace] = WeakValueDictionary()


def _remember_recorded(trace: LocalTrace) -> None:
    for number in range(MAX_BOUND):
        if _recorded.setdefault((trace.trace_id, number), trace) is trace:
            return


_LATELY = Lately(_remember_recorded)


def forget() -> None:
    """Forget the traces that are known by their id (for tests)."""
    _unrecorded.clear()
    _recorded.clear()
    _LATELY.waiting.clear()


def joined(note: Note, parent: Any, above: object) -> LocalTrace | None:  # noqa: ANN401  # of any SDK
    """Note the life that the child of ``parent``, which has ``above`` for its note, joins, and return its record.

    ``None`` where it is alone.
    """
    if type(above) is not Note:  # of a mock, it is another mock
        return _joined_to(note, parent, None)
    trace = above.trace
    if trace is not None and type(above.life) is ref and parent.is_recording():  # of another provider
        note.above = above
        note.trace = trace
        return trace
    return _joined_to(note, parent, above)


def _joined_to(note: Note, parent: Any, above: Note | None) -> LocalTrace | None:  # noqa: ANN401  # of any SDK
    """Do as `joined`, where the parent has no record yet, has ended, or its end can't be told."""
    if above is None or above.trace is None:
        is_local = parent.is_recording() if above is None else above.life is CLOCK.process
        if is_local and above is None:
            look_here()  # it is perhaps of another provider
        if (
            not is_local
        ):  # it is remote, not sampled, of another process, or has ended, and nobody has joined or bound it
            return None
        if above is None:
            note.above, note.trace = record_of(parent)
        else:
            note.above, note.trace = above, begun(parent, above)
        return note.trace
    found = nearest(above)
    if is_open(found):
        note.above, note.trace = found, found.trace
    else:
        binding = _outlasting(above, found.trace)
        note.trace = None if binding is None else record_bound_to(binding)
    return note.trace


def leave_out(note: Note) -> None:
    """Note that the record does not know of a span: those that are never ended must not make a chain of notes."""
    note.is_left_out = True
    above = note.above
    if above is not None and getattr(above, "is_left_out", False):
        note.above = above.above


def ended(note: Note, trace: LocalTrace) -> None:
    """Note that a span has ended that was the first of its life, or that has outlived its parent."""
    if note.above is not None:
        note.above = nearest(note.above)  # so that a chain of tasks makes no chain of notes
    if trace.binding is not None and not trace.open:
        trace.bound_or_over = monotonic()


def binding_in(context: Context) -> Binding | None:
    """Return what the trace of the span in ``context`` is bound to, ``None`` for nothing."""
    span = context.get(SPAN_KEY)
    if span is None:
        return None
    note = note_of(span)
    if note is None:
        return _binding_by_trace_id(span) if CLOCK.binds else None
    trace = note.trace
    if trace is None or note.life is CLOCK.process:
        return None if trace is None else trace.binding
    found = nearest(note)
    if found.trace is not None and is_open(found):
        return found.trace.binding
    return _outlasting(note, found.trace)


def _outlasting(note: Note, trace: LocalTrace | None) -> Binding | None:
    """Return what holds below the span of ``note``, which has ended, of a life in which nothing above it is open."""
    binding = None if trace is None else trace.binding
    if trace is None or binding is None or (type(note.life) is int and note.life < binding.number):
        return None
    return binding if _age(trace) < OUTLASTS else None


def _age(trace: LocalTrace) -> float:
    """Return for how many seconds nothing of ``trace`` has been open: in a fork, of what the parent had open."""
    if trace.process is CLOCK.process:
        return 0.0 if trace.open else monotonic() - trace.bound_or_over
    return monotonic() - (CLOCK.forked if trace.open else trace.bound_or_over)


def _binding_by_trace_id(span: Any) -> Binding | None:  # noqa: ANN401  # of any SDK
    if (
        not (_unrecorded or _recorded or _LATELY.waiting)
        or not isinstance(span, NonRecordingSpan)
        or span.get_span_context().is_remote
    ):
        return None  # what comes in begins another call, of the same trace or not
    bound = bound_behind(span)
    if bound is not None:
        return binding_of(bound)
    trace = _unrecorded.get(span.get_span_context().trace_id)
    return trace.binding if trace is not None and trace.is_only and _age(trace) < OUTLASTS else None


def binding_of(span: object) -> Binding | None:
    """Return what the life of ``span``, which is open, is bound to; ``None`` for nothing."""
    note = note_of(span)
    return None if note is None or note.trace is None else note.trace.binding


def bound_behind(span: Any) -> Any:  # noqa: ANN401  # of any SDK
    """Return the open span of a bound life that ``span``, of a tracer that is switched off, stands for; ``None`` for none."""
    _LATELY.sort_in()
    trace_id = span.get_span_context().trace_id
    for number in range(MAX_BOUND):
        trace = _recorded.get((trace_id, number))
        found = None if trace is None else open_in(trace, span)
        if found is not None:
            return found
    return None


def open_in(trace: LocalTrace, span: Any) -> Any:  # noqa: ANN401
    """Return the span that is open in ``trace`` and has the span context that ``span`` has; ``None`` for none."""
    span_id = span.get_span_context().span_id
    same = (each for each in list(trace.open) if each.get_span_context().span_id == span_id)
    return next((each for each in same if _is_here(each)), None)


def bind(context: Context, state: State) -> Literal["", "no span", "no trace", "over"]:
    """Bind the life of the span in ``context``, and put ``state`` on its open spans; return why not, else nothing."""
    span: Any = context.get(SPAN_KEY)
    span_context = None if span is None else span.get_span_context()
    if span_context is None or not span_context.is_valid:
        return "no span" if span is None else "no trace"
    is_recorded = not isinstance(span, NonRecordingSpan)
    if is_recorded and not _is_here(span):
        return "over"
    note, trace = record_of(span)
    with BEGINNING.now:  # two at once must not set the clock back
        note.trace = trace = _life_of(note, trace)
        trace.open.update(alone(span, note))  # it may be one more than `MAX_OPEN`
        if not is_recorded:
            _remember_unrecorded(span_context.trace_id, trace)
        elif trace.trace_id is None:
            trace.trace_id = span_context.trace_id
            _LATELY.add(trace)
        CLOCK.binds += 1
        trace.bound_or_over = monotonic()
        first = CLOCK.binds if trace.binding is None else trace.binding.first
        trace.binding = _new(Binding, (state, CLOCK.binds, first))
    for open_span in list(trace.open):  # not items(): to make pairs may collect garbage, which may end a span
        stamp = trace.open.get(open_span)
        if stamp is not None:
            stamp(open_span)
    return ""


def _is_here(span: Any) -> bool:  # noqa: ANN401  # of any SDK
    """Tell whether ``span`` is open, and was started in this process."""
    note = note_of(span)
    return bool(span.is_recording()) and (note is None or is_open(note))


def _life_of(note: Note, trace: LocalTrace) -> LocalTrace:
    """Return the record of what is below the topmost open span above ``note``, and of nothing else that is open."""
    top = each = note
    while each.above is not None:
        each = each.above
        if is_open(each):
            top = each
    return top.trace or trace if top.above is None else _split(trace, top)


def _split(trace: LocalTrace, top: Note) -> LocalTrace:
    """Let what is below ``top``, above which nothing is open any more, go on as a life of its own."""
    life = record_bound_to(trace.binding)
    trace.is_split = True  # before we look: see `followed`
    top.trace, top.above = life, None
    for span in list(trace.open):
        note = note_of(span)
        if note is not None and first(note) is top:
            _move(span, note, trace, life)
    if not trace.open:
        trace.bound_or_over = monotonic()
    return life


def followed(span: object, note: Note, trace: LocalTrace) -> LocalTrace:
    """Return the record of ``span``, which may have joined ``trace`` while what is above it went on by itself."""
    with BEGINNING:
        life = first(note).trace or trace
        if life is not trace:
            note.trace = life
            _move(span, note, trace, life)
        return life


def _move(span: object, note: Note, trace: LocalTrace, life: LocalTrace) -> None:
    """Move ``span`` from ``trace`` to ``life``, and see that it is not left there if another thread ends it."""
    if trace.open.pop(span, _GONE) is not _GONE:
        note.trace, life.open[span] = life, note.stamp
        if type(note.life) is int:
            life.open.pop(span, None)


def _remember_unrecorded(trace_id: int, trace: LocalTrace) -> None:
    known = _unrecorded.get(trace_id)
    if known is None or _age(known) >= OUTLASTS:
        _unrecorded[trace_id] = trace
    elif known is not trace:
        known.is_only = trace.is_only = False  # two calls in one trace: better no session than another's
