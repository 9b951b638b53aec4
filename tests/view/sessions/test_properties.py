"""Whatever forest of spans there is, in whatever order, split and sent again: one and the same summary, each span in it once."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.sessions.sessions import session_of
from otel_sessions.view.sessions.traces import summary_of
from otel_sessions.view.shapes.facts import NO_TOKENS, Facts, Judgement, Kind, LogFacts, Named, Tokens, Words

TRACE = bytes(15) + b"\1"
TEXTS = ["", "Hello", "How is the weather?", "Write a title: How is the weather?", "Go on"]
COUNTS = [None, None, 0, 1, 7, 50]
SESSIONS = [
    None,
    None,
    *(
        Named(f"s-{n}", key, rank)
        for n in (1, 2, 3)
        for key, rank in (("session.id", 0), ("session.id", 1), ("other", 4), ("visit", 99))
    ),
]
JUDGEMENTS = [
    (),
    (),
    (),
    (Judgement("a", False),),
    (Judgement("a", False), Judgement("b")),
    (Judgement("a", is_feedback=True),),
]


class Digits:
    """Choices, made by the digits of a large number: a tenth of the time that Hypothesis takes for as many of its own."""

    def __init__(self, number):
        self.number = number

    def of(self, values):
        self.number, place = divmod(self.number, len(values))
        return values[place]


NUMBERS = st.integers(0, 2**120).map(Digits)


def ident(number):
    return number.to_bytes(8, "big") if number else b""


def a_span(number, most, any_):
    start = any_.of(range(1, 60))
    return Facts(
        span_id=ident(number),
        parent_span_id=ident(any_.of(range(most + 3))),
        name=any_.of(["POST /chat", "GET /ws", "work"]),
        kind=any_.of(list(Kind)),
        span_kind=any_.of(range(6)),
        start=start,
        end=any_.of([0, start, start + 5, start + 40]),
        error=any_.of(["", "", "", "error", "boom", "ValueError: boom", "timeout"]),
        service=any_.of(["web", "app"]),
        scope=any_.of(["", "lib"]),
        session=any_.of(SESSIONS),
        user=any_.of([None, Named("ada", "user.id", 0), Named("bob", "user.id", 0)]),
        session_name=any_.of(["", "Course"]),
        path=any_.of(["", "", "/", "/a", "/a/b", "/c"]),
        previous_id=any_.of(["", "s-0"]),
        displaced_id=any_.of(["", "t-1"]),
        model=any_.of(["", "m-1", "m-2"]),
        tokens=any_.of([NO_TOKENS, Tokens(*(any_.of(COUNTS) for _ in Tokens._fields))]),
        cost=any_.of([None, None, 0.0, 0.1, 0.25, 3.0]),
        has_input=any_.of([False, True]),
        has_output=any_.of([False, True]),
        judgements=any_.of(JUDGEMENTS),
        is_failed_call=any_.of([False, False, True]),
    )


@st.composite
def forests(draw):
    """Return spans with whatever parents: missing, their own, each other's."""
    choices = draw(st.lists(NUMBERS, min_size=1, max_size=14))
    return [a_span(number, len(choices), any_) for number, any_ in enumerate(choices, 1)]


def a_record(time, any_):
    return LogFacts(
        ident(any_.of(range(15))),
        time,
        any_.of(["", "gen_ai.choice"]),
        0,
        "app",
        "",
        any_.of(SESSIONS),
        None,
        any_.of(JUDGEMENTS),
        any_.of([False, True]),
    )


@st.composite
def records(draw):
    return [a_record(time, any_) for time, any_ in enumerate(draw(st.lists(NUMBERS, max_size=4)))]


SAID = NUMBERS.map(lambda any_: [Words(any_.of(TEXTS), any_.of(TEXTS)) for _ in range(14)])
CHANCE = st.integers(0, 10**9).map(random.Random)


def summarised(facts, said, logs=(), told=()):
    """Return the summary, where the words of a span go by its id, and those of a record by its time."""
    return summary_of(
        TRACE,
        facts,
        logs,
        lambda i: said[int.from_bytes(facts[i].span_id, "big") - 1],
        lambda n: told[logs[n].time],
    )


@given(forests(), SAID, records(), SAID, CHANCE)
def test_neither_order_nor_what_is_sent_again_matters(facts, said, logs, told, chance):
    expected = summarised(facts, said, logs, told)
    again = facts + chance.choices(facts, k=3)
    chance.shuffle(again)
    shuffled = chance.sample(logs, len(logs))
    assert summarised(again, said, shuffled, told) == expected


@given(forests(), SAID, CHANCE)
def test_of_a_span_that_came_twice_the_later_end_counts(facts, said, chance):
    earlier = [each._replace(end=each.end - 1, error="stale", session=None) for each in facts if each.end]
    both = facts + earlier
    chance.shuffle(both)
    assert summarised(both, said) == summarised(facts, said)


