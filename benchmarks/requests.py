"""What a request to a service costs more, of three spans and with a session id that was not seen before.

A program that knows the id before its server span starts enters `set_session` around it; where a framework has
started the server span, a handler calls `bind_session` inside of it.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind

from harness.pipelines import tracer_with
from harness.samples import over
from harness.workloads import HTTP_CLIENT
from otel_sessions import bind_session
from otel_sessions.sdk import SessionSpanProcessor

from . import tools as known
from ._interleaved import Case, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Tracer

    from ._interleaved import Key

    Attributes = dict[str, Any] | None
    Burst = Callable[[int], None]
    Inside = Callable[[str], None]

SPANS = "the spans themselves, no-op processor"
SET = "`set_session` around the server span"
BIND = "`bind_session` in the server span"

BARE = "without attributes"
WITH_8 = "with 8 attributes each"
_ATTRIBUTES: dict[str, Attributes] = {BARE: None, WITH_8: HTTP_CLIENT}


def run(rounds: int, repeats: int) -> dict[Key, list[float]]:
    """Return the nanoseconds of a request, by its spans and by what is done; what is ours is above the spans."""
    with ExitStack() as stack:
        samples = measure(list(_cases(stack)), rounds, repeats)
    return {
        (spans, what): found if what == SPANS else over(found, samples[spans, SPANS])
        for (spans, what), found in samples.items()
    }


def _cases(stack: ExitStack) -> Iterator[Case]:
    processor = SessionSpanProcessor()
    stack.callback(processor.shutdown)
    ours, plain = tracer_with(processor), tracer_with(SpanProcessor())
    for spans, attributes in _ATTRIBUTES.items():
        yield Case((spans, SPANS), _each(request_in(plain, attributes, nothing)))
        yield Case((spans, SET), _each_in_scope(request_in(ours, attributes, nothing)))
        yield Case((spans, BIND), _each(request_in(ours, attributes, bind)))


def request_in(tracer: Tracer, attributes: Attributes, inside: Inside) -> Inside:
    start_span, start_as_current_span = tracer.start_span, tracer.start_as_current_span

    def request(session_id: str) -> None:
        with start_as_current_span("POST /chat", kind=SpanKind.SERVER, attributes=attributes):
            inside(session_id)
            start_span("SELECT", kind=SpanKind.CLIENT, attributes=attributes).end()
            start_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=attributes).end()

    return request


def _each(request: Inside) -> Burst:
    ids = known.new_ids()

    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            request(session_id)

    return burst


def _each_in_scope(request: Inside) -> Burst:
    ids, scope = known.new_ids(), known.our_scope

    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            with scope(session_id):
                request(session_id)

    return burst


def nothing(_: str) -> None:
    """Do nothing, where another case does something."""


def bind(session_id: str) -> None:
    bind_session(session_id, user_id=known.USER_ID)
