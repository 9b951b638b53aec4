"""What `turn` costs, in a session, next to a span with the same attributes that is made by hand."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any

from harness.pipelines import tracer_with
from otel_sessions import turn
from otel_sessions.sdk import SessionSpanProcessor

from . import turns
from ._interleaved import Case, measure
from .tools import our_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Span, Tracer

    from ._interleaved import Key

    Exchange = Callable[[Tracer], object]

TURN = "`turn`"
BY_HAND = "a span by hand with the same attributes"
SCOPE = "the scope alone"
NO_SESSION = "no session, and nothing made current"
"""Where a span by hand costs least: it is started, gets its attributes, and ends."""

_QUESTION = "Which of these three flights leaves latest?"
_ANSWER = "The last one leaves at 21:40."


def run(rounds: int, repeats: int) -> dict[Key, list[float]]:
    """Return the nanoseconds of a scope with what is made in it, by ids and by what that is."""
    with ExitStack() as stack:
        return measure(list(_cases(stack)), rounds, repeats)


def _cases(stack: ExitStack) -> Iterator[Case]:
    processor = SessionSpanProcessor()
    stack.callback(processor.shutdown)
    tracer = tracer_with(processor)
    current, plain = by_hand(told_turn(tracer))
    for title, ids in turns.IDS.items():
        for name, exchange in ((TURN, told_turn), (BY_HAND, current), (SCOPE, _nothing)):
            yield Case((title, name), scoped_burst(exchange, ids(), tracer))
    yield Case((NO_SESSION, BY_HAND), unscoped_burst(plain, tracer))


def scoped_burst(exchange: Exchange, ids: Iterator[str], tracer: Tracer) -> Callable[[int], None]:
    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            with our_scope(session_id):
                exchange(tracer)

    return burst


def unscoped_burst(exchange: Exchange, tracer: Tracer) -> Callable[[int], None]:
    def burst(count: int) -> None:
        for _ in repeat(None, count):
            exchange(tracer)

    return burst


def told_turn(tracer: Tracer) -> Span:
    with turn("reply", input=_QUESTION, tracer=tracer) as made:
        made.output = _ANSWER
    return made.span


def by_hand(like: Any) -> tuple[Exchange, Exchange]:
    """Return what makes a span with the attributes of a turn, the output when it is known: a current one, and a plain one.

    A turn that finds Langfuse's exporter has one attribute more, without which that would leave it out.
    """
    asked = {key: value for key, value in like.attributes.items() if not key.startswith("output.")}
    answered = {key: value for key, value in like.attributes.items() if key.startswith("output.")}
    assert asked["input.value"] == _QUESTION
    assert answered["output.value"] == _ANSWER

    def current(tracer: Tracer) -> None:
        with tracer.start_as_current_span("reply", attributes=asked) as span:
            span.set_attributes(answered)

    def plain(tracer: Tracer) -> None:
        span = tracer.start_span("reply", attributes=asked)
        span.set_attributes(answered)
        span.end()

    return current, plain


def _nothing(_: Tracer) -> None:
    """Do nothing, where the other cases do something."""
