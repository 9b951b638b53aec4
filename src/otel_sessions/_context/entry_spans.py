"""The spans of requests that are open here, for what finds its request by a header alone.

Some servers start a span of their own from the ``traceparent`` of a request, which an instrumentation has read
before: such a span is below the remote caller, beside the one of the request, and its Context has nothing of the session.
It belongs to that request: it joins the life of the open span that has the same caller, or that is the caller itself.

A call that was retried or fanned out has the same header, and may be of another session. So there must be no second open
span of that caller, and the scope of the instrumentation must be another, or the Context that is current be inside of the request.

A span is known from its start, and not looked at when it ends, which costs nothing then: those that have ended are let go
of from time to time. By its trace it is known only from when somebody looks for one, which few programs do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

from opentelemetry.trace import NonRecordingSpan, SpanKind, set_span_in_context

from otel_sessions._forks import after_fork_in_child

from .entry import get_current
from .lately import Lately
from .lives import bound_behind, open_in
from .local_trace import SPAN_KEY, first, note_of, record_of
from .origin import ORIGIN
from .resolution import is_without_session, names_session

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    _Entries: TypeAlias = "ref[Any] | tuple[ref[Any], ...]"

_OF_REQUESTS = (SpanKind.SERVER, SpanKind.CONSUMER)

_TRACE_ID, _IS_REMOTE = 0, 2
"""Places in a `SpanContext`, which is a tuple: to read its properties takes three times as long."""

MAX_TRACES = 16384
"""Most traces that are known; where half of them are open, all are forgotten, and those that come are known."""

MAX_IN_TRACE = 32
"""Most open requests of one trace that are told apart; where there are more, none is found."""

_OFTEN = 1024
"""Traces that are known, at least, before those are looked for whose requests have ended."""


class _Known:
    """The spans of requests.

    Attributes:
        by_trace: By trace id a weak reference, or a tuple of several. Without a lock: who changes what is there takes it
            out, and puts it in again where nothing is, and each of these is one step.
        most: How many traces there may be before it is looked which of them are over.
    """

    __slots__ = ("by_trace", "most")

    def __init__(self) -> None:
        self.by_trace: dict[int, _Entries] = {}
        self.most = _OFTEN
        after_fork_in_child(self.by_trace.clear)  # what the parent had open is the parent's


_KNOWN = _Known()
_by_trace = _KNOWN.by_trace


def forget() -> None:
    """Forget all (for tests)."""
    _LATELY.waiting.clear()
    _by_trace.clear()


def _know(span: Any) -> None:  # noqa: ANN401  # a span of any SDK
    """Make a ``span`` that is open known by its trace."""
    if not span.is_recording():
        return
    made, trace_id = ref(span), span.get_span_context()[_TRACE_ID]
    if len(_by_trace) >= _KNOWN.most:
        _make_room()
    if _by_trace.setdefault(trace_id, made) is not made:
        _add(trace_id, made)


_LATELY = Lately(_know)

note_entry = _LATELY.add
"""Notes that a span is that of a request, for as long as it is open."""


def below_entry(span: Any, context: Context, parent: Any) -> Context | None:  # noqa: ANN401
    """Return ``context`` with the span of the request that ``span`` belongs to, in place of its ``parent``.

    A parent that stands for an open span (see `open_behind`) gives way to that. ``None`` where there is none; if the parent
    is remote, ``span`` is noted as that of a request then.
    """
    caller = parent.get_span_context()
    if not caller[_IS_REMOTE]:
        behind = open_behind(parent)
        return None if behind is None else set_span_in_context(behind, context)
    if parent is ORIGIN.span:  # what this process comes from has sent no request: all that is here is below it
        if span.kind in _OF_REQUESTS:
            note_entry(span)
        return None
    _LATELY.sort_in()
    made, trace_id = ref(span), caller[_TRACE_ID]
    if len(_by_trace) >= _KNOWN.most:
        _make_room()
    known = _by_trace.setdefault(trace_id, made)
    if known is made:
        return None
    if isinstance(known, tuple) or known() is not None:
        entry = _only_one_of(caller, span)
        if entry is not None and _belongs(span, entry, context):
            return set_span_in_context(entry, context)
    elif (there := _by_trace.pop(trace_id, known)) is not known:  # as `_add`, and quicker
        _put_back(trace_id, there)
    elif _by_trace.setdefault(trace_id, made) is made:
        return None
    _add(trace_id, made)
    return None


def open_behind(span: Any) -> Any:  # noqa: ANN401
    """Return the open span that ``span`` stands for, with its span context and nothing else; ``None`` for none.

    A tracer that is switched off makes such spans. What they stand for is known in a life that is bound, and in a request.
    """
    if not isinstance(span, NonRecordingSpan) or span.get_span_context().is_remote:
        return None
    found = bound_behind(span)
    if found is not None:
        return found
    _LATELY.sort_in()
    entries = [made() for made in _open_of(_by_trace.get(span.get_span_context().trace_id, ()))]
    lives = [record_of(entry)[1] for entry in entries if entry is not None]
    return next((open_span for life in lives if (open_span := open_in(life, span)) is not None), None)


def _add(trace_id: int, made: ref[Any]) -> None:
    """Add an entry, beside what is there and open."""
    entries: _Entries = made
    while _by_trace.setdefault(trace_id, entries) is not entries:
        entries = _together(_by_trace.pop(trace_id, ()), entries)


def _together(there: _Entries, entries: _Entries) -> _Entries:
    """Return what is open of those that were ``there``, and ``entries``; one too many tells that there are too many."""
    added = _all_of(entries)
    others = [each for each in _open_of(there) if each not in added]
    return (*others, *added)[-MAX_IN_TRACE - 1 :] if others else entries


def _put_back(trace_id: int, there: _Entries) -> None:
    """Put in again what was taken out, and has come from another thread just before."""
    for each in _open_of(there):
        _add(trace_id, each)


def _make_room() -> None:
    """Let go of the traces whose requests are over."""
    for trace_id, there in _by_trace.copy().items():
        is_gone = (
            type(there) is ref and there() is None
        )  # the common case, and quick to tell: each request pays for one
        if (is_gone or not _open_of(there)) and (now := _by_trace.pop(trace_id, there)) is not there:
            _put_back(trace_id, now)
    if len(_by_trace) > MAX_TRACES // 2:
        _by_trace.clear()
    _KNOWN.most = max(2 * len(_by_trace), _OFTEN)


def _all_of(entries: _Entries) -> tuple[ref[Any], ...]:
    return entries if isinstance(entries, tuple) else (entries,)


def _open_of(entries: _Entries) -> tuple[ref[Any], ...]:
    """Return the ``entries`` that have not ended."""
    return tuple(each for each in _all_of(entries) if (span := each()) is not None and span.is_recording())


def _only_one_of(caller: SpanContext, span: object) -> Any:  # noqa: ANN401
    """Return the only open span, other than ``span``, that was called by ``caller`` or is it; ``None`` for none or several."""
    known = _open_of(_by_trace.get(caller.trace_id, ()))
    if len(known) > MAX_IN_TRACE:
        return None
    found = [entry for each in known if (entry := each()) is not None and entry is not span and _is_of(caller, entry)]
    return found[0] if len(found) == 1 else None


def _is_of(caller: SpanContext, entry: Any) -> bool:  # noqa: ANN401
    is_same = entry.get_span_context().span_id == caller.span_id
    return is_same or (entry.parent is not None and entry.parent.span_id == caller.span_id)


def _belongs(span: Any, entry: Any, context: Context) -> bool:  # noqa: ANN401
    """Tell whether ``span``, which starts in ``context``, is of the request of ``entry``, and has no session by itself."""
    if names_session(context):
        return False
    current = get_current()
    if _is_inside(current, entry):
        return not is_without_session(current)
    return bool(span.instrumentation_scope != entry.instrumentation_scope)


def _is_inside(context: Context, entry: object) -> bool:
    """Tell whether the span of ``context`` is ``entry``, or in the life that begins with it."""
    here = context.get(SPAN_KEY)
    note = note_of(here)
    return here is entry or (note is not None and first(note) is note_of(entry))
