"""A waterfall has what a reader looks for, each where and when it was, however many spans there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.api.tree import nodes
from otel_sessions.view.page.moments import Interval, around, interval_of, milliseconds_of
from otel_sessions.view.page.waterfall import MAX_DEPTH, rows_for, waterfall
from view_documents import a_log, a_span, a_time


def fall_of(*spans, logs=(), most=100):
    return waterfall(nodes(spans), logs, most)


def names(fall) -> list[str]:
    return [row.log["body"] if row.log else row.span["name"] for row in fall.rows]


def lasting(span_id, parent, start, duration, **more):
    return a_span(span_id, parent, start, duration=duration, **more)


def test_bars_are_where_and_as_long_as_the_spans_were():
    fall = fall_of(lasting("a", None, 100, 200.0), lasting("b", "a", 150, 50.0), lasting("c", "a", 250, 50.0))

    assert [(row.depth, row.x, row.width) for row in fall.rows] == [(0, 0, 100), (1, 25, 25), (1, 75, 25)]
    assert fall.time == Interval(milliseconds_of(a_time(100)), milliseconds_of(a_time(300)))
    assert (fall.spans, fall.hidden) == (3, 0)


def test_the_shortest_span_is_still_seen_and_none_leaves_the_picture():
    fall = fall_of(lasting("a", None, 0, 1_000.0), lasting("b", "a", 1_000, 0.0), lasting("c", "a", 500, 0.0))

    assert [(row.x, row.width) for row in fall.rows] == [(0, 100), (50, 0.3), (99.7, 0.3)]


@pytest.mark.parametrize(
    ("duration", "start", "place"),
    [
        pytest.param(None, a_time(500), (50.0, 0.0), id="it has not ended"),
        pytest.param(None, None, (0.0, 0.0), id="nothing is known of it"),
    ],
)
def test_a_span_whose_times_are_not_known_has_a_point(duration, start, place):
    odd = a_span("b", "a") | {"start": start, "duration": duration}

    row = next(row for row in fall_of(lasting("a", None, 0, 1_000.0), odd).rows if row.span["name"] == "b")

    assert (row.x, row.width) == place


def test_a_span_that_took_no_time_alone_has_all_of_it():
    assert [(row.x, row.width) for row in fall_of(lasting("a", None, 0, 0.0)).rows] == [(0, 100)]


def test_a_record_stands_below_its_span_between_its_children_by_its_time():
    logs = [a_log(body="between", time=a_time(50)), a_log(body="first", time=a_time(5), span_id="b")]

    fall = fall_of(lasting("a", None, 0, 100.0), lasting("b", "a", 1, 10.0), lasting("c", "a", 60, 10.0), logs=logs)

    assert names(fall) == ["a", "b", "first", "between", "c"]
    assert [row.depth for row in fall.rows] == [0, 1, 2, 1, 1]
    assert (fall.rows[3].x, fall.rows[3].width) == (50, 0)
    assert fall.spans == 3


def test_of_many_rows_errors_and_calls_of_models_are_shown_with_all_above_them():
    spans = [a_span("root"), *(a_span(f"x{n:02}", "root", n) for n in range(20))]
    spans += [a_span("deep", "x07", 8), a_span("model", "deep", 9, type="llm"), a_span("bad", "x12", 13, error="no")]

    fall = fall_of(*spans, most=6)

    assert names(fall) == ["root", "x07", "deep", "model", "x12", "bad"]
    assert [row.hidden for row in fall.rows] == [7, 0, 0, 4, 0, 7]
    assert (fall.spans, fall.hidden) == (24, 18)


def test_what_took_longest_comes_before_what_took_less_and_noise_comes_last():
    spans = [a_span("root"), lasting("noise", "root", 1, 900.0, type="noise")]
    spans += [lasting("short", "root", 2, 1.0), lasting("long", "root", 3, 500.0)]
    logs = [a_log(span_id="root", body="fine", time=a_time(4)), a_log(span_id="root", body="wrong", severity=17)]

    assert [names(fall_of(*spans, logs=logs, most=most))[1:] for most in range(1, 7)] == [
        ["wrong"],
        ["wrong"],
        ["wrong", "long"],
        ["wrong", "short", "long"],
        ["wrong", "short", "long", "fine"],
        ["wrong", "noise", "short", "long", "fine"],
    ]


def test_a_deep_span_stands_at_the_last_step_and_says_how_deep_it_is():
    chain = [a_span(str(n), str(n - 1) if n else None, n) for n in range(20)]

    assert [(row.depth, row.real_depth) for row in fall_of(*chain).rows[-2:]] == [(MAX_DEPTH, 18), (MAX_DEPTH, 19)]


def test_a_path_is_written_where_it_is_another_one_than_above():
    fall = fall_of(
        a_span("a", path="/plan"),
        a_span("b", "a", 1),
        a_span("c", "b", 2, path="/plan/x"),
        a_span("d", "b", 3, path="/plan"),
    )

    assert [row.path for row in fall.rows] == ["/plan", "", "/plan/x", ""]


def test_no_spans_are_no_rows():
    assert fall_of() == ([], None, 0, 0)


@given(
    st.lists(st.tuples(st.integers(-1, 20), st.sampled_from(["llm", "other", "noise"]), st.booleans()), max_size=20),
    st.integers(0, 25),
)
def test_what_is_shown_and_what_is_hidden_are_all_and_parents_are_shown(spans, most):
    made = [
        a_span(f"{n:02}", f"{parent:02}" if parent < n else None, n, type=type_, error="no" if failed else None)
        for n, (parent, type_, failed) in enumerate(spans)
    ]

    fall = fall_of(*made, most=most)

    shown = {row.span["span_id"] for row in fall.rows}
    assert len(fall.rows) + fall.hidden == len(made)
    assert all(row.span["parent_span_id"] in (shown | {None}) or row.depth == 0 for row in fall.rows)
    assert len(fall.rows) >= min(most, len(made))
    assert sum(row.hidden for row in fall.rows) <= fall.hidden
    assert all(row.x >= 0 and row.x + row.width <= 100.01 for row in fall.rows)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([3, 5], [3, 5], id="all have room"),
        pytest.param([2, 100, 100], [2, 14, 14], id="what one does not need is there for the others"),
        pytest.param([100] * 10, [4] * 10, id="each has the least"),
    ],
)
def test_the_rows_of_a_page_are_shared_out(sizes, expected):
    assert rows_for(sizes, 30, 4) == expected


def test_times_are_known_to_the_nanosecond_or_not_at_all():
    assert milliseconds_of("1970-01-01T00:00:01.500000001Z") == pytest.approx(1_500.000001, abs=1e-9)
    assert interval_of({"start": None, "duration": 1.0}) is None
    assert interval_of({"start": "1970-01-01T00:00:01.000000000Z", "duration": None}) == (1_000, 1_000)
    assert around([]) is None
    assert around([Interval(3, 9), Interval(1, 4)]) == (1, 9)
