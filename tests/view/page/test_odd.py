"""What is odd in a session is said in words, and what is ordinary is not."""

from __future__ import annotations

import pytest

from otel_sessions.view.api.tree import nodes
from otel_sessions.view.page import odd
from otel_sessions.view.page.odd import NumberedTurn
from view_documents import NO_TOKENS, a_session, a_span, a_turn, an_answer


def numbered(*spans, number=1, **more) -> NumberedTurn:
    return NumberedTurn(number, a_turn("turn", **{"output": "fine"} | more), nodes([a_span("turn"), *spans]))


def a_call(span_id, start=1, parent="turn", *, given=None, name="find", **more):
    return a_span(span_id, parent, start, type="tool", name=name, input=given, **more)


def said(remarks) -> list[tuple[int, str, str]]:
    return [(remark.number, remark.subject, remark.text) for remark in remarks]


def lasting(*durations) -> list[dict[str, object]]:
    return [a_turn(str(number), duration=duration) for number, duration in enumerate(durations)]


def test_the_slowest_turn_is_told_with_how_much_slower_it_was():
    turns = lasting(100.0, 110.0, 350.0, 90.0, None)

    (remark,) = odd.slowest_turn(turns)

    assert (remark.number, remark.text, remark.turn) == (3, "took 3.3 times the median", turns[2])


@pytest.mark.parametrize(
    "durations",
    [
        pytest.param((100.0, 110.0, 300.0, 120.0), id="not three times the median"),
        pytest.param((1.0, 1.0, 99.0), id="three turns"),
        pytest.param((1.0, 1.0, 99.0, None), id="three turns whose time is known"),
        pytest.param((0.0, 0.0, 0.0, 5.0), id="a median of nothing"),
        pytest.param((), id="none"),
    ],
)
def test_turns_of_about_the_same_length_are_not_odd(durations):
    assert odd.slowest_turn(lasting(*durations)) == []


def test_a_tool_that_is_asked_the_same_again_is_told():
    calls = [a_call("a", 1, given='{"id": 1, "of": "x"}'), a_call("b", 2, given='{"of":"x","id":1}')]

    assert said(odd.repeated_tool_calls([numbered(*calls, number=7)])) == [
        (7, "find", "was called 2 times with the same arguments")
    ]


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param([a_call("a", given="1"), a_call("b", given="2")], id="other arguments"),
        pytest.param([a_call("a", given="1"), a_call("b", given="1", name="other")], id="another tool"),
        pytest.param([a_call("a"), a_call("b")], id="arguments are not recorded"),
        pytest.param([a_call("a", given="1", error="no"), a_call("b", given="1")], id="the first one failed"),
        pytest.param([a_call("a", given="1"), a_call("b", 2, "a", given="1")], id="one span inside of the other"),
        pytest.param([a_call("a", given="[" * 9_999), a_call("b", given="[" * 9_998)], id="no JSON, and not the same"),
    ],
)
def test_tools_that_do_something_else_are_not_repeated(calls):
    assert odd.repeated_tool_calls([numbered(*calls)]) == []


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        pytest.param(["no", None], "was tried 2 times: 1 failed, the last one went well", id="well at last"),
        pytest.param(
            ["no", "no", None, None], "was tried 3 times: 2 failed, the last one went well", id="and then again"
        ),
        pytest.param([None, "no", "no"], "was tried 2 times: 2 failed, the last one failed, too", id="in vain"),
    ],
)
def test_a_call_that_was_tried_again_is_told(errors, told):
    calls = [a_span(str(n), "turn", n, name="chat", type="llm", error=error) for n, error in enumerate(errors)]

    assert said(odd.retries([numbered(*calls)])) == [(1, "chat", told)]


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param([a_call("a", error="no")], id="once"),
        pytest.param([a_call("a"), a_call("b")], id="without an error"),
        pytest.param([a_call("a"), a_call("b", 2, error="no")], id="failed at last"),
        pytest.param([a_call("a", given="1", error="no"), a_call("b", given="2")], id="a tool with other arguments"),
        pytest.param([a_call("a", error="no"), a_call("b", 2, "a")], id="below another span"),
        pytest.param([a_span("a", "turn", error="no"), a_span("b", "turn", name="a")], id="no call"),
    ],
)
def test_what_is_another_call_is_no_retry(calls):
    assert odd.retries([numbered(*calls)]) == []


