"""What a query asks for is read as it says, and what can't be used is refused without being repeated."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.api.parameters import (
    LIST,
    SESSION_SORTS,
    InvalidParameterError,
    Question,
    identifier,
    moment,
    parameters,
    question,
    without_session,
)
from otel_sessions.view.store.interface import Filter

NOON = int(datetime(2026, 11, 30, 12, tzinfo=timezone.utc).timestamp()) * 10**9
HOUR = 3_600 * 10**9


def asked(query: str) -> Question:
    return question(parameters(parse_qsl(query, keep_blank_values=True), LIST), SESSION_SORTS, "-end", NOON)


def test_nothing_asked_for_is_the_newest_fifty():
    assert asked("") == Question(Filter(), "-end", 50, None)


def test_each_parameter_has_its_place():
    query = (
        "user=ada&name=Trip&service=shop&model=m-1&since=2h&until=2026-11-30&error=true&failed_check=false&torn=1"
        "&q=two+words&sort=tokens&limit=7&cursor=c"
    )
    which = Filter("ada", "Trip", "shop", "m-1", NOON - 2 * HOUR, NOON - 12 * HOUR, True, False, True, "two words")

    assert asked(query) == Question(which, "tokens", 7, "c")


def test_what_a_form_leaves_empty_is_not_asked_for():
    assert asked("user=&since=&error=&sort=&limit=&q=") == asked("")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("limit=0", "limit must be a number from 1 to 1000.", id="limit of 0"),
        pytest.param("limit=1001", "limit must be a number from 1 to 1000.", id="limit too large"),
        pytest.param("limit=-1", "limit must be a number from 1 to 1000.", id="limit below 0"),
        pytest.param("limit=%D9%A3", "limit must be a number from 1 to 1000.", id="limit in other digits"),
        pytest.param("error=maybe", "error must be true or false.", id="flag"),
        pytest.param("torn=TRUE", "torn must be true or false.", id="flag in capitals"),
        pytest.param(
            "since=yesterday",
            "since must be a time as 2026-11-30T12:00:00Z, a day as 2026-11-30, or how long ago, as 90s, 30m, 2h, 7d or 4w.",
            id="time",
        ),
        pytest.param("user=a&user=b", "user must be there once.", id="twice"),
        pytest.param(
            "usr=a",
            "Each parameter must be one of user, name, service, model, since, until, error, failed_check, torn, q, sort, "
            "limit, cursor.",
            id="unknown",
        ),
        pytest.param(
            "sort=--end",
            "sort must be one of id, name, users, services, models, turns, traces, spans, tokens, cost, errors, failed_checks, "
            "feedback, torn, p95, start, end, or one of them after a minus for the largest first.",
            id="sort",
        ),
    ],
)
def test_what_can_not_be_used_is_named_with_what_is_allowed(query, message):
    with pytest.raises(InvalidParameterError) as raised:
        asked(query)
    assert str(raised.value) == message


@given(st.sampled_from(LIST), st.text(min_size=1))
def test_any_text_is_taken_or_refused_without_being_repeated(name, text):
    assert refusal(name, text) in ("", refusal(name, "not a value"))


def refusal(name: str, text: str) -> str:
    try:
        question(parameters([(name, text)], LIST), SESSION_SORTS, "-end", NOON)
    except InvalidParameterError as error:
        return str(error)
    return ""


@given(st.lists(st.tuples(st.one_of(st.sampled_from(LIST), st.text()), st.text()), max_size=5))
def test_any_query_is_taken_or_refused(pairs):
    try:
        taken = question(parameters(pairs, LIST), SESSION_SORTS, "-end", NOON)
    except InvalidParameterError:
        return
    assert 1 <= taken.limit <= 1_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-30T12:00:00Z", NOON, id="UTC"),
        pytest.param("2026-11-30t12:00:00z", NOON, id="small letters"),
        pytest.param("2026-11-30T12:00Z", NOON, id="without seconds"),
        pytest.param("2026-11-30T12:00:00", None, id="without an offset"),
        pytest.param("2026-11-30T13:30:00+01:30", NOON, id="east"),
        pytest.param("2026-11-30T13:30:00 01:30", NOON, id="a plus that was not escaped"),
        pytest.param("2026-11-30T10:30:00-01:30", NOON, id="west"),
        pytest.param("2026-11-30T12:00:00.5Z", NOON + 500_000_000, id="half a second"),
        pytest.param("2026-11-30T12:00:00.123456789Z", NOON + 123_456_789, id="nanoseconds"),
        pytest.param("2026-11-30T12:00:00.1234567891Z", NOON + 123_456_789, id="less than that"),
        pytest.param("2026-11-30", NOON - 12 * HOUR, id="a day"),
        pytest.param("2h", NOON - 2 * HOUR, id="hours ago"),
        pytest.param("90s", NOON - 90 * 10**9, id="seconds ago"),
        pytest.param("4w", NOON - 4 * 168 * HOUR, id="weeks ago"),
        pytest.param("999999w", 0, id="before 1970"),
        pytest.param("1960-01-01", None, id="a day before 1970"),
        pytest.param("2500-01-01", None, id="after what 63 bits hold"),
        pytest.param("2026-02-30", None, id="no such day"),
        pytest.param("2026-11-30T25:00:00Z", None, id="no such hour"),
        pytest.param("2h\n", None, id="a line end"),
        pytest.param("٢h", None, id="other digits"),
    ],
)
def test_a_moment_is_a_time_a_day_or_how_long_ago(text, expected):
    assert moment(text, NOON) == expected


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001  # the offset is drawn beside
    st.integers(-14 * 60, 14 * 60),
)
def test_every_time_of_rfc_3339_is_read(naive, minutes):
    written = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    seconds = (written - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)

    assert moment(written.isoformat(), NOON) == (seconds * 1_000 if seconds >= 0 else None)


@pytest.mark.parametrize(
    ("text", "digits", "expected"),
    [
        ("00f067aa0ba902b7", 16, bytes.fromhex("00f067aa0ba902b7")),
        ("00F067AA0BA902B7", 16, bytes.fromhex("00f067aa0ba902b7")),
        ("00f067aa0ba902b", 16, None),
        ("00f067aa0ba902b7", 32, None),
        ("00f067aa0ba902bg", 16, None),
        ("00f067aa 0ba902b7", 16, None),
        ("", 16, None),
    ],
)
def test_an_id_of_a_trace_or_a_span_is_hexadecimal(text, digits, expected):
    assert identifier(text, digits) == expected


def test_traces_are_asked_for_with_none_or_without():
    assert without_session({"session": "none"})
    assert not without_session({})
    with pytest.raises(InvalidParameterError, match=r"^session must be none\.$"):
        without_session({"session": "s"})
