"""Root spans of a process that comes from somewhere are no roots: they are below the span that it was started with.

Which span is the parent of another is decided by the SDK's tracer, by the Context, before a sampler or a processor is asked.
So, as long as this process comes from somewhere, its tracers are handed a Context that names that.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import Tracer
from opentelemetry.trace import SpanKind

from otel_sessions import _diagnostics
from otel_sessions._context.entry import get_current
from otel_sessions._context.origin import ORIGIN, as_message, below

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context


def follow_origin() -> None:
    """Have all tracers of the SDK start what would be a root below `ORIGIN`, or no more if there is none.

    What somebody else has put over it since stays: below nothing ours changes nothing.
    """
    start: Any = Tracer.start_span
    ours, plain = getattr(start, "_otel_sessions", (None, None))  # whoever wraps a function copies what it has
    if ours is not start:
        plain = None
    if ORIGIN.span is not None and plain is None:
        Tracer.start_span = _below_origin(start)  # type: ignore[method-assign]
    elif ORIGIN.span is None and plain is not None:
        Tracer.start_span = plain  # type: ignore[method-assign]


def _below_origin(start: Callable[..., Any]) -> Any:  # noqa: ANN401  # of the type of that method
    @functools.wraps(start)
    def start_span(  # the SDK's signature, as far as it counts here
        tracer: Tracer,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        *args: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return start(tracer, name, _placed(context, kind), kind, *args, **options)

    start_span._otel_sessions = start_span, start  # type: ignore[attr-defined]  # noqa: SLF001
    return start_span


def _placed(context: Context | None, kind: SpanKind) -> Context | None:
    """Return the Context for a span of a ``kind`` that is to start in ``context``, ``None`` for the current one. Never raises."""
    try:
        here = get_current() if context is None else context
        placed = as_message(here) if kind is SpanKind.CONSUMER else below(here)
    except Exception as error:  # noqa: BLE001  # it would reach the application's start_span
        found = type(error).__name__
        _diagnostics.warn_once(("origin", found), "otel_sessions: finding the parent of a span raised %s", found)
        return context
    return context if placed is here else placed
