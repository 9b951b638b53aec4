"""A trace of any shape takes time that grows with its spans alone: told by how much more a larger one takes."""

from __future__ import annotations

import random
import time

import pytest

from otel_sessions.view.sessions.sessions import session_of
from otel_sessions.view.sessions.traces import summary_of
from otel_sessions.view.shapes.facts import NO_TOKENS, Facts, Kind, Named, Tokens, Words

TRACE = bytes(15) + b"\1"
FAR = 10**9


def ident(number):
    return number.to_bytes(8, "big") if number else b""


def span(number, parent=0, kind=Kind.OTHER, session="s-1", **fields):
    plain = Facts(
        span_id=ident(number),
        parent_span_id=ident(parent),
        name="work",
        kind=kind,
        span_kind=1,
        start=number * 10,
        end=number * 10 + 5,
        error="",
        service="app",
        scope="",
        session=Named(session, "session.id", 0) if session else None,
        user=None,
        session_name="",
        path="",
        previous_id="",
        displaced_id="",
        model="",
        tokens=NO_TOKENS,
        cost=None,
        has_input=False,
        has_output=False,
        judgements=(),
        is_failed_call=False,
    )
    return plain._replace(**fields)


def words(facts):
    """Return words of which each span has its own."""
    return lambda i: Words(f"Question {int.from_bytes(facts[i].span_id, 'big')} of many", "Answer")


def deep(count):
    """Spans below each other, each of which repeats an error and a sum."""
    return [span(n, n - 1, end=FAR - n, error="boom", tokens=Tokens(n, 1), cost=0.5) for n in range(1, count)]


def circle(count):
    return [span(n, n - 1 or count - 1) for n in range(1, count)]


def pairs(count):
    return [span(n, n + 1 if n % 2 else n - 1) for n in range(1, count - count % 2 + 1)]


def flat(count):
    return [span(1, kind=Kind.TURN, end=FAR, has_input=True), *(span(n, 1, Kind.TOOL) for n in range(2, count))]


def web_socket(count):
    root = span(1, kind=Kind.HTTP_SERVER, span_kind=2, end=FAR)
    return [root, *(span(n, 1, Kind.LLM, has_input=True, tokens=Tokens(1, 1)) for n in range(2, count))]


def sessions(count):
    return [span(n, n // 2, Kind.LLM, session=f"s-{n}", has_input=True) for n in range(1, count)]


def sessions_in_line(count):
    return [span(n, n - 1, session=f"s-{n % 7}") for n in range(1, count)]


def marked_at_once(count):
    return [span(n, 0, Kind.TURN if n % 2 else Kind.LLM, end=FAR, has_input=True) for n in range(1, count)]


def calls_at_once(count):
    return [span(n, FAR + n, Kind.LLM, end=FAR, has_input=True) for n in range(1, count)]


def branches(count):
    return [span(n, n // 2, path=f"/{n}/a/b/c") for n in range(1, count)]


SHAPES = [
    deep,
    circle,
    pairs,
    flat,
    web_socket,
    sessions,
    sessions_in_line,
    marked_at_once,
    calls_at_once,
    branches,
]


def taken(shape, count):
    facts = shape(count)
    random.Random(1).shuffle(facts)  # noqa: S311  # no secret
    begun = time.process_time()
    summary = summary_of(TRACE, facts, (), words(facts), words(facts))
    session_of("s-1", [(TRACE, part, False) for part in summary.parts if part.session_id == "s-1"])
    assert sum(part.spans for part in summary.parts) == len(facts)
    return time.process_time() - begun


@pytest.mark.parametrize("shape", SHAPES)
def test_eight_times_the_spans_take_no_more_than_some_times_the_time(shape):
    """Were it the square of their number, it would be 64 times as long."""
    assert taken(shape, 12_000) < 30 * max(taken(shape, 1_500), 0.02)


def test_ten_thousand_below_each_other_are_one_error_and_one_sum():
    facts = deep(10_001)
    (part,) = summary_of(TRACE, facts, (), words(facts), words(facts)).parts
    assert (part.spans, part.errors, part.tokens.input, part.cost) == (10_000, 1, 10_000, 0.5)


def test_the_root_of_a_long_web_socket_repeats_its_last_turn():
    facts = web_socket(2_000)
    facts[0] = facts[0]._replace(has_input=True, has_output=True)
    last = Words("Question 1999 of many", "Answer")
    summary = summary_of(TRACE, facts, (), lambda i: words(facts)(i) if i else last, words(facts))
    assert len(summary.parts[0].candidates) == 1_998
