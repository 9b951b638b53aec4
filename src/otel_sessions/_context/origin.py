"""Where this process comes from, if it was asked for (``OTEL_SESSION_ID=environ``): the span and the baggage that it was started with.

Nothing of it is attached to any Context: other threads would not have it, and a server's instrumentation that finds a span
current takes no request for one. It is what a Context is below that names nothing itself: the one that each thread and task
begins with, and what was made of that. One that is empty on purpose, and what a request has brought, is below nothing.
Where nobody has asked for it, that is one look at `ORIGIN`.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, create_key
from opentelemetry.context import get_current as api_get_current
from opentelemetry.trace import get_current_span, set_span_in_context

from . import baggage
from .local_trace import SPAN_KEY
from .state import ENTRY_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span, SpanContext

_ALONE = create_key("otel-sessions-alone")
"""In a Context: it has no span because it was made of a request that has brought none, or for a trace of its own."""


class _Origin:
    """What this process was started with.

    Attributes:
        context: All of it, as it was read; ``None`` where nobody has asked for it.
        span: The span of the caller; ``None`` where there is none.
        items: Its baggage that is of no session.
        first: The Context with which each thread begins; ``None`` where that is not always the same one.
    """

    __slots__ = ("context", "first", "items", "span")

    def __init__(self) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Come from nowhere."""
        self.context: Context | None = None
        self.span: Span | None = None
        self.items: Mapping[str, object] = {}
        self.first: Context | None = None

    def hold(self, context: Context, items: Mapping[str, object]) -> None:
        """Come from ``context``, with these ``items`` of its baggage."""
        span = get_current_span(context)
        first = contextvars.Context().run(api_get_current)
        self.first = first if contextvars.Context().run(api_get_current) is first else None
        self.context, self.items = context, items
        self.span = span if span.get_span_context().is_valid else None


ORIGIN = _Origin()


def is_below(context: Context) -> bool:
    """Tell whether ``context`` is below the span that this process comes from: not of another trace, and not empty on purpose."""
    origin = ORIGIN.span
    if origin is None:
        return False
    here = _span_context_in(context)
    return _begins_here(context) if here is None else here.trace_id == origin.get_span_context().trace_id


def below(context: Context) -> Context:
    """Return ``context`` with the span and the baggage that this process comes from, if it is below those; else itself."""
    origin = ORIGIN.span
    if origin is None or not is_below(context):
        return context
    if _span_context_in(context) is None:
        context = set_span_in_context(origin, context)
    if ORIGIN.items:
        items = baggage.entries(context)
        if not ORIGIN.items.keys() <= items.keys():
            return baggage.with_baggage(context, {**ORIGIN.items, **items})
    return context


def beside_origin(items: Mapping[str, object], context: Context) -> Mapping[str, object]:
    """Return the baggage ``items`` of ``context`` without those that this process comes with.

    What they name of a session, as those of other tools do, was looked at when they were read, beside what goes before it.
    """
    if not is_below(context):
        return items
    return {key: value for key, value in items.items() if ORIGIN.items.get(key) != value}


def as_message(context: Context) -> Context:
    """Return ``context``, in which the span of a message starts, as one that is below nothing where it names no span.

    Who has sent it is not who has started this process, and a worker gets those of everybody.
    """
    return context if _span_context_in(context) is not None else alone(context)


def as_request(received: Context, context: Context | None) -> Context:
    """Return what was ``received`` in ``context``, so that it is known as a request where it names no span.

    An empty one is below nothing as it is, unless it is the one with which threads begin, as propagators of baggage hand it back.
    """
    if context or _span_context_in(received) is not None or (not received and not _begins_here(received)):
        return received
    return alone(received)


def alone(context: Context) -> Context:
    """Return ``context``, which has no span, as one that is below nothing."""
    return context if ORIGIN.span is None else Context({**context, _ALONE: True})


def _span_context_in(context: Context) -> SpanContext | None:
    """Return that of the span of ``context``, ``None`` for none; one that is not valid is none, whoever has put it there."""
    span: Any = context.get(SPAN_KEY)
    found: SpanContext | None = None if span is None else span.get_span_context()
    return found if found is not None and found.is_valid else None


def _begins_here(context: Context) -> bool:
    """Tell whether ``context``, without a span, was made of one with which a thread or a task begins."""
    while context:
        entry: Any = context.get(ENTRY_KEY)
        if _ALONE in context:
            return False
        if entry is None:
            return True
        context = entry.base if entry.given is None else entry.given
    return ORIGIN.first is None or context is ORIGIN.first
