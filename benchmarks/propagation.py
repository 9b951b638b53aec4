"""What it costs to write a session to a request and to read it from one, next to the API's propagator of baggage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, set_span_in_context

from harness.pipelines import attached, tracer_with
from otel_sessions import set_session
from otel_sessions.sdk import SessionPropagator

from ._interleaved import Case, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.propagators.textmap import TextMapPropagator

    from ._interleaved import Key

OURS = "otel-sessions `SessionPropagator`"
SDK = "`W3CBaggagePropagator` alone"

TWO_IDS = "two ids"
FOREIGN_3 = "two ids, 3 foreign entries"

INJECT, EXTRACT, BOTH = "inject", "extract", "inject and extract"
LIMIT = 1.0
"""The bar: at most this ratio, for inject and extract with the same entries."""

_PROPAGATORS: dict[str, Callable[[], TextMapPropagator]] = {
    OURS: lambda: SessionPropagator(W3CBaggagePropagator()),
    SDK: W3CBaggagePropagator,
}


def run(rounds: int, repeats: int) -> dict[Key, list[float]]:
    """Return the nanoseconds of one request, by situation, by what of it, and by propagator."""
    return measure(list(_cases()), rounds, repeats)


def _cases() -> Iterator[Case]:
    attributes = {"url.full": "http://orders:8080/v1/orders"}
    span = tracer_with().start_span("POST", kind=SpanKind.CLIENT, attributes=attributes)
    calling = set_span_in_context(span, Context())
    foreign = calling
    for number in range(3):
        foreign = baggage.set_baggage(f"theirs-{number}", f"value-{number}", foreign)
    for situation, around in ((TWO_IDS, calling), (FOREIGN_3, foreign)):
        for name, make in _PROPAGATORS.items():
            yield from _of(situation, around, name, make())


def _of(situation: str, around: Context, name: str, propagator: TextMapPropagator) -> Iterator[Case]:
    outgoing = set_session(around, "0f1e2d3c-7d0c-4a52-9a4e-6a1f7c1f6c55", user_id="user-1234").context
    propagator.inject(request := {}, outgoing)
    assert request["baggage"].startswith("session.id="), request

    inside = partial(attached, outgoing)

    def inject(count: int) -> None:
        for _ in range(count):
            propagator.inject({})

    def extract(count: int) -> None:
        for _ in range(count):
            propagator.extract(request, Context())

    def both(count: int) -> None:
        inject(count)
        extract(count)

    yield Case((situation, INJECT, name), inject, inside)
    yield Case((situation, EXTRACT, name), extract, inside)
    yield Case((situation, BOTH, name), both, inside)