def test_an_error_that_did_not_become_one_of_the_turn_is_told():
    spans = [
        a_span("step", "turn", 1, error="no"),
        a_span("audit", "step", 2, error="no"),
        a_span("x", "turn", 3, error="no"),
    ]

    assert said(odd.swallowed_errors([numbered(*spans[:2], number=4)])) == [
        (4, "audit", "failed and the turn answered without an error")
    ]
    assert said(odd.swallowed_errors([numbered(*spans)])) == [
        (1, "audit", "failed, and 1 more, and the turn answered without an error")
    ]


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(numbered(), id="without an error"),
        pytest.param(numbered(a_span("a", "turn", error="no"), output=None), id="without an answer"),
        pytest.param(numbered(a_call("a", error="no"), a_call("b", 2)), id="tried again"),
        pytest.param(
            NumberedTurn(
                1, a_turn("turn", output="x"), nodes([a_span("turn", error="no"), a_span("a", "turn", error="no")])
            ),
            id="told by the turn",
        ),
        pytest.param(
            NumberedTurn(1, a_turn("gone", output="x"), nodes([a_span("a", error="no")])), id="its span is not there"
        ),
    ],
)
def test_an_error_that_is_known_above_is_not_swallowed(turn):
    assert odd.swallowed_errors([turn]) == []


def asking(number, *inputs):
    calls = [
        a_span(str(n), "turn", n, type="llm", tokens=NO_TOKENS | {"input": tokens}) for n, tokens in enumerate(inputs)
    ]
    return numbered(*calls, number=number)


def test_an_input_that_grows_from_turn_to_turn_is_told():
    turns = [asking(3), asking(4, 1_000, 900, None), asking(5, 2_000), asking(6, 4_100), asking(7, None)]

    assert said(odd.context_growth(turns)) == [
        (6, "", "gives a model 4,100 tokens, 4.1 times the 1,000 of turn 4"),
    ]


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param((1_500, 4_400), id="not three times"),
        pytest.param((10, 100), id="less than 2,000 more"),
        pytest.param((0, 9_000), id="from nothing"),
        pytest.param((None, None), id="not recorded"),
        pytest.param((9_000, 10), id="it shrinks"),
    ],
)
def test_an_input_that_stays_small_is_not_odd(inputs):
    assert odd.context_growth([asking(n, tokens) for n, tokens in enumerate(inputs, 1)]) == []


def cached(read, given, turns=2):
    return odd.cache_use(a_session(turns=turns, tokens=NO_TOKENS | {"cache_read": read, "input": given}))


def test_a_cache_that_is_hardly_read_is_told():
    assert said(cached(500, 10_000)) == [(0, "", "Of 10,000 tokens of input only 5 % came from a cache")]


def test_a_cache_that_is_read_or_not_known_is_not_odd():
    assert [cached(2_000, 10_000), cached(None, 10_000), cached(0, 9_999), cached(0, None), cached(0, 10_000, 1)] == [
        []
    ] * 5


def test_all_that_is_odd_comes_together():
    turn = numbered(a_call("a", given="1"), a_call("b", given="1"), a_call("c", error="no"))
    answer = an_answer(tokens=NO_TOKENS | {"cache_read": 0, "input": 99_999})
    answer["session"]["turns"] = 5

    remarks = odd.odd_in(answer, [turn], lasting(1.0, 1.0, 1.0, 1.0, 9.0))

    codes = [remark.code for remark in remarks]
    assert codes == ["slowest_turn", "swallowed_errors", "repeated_tool_calls", "cache_use"]
    assert all(hasattr(odd, code) for code in codes)
