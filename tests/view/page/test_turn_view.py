"""Each word, tool call, check and record stands with the turn that it belongs to."""

from __future__ import annotations

import pytest

from otel_sessions.view.page.session_view import OF_ONE_TURN, SERVED, Pager, outline_of, pager_of
from otel_sessions.view.page.turn_view import PAUSE, Bounds, Words, content_of, words_of
from view_documents import TRACE, a_check, a_log, a_span, a_time, a_turn, an_answer

BOUNDS = Bounds(words=10, tool_words=6, tools=2, rows=100)
OTHER = "b" * 32


def views(spans, turns, bounds=BOUNDS, **more):
    return content_of(an_answer(spans, turns, **more), bounds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, None, id="not recorded"),
        pytest.param("short", Words("short", is_cut=False), id="all of it"),
        pytest.param("much longer", Words("much longe", is_cut=True), id="cut here"),
        pytest.param("cut…", Words("cut…", is_cut=True), id="cut before"),
    ],
)
def test_long_words_are_cut(text, expected):
    assert words_of(text, 10) == expected


def test_a_turn_has_its_words_tools_and_services():
    calls = [a_span(f"t{n}", "a", n, type="tool", input='{"a":1}', output="ok", service="db") for n in range(1, 4)]

    (view,) = views([a_span("a"), *calls], [a_turn("a", input="Hello", output="Good morning")]).turns

    assert (view.number, view.input, view.output) == (1, ("Hello", False), ("Good morni", True))
    assert [(tool.span["name"], tool.input, tool.output) for tool in view.tools] == [
        ("t1", ('{\n "a"', True), ("ok", False)),
        ("t2", ('{\n "a"', True), ("ok", False)),
    ]
    assert (view.more_tools, view.services, view.switches) == (1, ["shop", "db"], [])
    assert view.span_names["t3"] == "t3"


@pytest.mark.parametrize("text", ["[no JSON", "{" * 9_999, "plain"])
def test_what_is_no_json_stays_as_it_is(text):
    (view,) = views([a_span("a", type="tool", output=text)], [a_turn("a")], Bounds(9, 10_000, 9, 9)).turns

    assert view.tools[0].output.text == text


def test_of_calls_inside_of_each_other_the_outer_one_is_a_tool_call():
    spans = [a_span("a"), a_span("x", "a", 1, type="tool"), a_span("y", "x", 2), a_span("z", "y", 3, type="tool")]
    spans += [a_span("w", "a", 4, type="tool")]

    (view,) = views(spans, [a_turn("a")]).turns

    assert [tool.span["name"] for tool in view.tools] == ["x", "w"]


def test_checks_and_records_stand_with_the_turn_of_their_span():
    spans = [a_span("a"), a_span("b", "a", 1), a_span("c", trace_id=OTHER)]
    checks = [a_check("b"), a_check("gone", name="of the trace"), a_check("a", name="all", of_session=True), a_check()]
    checks += [a_check("c", name="elsewhere", trace_id=OTHER), a_check("x", name="lost", trace_id="c" * 32)]
    logs = [a_log(span_id="b", body="it rains"), a_log(trace_id=None, span_id=None, body="beside")]
    logs += [a_log(trace_id=OTHER, span_id="c", body="there")]

    content = views(spans, [a_turn("a")], checks=checks, logs=logs)

    (view,) = content.turns
    assert [check["name"] for check in view.checks] == ["polite", "of the trace"]
    assert [check["name"] for check in content.checks] == ["all", "polite", "lost", "elsewhere"]
    assert [row.log["body"] for row in view.waterfall.rows if row.log] == ["it rains"]
    assert [log["body"] for log in content.logs] == ["beside"]
    (rest,) = content.rest
    assert [row.log["body"] if row.log else row.span["name"] for row in rest.rows] == ["c", "there"]


def test_a_check_of_a_turn_whose_spans_are_not_there_stands_with_it():
    (view,) = views([], [a_turn("a")], checks=[a_check("a")]).turns

    assert [check["name"] for check in view.checks] == ["polite"]
    assert view.waterfall.rows == []


def test_turns_are_numbered_on_from_the_page_before_and_long_pauses_are_told():
    turns = [a_turn("a"), a_turn("b", trace_id=OTHER, start=a_time(1_000)), a_turn("c", trace_id="c" * 32)]
    turns[2]["start"] = "2026-11-30T13:00:00.000000000Z"

    content = views([], turns, first=21)

    assert [view.number for view in content.turns] == [21, 22, 23]
    assert [view.pause for view in content.turns] == [None, None, 3_600_000 - 1_000 - 150]
    assert content.turns[2].pause > PAUSE
    assert [each.number for each in content.numbered] == [21, 22, 23]


def test_a_pause_before_a_turn_whose_time_is_not_known_is_not_told():
    assert [view.pause for view in views([], [a_turn("a"), a_turn("b", trace_id=OTHER, start=None)]).turns] == [
        None,
        None,
    ]


def test_words_that_are_not_recorded_say_which_switch_records_them():
    spans = [a_span("a"), a_span("b", "a", 1, scope="openinference.instrumentation.openai")]

    silent, said = views(spans, [a_turn("a"), a_turn("x", trace_id=OTHER, input="Hello")]).turns

    assert [switch.who for switch in silent.switches] == ["OpenInference"]
    assert (silent.input, silent.output, said.switches) == (None, None, [])


def a_page(first, count, following=None):
    return {"first": first, "turns": [None] * count, "next": following}


def ids(number):
    return [{"span_id": f"t{n}"} for n in range(1, number + 1)]


@pytest.mark.parametrize(
    ("turns", "page", "expected"),
    [
        pytest.param(5, a_page(1, 5), Pager(1, 5, 5, None, None, None, None), id="the only page"),
        pytest.param(45, a_page(1, 20, "c"), Pager(1, 20, 45, None, None, "c", "t41"), id="the first"),
        pytest.param(
            45, a_page(21, 20, "c"), Pager(21, 40, 45, None, "t1", "c", None), id="the second, before the last"
        ),
        pytest.param(85, a_page(41, 20, "c"), Pager(41, 60, 85, "t1", "t21", "c", "t81"), id="in the middle"),
        pytest.param(45, a_page(41, 5), Pager(41, 45, 45, "t1", "t21", None, None), id="the last"),
        pytest.param(0, a_page(1, 0), Pager(1, 0, 0, None, None, None, None), id="none"),
    ],
)
def test_pages_lead_to_each_other(turns, page, expected):
    assert pager_of(ids(turns), page, 20) == expected


def test_an_outline_is_made_of_a_whole_answer():
    spans = [
        a_span("a"),
        a_span("b", trace_id=OTHER, start=5),
        a_span("c", "b", 7, trace_id=OTHER, error="no", duration=4.0),
    ]
    spans += [a_span("d", trace_id="d" * 32), a_span("e", trace_id="e" * 32, start=9) | {"start": None}]
    turns = [a_turn("a", joined=["d" * 32])]

    outline = outline_of(an_answer(spans, turns))

    assert outline["turns"] == turns
    assert outline["apart"] == [{"trace_id": OTHER, "start": a_time(5), "duration": 6.0, "errors": 1}]
    assert turns[0]["trace_id"] == TRACE


def test_one_turn_alone_shows_more_than_one_of_many():
    assert all(alone >= shared for alone, shared in zip(OF_ONE_TURN, SERVED, strict=True))
