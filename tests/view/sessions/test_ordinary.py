"""What is left out for an ordinary trace changes nothing: it has the summary that it would have by looking at all of it."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.sessions import turns
from otel_sessions.view.sessions.traces import summary_of
from otel_sessions.view.shapes.facts import NO_TOKENS, Facts, Kind, Named, Tokens, Words
from view.sessions.summarised import summarised
from view.shape_cases import CASES

TRACE = bytes(15) + b"\1"
NO_PARENT = [b""] * 9 + [b"elsewher"]
KINDS = [Kind.TURN, Kind.CHAIN, Kind.AGENT, Kind.LLM, Kind.OTHER, Kind.HTTP_SERVER, Kind.HTTP_CLIENT, Kind.EVALUATION]
SESSION = Named("s-1", "session.id", 0)


def seldom(usual, *others):
    """Give mostly what is usual."""
    return st.sampled_from([usual] * 12 + list(others))


SPANS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([Kind.LLM, Kind.TOOL, Kind.CHAIN, Kind.OTHER, Kind.TURN, Kind.EVALUATION]),
        "error": seldom("", "boom", "error"),
        "session": seldom(SESSION, None, Named("s-1", "session.id", 1), Named("s-2", "session.id", 0)),
        "user": seldom(None, Named("ada", "user.id", 0)),
        "path": seldom("", "/a", "/a/b"),
        "model": seldom("", "m-1"),
        "previous_id": seldom("", "s-0", "s-9"),
        "displaced_id": seldom("", "t-1", "t-2"),
        "service": seldom("app", "web"),
        "tokens": st.sampled_from(
            [NO_TOKENS, NO_TOKENS, Tokens(1, 2), Tokens(None, 3, 4), Tokens(7, 8, None, 1, 2, 15)]
        ),
        "cost": seldom(None, 0.5),
        "has_input": st.booleans(),
        "has_output": st.booleans(),
        "end": st.sampled_from([0, 50, 90]),
    }
)


def a_span(number, parent, more):
    facts = Facts(
        number.to_bytes(8, "big"),
        parent,
        *("work", Kind.OTHER, 1, number, 50, "", "app", "lib", SESSION, None, "", "", "", "", "", NO_TOKENS, None),
        *(False, False, (), False),
    )
    return facts._replace(**more)


@st.composite
def conversations(draw):
    """Return one exchange as most programs record it: a root with its words, and what is below it; sometimes with an oddity."""
    below = draw(st.lists(SPANS, max_size=8))
    root = {
        **draw(SPANS),
        "kind": draw(st.sampled_from(KINDS)),
        "name": draw(st.sampled_from(["turn", "POST /chat", "GET /ws"])),
        "has_input": draw(seldom(True, False)),
        "has_output": draw(seldom(True, False)),
        "span_kind": draw(st.sampled_from([1, 2])),
    }
    facts = [a_span(1, draw(st.sampled_from(NO_PARENT)), root)]
    for number, more in enumerate(below, 2):
        parent = draw(st.integers(1, number - 1)).to_bytes(8, "big")
        facts.append(a_span(number, draw(seldom(parent, b"", b"elsewher")), more))
    return draw(st.sampled_from([facts, facts[::-1]]))


WORDS = st.lists(st.builds(Words, seldom("How is it?", ""), seldom("Good.", "", "g" * 5000)), min_size=9, max_size=9)


def looked_at():
    """Have all of each trace looked at."""
    return patch.object(turns, "_only_turn", return_value=None)


@given(conversations(), WORDS)
def test_an_ordinary_trace_has_the_summary_of_any_trace(facts, words):
    def summary():
        return summary_of(TRACE, facts, [], lambda i: words[facts[i].span_id[-1] - 1], lambda _: Words())

    found = summary()
    with looked_at():
        assert repr(summary()) == repr(found)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_so_it_is_with_traces_as_they_really_are(case):
    found = summarised(case)
    with looked_at():
        assert repr(summarised(case)) == repr(found)


def test_a_turn_with_its_steps_is_an_ordinary_trace():
    facts = [
        a_span(1, b"", {"kind": Kind.TURN, "has_input": True, "has_output": True}),
        a_span(2, bytes(7) + b"\1", {}),
    ]
    with patch("otel_sessions.view.sessions.turns.turns_in") as looking:
        (part,) = summary_of(TRACE, facts, [], lambda _: Words("Hi", "Hello"), lambda _: Words()).parts
    assert [(each.input, each.output, each.is_marked) for each in part.candidates] == [("Hi", "Hello", True)]
    assert not looking.called


def test_where_a_root_says_nothing_after_all_it_is_looked_at_what_is_below_it():
    said = {"has_input": True, "has_output": True}
    facts = [a_span(1, b"", {"kind": Kind.TURN, **said}), a_span(2, bytes(7) + b"\1", {"kind": Kind.LLM, **said})]
    words = [Words("", "[]"), Words("Hi", "Hello")]
    (part,) = summary_of(TRACE, facts, [], words.__getitem__, lambda _: Words()).parts
    assert [(each.input, each.output) for each in part.candidates] == [("Hi", "[]")]
