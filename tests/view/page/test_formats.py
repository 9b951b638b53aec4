"""Numbers, durations, times and costs as people read them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.page.formats import (
    UNKNOWN,
    ago,
    amount,
    cost,
    count,
    duration,
    moment,
    number,
    short,
    time,
    tokens,
)

NOON = "2026-11-30T12:00:00.123456789Z"
NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
NONE = dict.fromkeys(("input", "output", "cache_read", "cache_write", "reasoning", "total"))


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (999, "999"), (1_234_567, "1,234,567"), (0.5, "0.5"), (None, UNKNOWN)]
)
def test_thousands_stand_apart(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.0k"),
        (1_234, "1.2k"),
        (9_949, "9.9k"),
        (9_951, "10k"),
        (34_400, "34k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (5_600_000, "5.6M"),
        (999_500_000, "1.0B"),
        (12_000_000_000, "12B"),
        (None, UNKNOWN),
    ],
)
def test_large_numbers_are_short(value, shown):
    assert amount(value) == shown


@given(st.integers(min_value=0, max_value=10**12 - 10**9))
def test_a_short_number_has_no_more_than_five_characters(value):
    assert len(amount(value)) <= 5


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, UNKNOWN),
        (0, "0 ms"),
        (0.0123, "0.012 ms"),
        (1.25, "1.2 ms"),
        (9.96, "10 ms"),
        (150.4, "150 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (59_940, "59.9 s"),
        (59_960, "1 min"),
        (125_000, "2 min 5 s"),
        (3_599_600, "1 h"),
        (11_040_000, "3 h 4 min"),
        (86_370_000, "1 d"),
        (453_600_000, "5 d 6 h"),
        (86_400_000 * 4_000, "4,000 d"),
    ],
)
def test_durations_are_said_as_people_say_them(milliseconds, shown):
    assert duration(milliseconds) == shown


@given(st.floats(min_value=0, max_value=1e12))
def test_no_part_of_a_duration_is_as_large_as_the_next_unit(milliseconds):
    shown = duration(milliseconds)

    assert not re.search(r"\b(60\.?\d* s|60 min|24 h|1000 ms)", shown)


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (None, UNKNOWN),
        (0.0, "$0.00"),
        (0.00012, "$0.00012"),
        (0.0775, "$0.0775"),
        (12.345, "$12.35"),
        (1_234.5, "$1,234.50"),
    ],
)
def test_costs_are_in_dollars(usd, shown):
    assert cost(usd) == shown


def test_a_cost_that_is_not_complete_is_a_least_one():
    assert re.sub("<.*?>", "", cost(0.5, is_complete=False)) == "≥ $0.5000"


def test_tokens_say_what_went_in_and_out_and_the_rest_beside():
    shown = tokens(NONE | {"input": 12_345, "output": 67, "cache_read": 9_000})

    assert re.sub("<.*?>", "", shown) == "12k in 67 out"
    assert 'title="input 12,345, output 67, cache read 9,000"' in shown


def test_tokens_that_are_not_recorded_are_not_0():
    assert tokens(NONE) == UNKNOWN
    assert re.sub("<.*?>", "", tokens(NONE | {"input": 1})) == "1 in – out"  # noqa: RUF001  # a dash is meant
    assert re.sub("<.*?>", "", tokens(NONE | {"total": 1_500})) == "1.5k"


def test_a_time_keeps_its_nanoseconds_and_shows_its_second():
    assert time(NOON) == f'<time datetime="{NOON}">2026-11-30 12:00:00</time>'
    assert time(None) == UNKNOWN
    assert moment(NOON) == NOW + timedelta(microseconds=123_456)
    assert moment(None) is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s ago"),
        (0.2, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (3_600, "1 h ago"),
        (86_399, "23 h ago"),
        (86_400, "1 d ago"),
        (86_400 * 1_500, "1,500 d ago"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(seconds, said):
    shown = ago("2026-11-30T12:00:00.000000000Z", NOW + timedelta(seconds=seconds))

    assert re.sub("<.*?>", "", shown) == said
    assert 'title="2026-11-30 12:00:00 UTC"' in shown


def test_when_it_was_may_not_be_known():
    assert ago(None, NOW) == UNKNOWN


def test_what_is_bad_is_marked_where_there_is_any():
    assert count(0) == '<span class="dim">0</span>'
    assert count(1_234) == '<span class="bad">1,234</span>'


def test_a_long_text_is_cut():
    assert short("x" * 200) == "x" * 200
    assert short("x" * 201) == "x" * 199 + "…"
    assert short("abc", 2) == "a…"
