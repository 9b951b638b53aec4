"""The time line has all turns in their order; a long wait does not push them together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.page.time_line import MOST_LANES, MOST_MARKS, time_line
from view_documents import a_time

HOUR = 3_600_000


def under_way(start: float, duration: float | None, errors: int = 0):
    hours, rest = divmod(round(start), HOUR)
    at = a_time(rest % 60_000).replace("T12:00", f"T{hours:02}:{rest // 60_000:02}")
    return {"start": at, "duration": duration, "errors": errors, "span_id": f"at {start}"}


def places(line) -> list[tuple[int, float, float]]:
    return [(mark.first, mark.x, mark.width) for mark in line.marks]


def test_turns_are_where_and_as_long_as_they_were():
    line = time_line([under_way(0, 250), under_way(500, 500)], [])

    assert places(line) == [(1, 0, 25), (2, 50, 50)]
    assert (line.cuts, line.lanes) == ([], 1)
    assert line.time.end - line.time.start == 1_000


def test_a_long_wait_is_cut_short_and_says_how_long_it_was():
    line = time_line([under_way(0, 100), under_way(200, 100), under_way(2 * HOUR, 100, errors=2)], [])

    assert places(line) == [(1, 0, 18.18), (2, 36.36, 18.19), (3, 81.82, 18.18)]
    (cut,) = line.cuts
    assert (cut.x, cut.width, cut.duration, cut.has_room) == (54.55, 27.27, 2 * HOUR - 300, True)
    assert line.marks[2].errors == 2


def test_what_is_under_way_at_the_same_time_has_a_lane_of_its_own_and_the_last_ones_share_one():
    line = time_line([under_way(n, 1_000) for n in range(MOST_LANES + 2)], [under_way(500, 100)])

    assert [(mark.first, mark.lane) for mark in line.marks] == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 3), (6, 3), (0, 3)]
    assert line.lanes == MOST_LANES


def test_what_stands_too_close_is_one_mark_that_says_what_it_stands_for():
    line = time_line([under_way(n, 0.5, errors=n == 8) for n in range(1_000)], [])

    assert len(line.marks) <= MOST_MARKS + 1
    assert (line.marks[0].first, line.marks[0].last, line.marks[0].size) == (1, 7, 7)
    assert sum(mark.size for mark in line.marks) == 1_000
    assert [mark.errors for mark in line.marks[:3]] == [0, 1, 0]
    assert line.marks[0].duration == 0.5


def test_a_trace_apart_is_no_turn_also_where_it_stands_close():
    line = time_line([under_way(0, 0.1), under_way(1_000, 10)], [under_way(0.5, 0.1)])

    assert [mark.first for mark in line.marks] == [1, 0, 2]


@pytest.mark.parametrize("turns", [[], [{"start": None, "duration": None, "errors": 0}]])
def test_without_times_there_is_no_line(turns):
    assert time_line(turns, []) is None


def test_where_nothing_took_time_all_waits_are_the_same():
    line = time_line([under_way(0, None), under_way(1, 0), under_way(9, 0)], [])

    assert [mark.x for mark in line.marks] == [0, 50, 99.75]


def test_one_moment_is_a_line_too():
    assert places(time_line([under_way(0, 0)], [])) == [(1, 0, 0.25)]


stretches = st.lists(st.tuples(st.integers(0, 5 * HOUR), st.integers(0, 60_000)), min_size=1, max_size=60)


@given(stretches, stretches)
def test_no_turn_is_lost_and_all_stand_on_the_line_in_their_order(turns, apart):
    line = time_line([under_way(*each) for each in sorted(turns)], [under_way(*each) for each in apart])

    assert sum(mark.size for mark in line.marks) == len(turns) + len(apart)
    assert all(mark.x >= 0 and mark.x + mark.width <= 100.02 for mark in line.marks)
    assert [mark.x for mark in line.marks] == sorted(mark.x for mark in line.marks)
    assert 1 <= line.lanes <= MOST_LANES
    assert all(cut.x >= 0 and cut.x + cut.width <= 100.02 for cut in line.cuts)
