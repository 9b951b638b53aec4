"""Whether a propagator guards the session: which only the one that does can tell."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

from opentelemetry.context import Context, create_key
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from otel_sessions._session.session import SESSION_ID

from . import baggage

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator

PROBE = create_key("otel-sessions-probe")
"""The Context key under which a guard is asked to answer."""

_SAMPLE = "otel-sessions-probe"


def guards_in(propagator: TextMapPropagator) -> list[object]:
    """Return the guards that ``propagator`` is made of: itself, or others among which there are some."""
    found: list[object] = []
    with contextlib.suppress(Exception):  # what it raises it raises when it is used, too
        propagator.inject({}, Context({PROBE: found}))
    return found


def is_guarded(propagator: TextMapPropagator) -> bool:
    """Tell whether no session goes anywhere by ``propagator`` but where it may.

    That is so where none of those that it is made of writes one that the guards among them have left out.
    """
    written: dict[str, str] = {}
    with contextlib.suppress(Exception):  # as above
        span = NonRecordingSpan(SpanContext(1, 1, is_remote=False))  # without one Jaeger's writes nothing at all
        context = set_span_in_context(span, Context({PROBE: []}))
        propagator.inject(written, baggage.with_baggage(context, {SESSION_ID: _SAMPLE}))  # pyright: ignore[reportArgumentType]
    return not any(_SAMPLE in header for header in written.values())


def answer(context: Context, guard: object) -> None:
    """Answer to who asks by ``context`` that ``guard`` is one."""
    cast("list[object]", context[PROBE]).append(guard)
