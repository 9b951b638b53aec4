"""What a span that a sampler has dropped knows of its session, for what finds no more than that span.

Such a span is a span context and nothing else: no processor is told of it, and it has no attributes. What the sampler
gives it is a tracestate, so the session stands there, as a note that is not sent and that lives as long as the span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import NonRecordingSpan, TraceState

from .local_trace import NOTE
from .state import as_of_now

if TYPE_CHECKING:
    from .state import State


_EMPTY = TraceState()
_IS_REMOTE = 2
"""Its place in a `SpanContext`, which is a tuple: each span of a request is asked, and to read a property takes longer."""


class _Memory:
    """The session of a span, in this process alone: a copy that goes to another one has none.

    Attributes:
        state: What is carried.
    """

    __slots__ = ("state",)

    state: State

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Be nothing where a span context is pickled or copied in depth."""
        return type(None), ()


def with_memory(trace_state: TraceState | None, state: State | None) -> TraceState | None:
    """Return ``trace_state`` for one span that is dropped in ``state``; itself where it says so already.

    What comes from a dropped parent, as the SDK hands it on, may remember the session of that. Of a tracestate that has
    no place for a note nothing is remembered: raises `TypeError`.
    """
    old, held, made = _LAST.made
    if state is held and trace_state is old:
        return made
    known = _memory_of(trace_state)
    if state is None if known is None else known.state is state:
        return trace_state
    old = _EMPTY if trace_state is None else trace_state
    memory = None if state is None else _memory_for(state)
    new = type(old).__new__(type(old))
    new.__dict__ = {**vars(old), NOTE: memory}  # to make it anew checks each member
    _LAST.made = trace_state, state, new
    return new


def note_session(trace_state: TraceState, state: State) -> None:
    """Note ``state`` in a ``trace_state`` that was made for one span that is dropped, and is nobody else's yet."""
    setattr(trace_state, NOTE, _memory_for(state))


def _memory_for(state: State) -> _Memory:
    memory = _Memory()
    memory.state = state
    return memory


class _Last:
    """What was made last, as the roots of one session have the same tracestate: none, or what a sampler says of all.

    Attributes:
        made: Of which tracestate, for which session, and that.
    """

    __slots__ = ("made",)

    def __init__(self) -> None:
        self.made: tuple[object, State | None, TraceState | None] = (self, None, None)


_LAST = _Last()


def state_of_dropped(span: Any) -> State | None:  # noqa: ANN401  # of any SDK
    """Return the session in which ``span`` was started, if it was dropped in this process, and knows one."""
    if not isinstance(span, NonRecordingSpan):
        return None
    context = span.get_span_context()
    memory = None if context[_IS_REMOTE] or context.trace_flags.sampled else _memory_of(context.trace_state)
    return None if memory is None else as_of_now(memory.state)


def _memory_of(trace_state: object) -> _Memory | None:
    memory = getattr(trace_state, NOTE, None)
    return memory if type(memory) is _Memory else None
