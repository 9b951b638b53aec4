"""Why a span has no session, as far as one process can tell by its traces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions._setup.doctor.causes import CAUSES
from otel_sessions._setup.doctor.program import sightings
from otel_sessions._setup.doctor.program.sightings import Bare, Sightings, Start

LATE, EARLY = 2, 1


def span(at=LATE, *, scope="app", is_llm=True, **start):
    return Bare("shop", scope, "work", is_llm, at, Start(0, **start))


def causes_in(seen):
    return {row[5] for row in seen.record()["bare"]}


@pytest.mark.parametrize(
    ("start", "cause"),
    [
        pytest.param({"has_session": True}, "no-processor", id="it was there"),
        pytest.param({"is_cleared": True}, "background", id="cleared"),
        pytest.param({"reads": "app.py:3", "is_after": True}, "context-lost-stream", id="a generator"),
        pytest.param({"reads": "app.py:3"}, "unknown", id="a generator without a session before"),
        pytest.param({"is_root": True, "is_own_trace": True}, "own-trace-of-framework", id="own trace"),
        pytest.param({"is_root": True, "is_of_thread": True}, "context-lost-thread", id="thread"),
        pytest.param({}, "unknown", id="nothing known"),
    ],
)
def test_the_cause_is_told_by_how_a_span_starts(start, cause):
    seen = Sightings()
    seen.opened = 1
    seen.ended(1, span(**start), None)
    assert causes_in(seen) == {cause}
    assert cause in CAUSES


def test_what_is_below_a_lost_root_is_lost_for_the_same_cause():
    seen = Sightings()
    seen.ended(1, span(), None)
    seen.ended(1, span(is_root=True, is_of_thread=True), None)
    assert causes_in(seen) == {"context-lost-thread"}


def test_beside_a_session_that_was_set_it_was_set_too_late():
    seen = Sightings()
    seen.ended(1, span(EARLY, is_root=True), None)
    seen.ended(1, span(has_session=True), "conv-42")
    assert causes_in(seen) == {"before-bind"}


@pytest.mark.parametrize(("has_bound", "cause"), [(lambda: False, "unknown"), (lambda: True, "before-bind")])
def test_a_framework_that_alone_names_a_session_is_told_from_a_bind(has_bound, cause):
    seen = Sightings(has_bound)
    seen.ended(1, span(is_root=True), None)
    seen.ended(1, span(scope="framework"), "thread-7")
    assert causes_in(seen) == {cause}
    assert bool(seen.record()["of_frameworks"]) is (cause == "unknown")


def test_work_that_is_not_about_models_is_of_the_background_where_sessions_are_set():
    seen = Sightings()
    seen.ended(1, span(is_llm=False), None)
    assert causes_in(seen) == {"elsewhere"}  # other processes tell
    seen.opened = 1
    assert causes_in(seen) == {"background"}


@pytest.mark.parametrize(
    ("is_of_daemon", "is_llm", "cause"),
    [
        pytest.param(True, False, "background", id="a thread of a library"),
        pytest.param(True, True, "context-lost-thread", id="a call of a model in it"),
        pytest.param(False, False, "context-lost-thread", id="a thread that is waited for"),
    ],
)
def test_a_thread_of_its_own_that_was_begun_in_a_session_may_serve_everybody(is_of_daemon, is_llm, cause):
    seen = Sightings()
    seen.opened = 1
    seen.ended(1, span(is_llm=is_llm, is_root=True, is_of_thread=True, is_of_daemon=is_of_daemon), None)
    assert causes_in(seen) == {cause}


def test_what_is_left_for_later_is_after_the_block_and_its_server_span_before_it():
    seen = Sightings()
    seen.opened = 1
    seen.ended(1, span(is_after=True), None)
    assert causes_in(seen) == {"unknown"}
    seen.ended(1, span(EARLY, is_llm=False, is_root=True), None)
    assert causes_in(seen) == {"after-block", "before-bind"}


def test_a_trace_with_two_sessions_is_torn_and_no_id_is_recorded():
    seen = Sightings()
    seen.ended(1, span(has_session=True), "conv-42")
    seen.ended(1, span(scope="framework", has_session=True), "thread-7", is_displaced=True)
    record = seen.record()
    assert record["torn"] == [["app, framework", 1]]
    assert record["displaced"] == [["framework", 1]]
    assert "conv-42" not in json.dumps(record)
    assert "thread-7" not in json.dumps(record)


def test_a_trace_without_end_is_decided_in_parts(monkeypatch):
    monkeypatch.setattr(sightings, "_MOST_BARE", 2)
    seen = Sightings()
    for _ in range(7):
        seen.ended(1, span(), None)
    assert len(seen.traces[1].bare) <= 2
    assert [row[-1] for row in seen.record()["bare"]] == [7]


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.booleans()), max_size=200))
def test_bounds_lose_no_span(ends):
    kept = sightings._MOST_TRACES, sightings._MOST_BARE, sightings._MOST_SESSIONS
    sightings._MOST_TRACES, sightings._MOST_BARE, sightings._MOST_SESSIONS = 3, 2, 4
    try:
        seen = Sightings()
        for number, (trace, has_session, is_llm) in enumerate(ends):
            seen.ended(trace, span(is_llm=is_llm), f"conv-{number}" if has_session else None)
        record = seen.record()
    finally:
        sightings._MOST_TRACES, sightings._MOST_BARE, sightings._MOST_SESSIONS = kept
    assert sum(row[-1] for row in record["spans"]) == len(ends)
    assert sum(row[-1] for row in record["bare"]) == sum(not has_session for _, has_session, _ in ends)


def test_rows_are_bounded_and_no_span_is_lost():
    seen = Sightings()
    for number in range(600):
        seen.ended(number, span()._replace(name=f"work {number}"), None)
    rows = seen.record()["bare"]
    assert len(rows) == 501
    assert sum(row[-1] for row in rows) == 600
    assert rows[0][4] == "(others)"


def test_scopes_are_bounded_and_no_span_is_lost():
    seen = Sightings()
    for number in range(1000):
        for session in (None, f"conv-{number}", "conv-a"):
            seen.ended(number, span(scope=f"agent-{number}", is_root=True), session, is_displaced=True)
    record = seen.record()
    for name in ("spans", "bare", "torn", "of_frameworks", "displaced"):
        assert len(record[name]) <= 201
    assert [sum(row[-1] for row in record[name]) for name in ("spans", "bare", "torn")] == [3000, 1000, 1000]


def test_what_is_shown_alike_is_one_row():
    seen = Sightings()
    for number in range(3):
        seen.ended(number, span(scope=f"agent-{number}")._replace(name=f"turn {number}"), None)
    record = seen.record(lambda text: text.rstrip("012"))
    assert record["spans"] == [[0, "shop", "agent-", True, 3]]
    assert [(row[4], row[-1]) for row in record["bare"]] == [("turn ", 3)]