@given(forests(), SAID)
def test_each_span_is_in_one_part(facts, said):
    summary = summarised(facts, said)
    assert sum(part.spans for part in summary.parts) == len(facts)
    assert len({part.session_id for part in summary.parts}) == len(summary.parts)
    assert sum(part.llm_spans for part in summary.parts) == sum(each.kind == Kind.LLM for each in facts)
    outside = sum(part.spans for part in summary.parts if part.session_id is None)
    assert sum(each.spans for each in summary.uncovered) == outside


@given(forests(), SAID)
def test_an_id_anywhere_gives_the_whole_trace_a_session(facts, said):
    ids = {part.session_id for part in summarised(facts, said).parts}
    assert ids <= ({each.session.id for each in facts if each.session} or {None})


def larger(facts, own):
    """Return the most that a field adds up to, found by going down from each root: the oracle."""
    ids = {each.span_id: each for each in facts}
    below = {each.span_id: [] for each in facts}
    for each in facts:
        if each.parent_span_id in ids:
            below[each.parent_span_id].append(each)

    def of(span):
        return max(own(span) or 0, sum(of(child) for child in below[span.span_id]))

    return sum(of(each) for each in facts if each.parent_span_id not in ids)


def is_forest(facts):
    """Tell whether each span has a root above it."""
    parents = {each.span_id: each.parent_span_id for each in facts}

    def has_root(span, steps):
        return steps > 0 and (span not in parents or has_root(parents[span], steps - 1))

    return all(has_root(span, len(facts) + 1) for span in parents)


@given(forests().filter(is_forest), SAID)
def test_tokens_and_costs_are_the_larger_of_a_span_and_what_is_below_it(facts, said):
    parts = summarised(facts, said).parts
    for field in ("input", "output", "cache_read", "cache_write", "reasoning"):
        found = [getattr(part.tokens, field) for part in parts]
        expected = larger(facts, lambda span, field=field: getattr(span.tokens, field))
        assert sum(each or 0 for each in found) == expected
        recorded = any(getattr(each.tokens, field) is not None for each in facts)
        assert any(each is not None for each in found) == recorded
    cost = larger(facts, lambda span: span.cost)
    assert sum(part.cost or 0 for part in parts) == pytest.approx(cost, abs=1e-9)


@given(forests(), SAID)
def test_no_sum_is_more_than_that_of_all_spans(facts, said):
    parts = summarised(facts, said).parts
    for field in ("input", "output", "total"):
        most = sum(getattr(each.tokens, field) or 0 for each in facts)
        if field == "total":
            most = sum(
                (each.tokens.input or 0) + (each.tokens.output or 0) if each.tokens.total is None else each.tokens.total
                for each in facts
            )
        assert sum(getattr(part.tokens, field) or 0 for part in parts) <= most
    failed = sum(bool(each.error) or each.is_failed_call for each in facts)
    assert sum(part.errors for part in parts) <= failed
    assert (sum(part.errors for part in parts) > 0) == (failed > 0)


@given(forests(), SAID, records(), SAID)
def test_turns_are_within_their_session(facts, said, logs, told):
    for part in summarised(facts, said, logs, told).parts:
        candidates = part.candidates
        assert [each.start for each in candidates] == sorted(each.start for each in candidates)
        assert len({each.span_id for each in candidates}) == len(candidates)
        assert all(part.start <= each.start <= each.end <= part.end for each in candidates)
        assert sum(each.errors for each in candidates) <= part.errors
        assert sum(each.tokens.input or 0 for each in candidates) <= (part.tokens.input or 0)
        assert sum(each.failed_checks for each in candidates) <= part.failed_checks
        assert sum(each.cost or 0 for each in candidates) <= (part.cost or 0) + 1e-9


@given(forests(), SAID)
def test_a_branch_of_the_path_holds_what_is_below_it(facts, said):
    for part in summarised(facts, said).parts:
        paths = {each.path: each for each in part.paths}
        for path, each in paths.items():
            above = paths[path.rpartition("/")[0] or "/"]
            assert each.spans <= above.spans
            assert each.duration <= above.duration
        assert not paths or paths["/"].spans == part.spans
        assert not paths or paths["/"].tokens.input == part.tokens.input


@given(st.lists(st.tuples(forests(), SAID), min_size=1, max_size=4), CHANCE)
def test_a_session_adds_up_its_parts_in_any_order(traces, chance):
    parts = [
        (bytes(15) + bytes([n]), part, bool(summary.torn))
        for n, (facts, said) in enumerate(traces)
        for summary in [summarised(facts, said)]
        for part in summary.parts
        if part.session_id == "s-1"
    ]
    if not parts:
        return
    session = session_of("s-1", parts)
    assert session_of("s-1", chance.sample(parts, len(parts))) == session
    assert session.spans == sum(part.spans for _, part, _ in parts)
    assert session.errors == sum(part.errors for _, part, _ in parts)
    assert session.traces == len(parts)
    candidates = [each for _, part, _ in parts for each in part.candidates]
    assert len(session.turns) <= len(candidates)
    assert sum(turn.errors for turn in session.turns) == sum(each.errors for each in candidates)
    assert Counter(turn.is_marked for turn in session.turns)[True] == sum(each.is_marked for each in candidates)
