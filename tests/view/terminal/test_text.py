"""Whatever a span says becomes short, harmless text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sessions.view.terminal.text import ago, cost, counted, duration, one_line, share, size, tokens_in_out
from view_documents import NO_TOKENS

NOON = 1_796_040_000.0


@given(st.text())
def test_one_line_has_no_control_characters_and_no_double_blanks(text):
    line = one_line(text)

    assert not [char for char in line if unicodedata.category(char) in {"Cc", "Zl", "Zp"}]
    assert line == " ".join(line.split(" ")).strip()
    assert "  " not in line


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, "0.00 ms"),
        (0.4, "0.40 ms"),
        (5.6, "5.60 ms"),
        (142, "142 ms"),
        (999.6, "1.00 s"),
        (1_210, "1.21 s"),
        (59_999, "1 m 00 s"),
        (61_000, "1 m 01 s"),
        (3_720_000, "1 h 02 m"),
    ],
)
def test_a_duration_stands_in_the_unit_that_people_use(milliseconds, expected):
    assert duration(milliseconds) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-30T12:00:00.000000000Z", "0 s ago"),
        ("2026-11-30T12:00:30.000000000Z", "0 s ago"),
        ("2026-11-30T11:59:18.900000000Z", "42 s ago"),
        ("2026-11-30T11:48:00.000000000Z", "12 m ago"),
        ("2026-11-30T09:30:00.000000000Z", "2 h ago"),
        ("2026-10-30T12:00:00.000000000Z", "31 d ago"),
        (None, ""),
    ],
)
def test_the_last_activity_was_so_long_ago(moment, expected):
    assert ago(moment, NOON) == expected


@pytest.mark.parametrize(
    ("byte_count", "expected"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 * 2**20, "3.0 MiB"), (2**31, "2.0 GiB")],
)
def test_a_size_stands_in_the_unit_that_people_use(byte_count, expected):
    assert size(byte_count) == expected


def test_words_are_counted_in_their_plural():
    assert [counted(1, "turn"), counted(2, "turn"), counted(2, "process"), counted(1_000, "span")] == [
        "1 turn",
        "2 turns",
        "2 processes",
        "1,000 spans",
    ]


def test_a_share_is_100_percent_only_of_all():
    assert [share(999, 1_000), share(5, 5), share(0, 0)] == ["99 %", "100 %", "nothing"]


def test_a_cost_that_misses_calls_has_a_plus():
    assert [cost(None, is_complete=False), cost(0.5, is_complete=True), cost(1_234.5, is_complete=False)] == [
        "-",
        "$0.5000",
        "$1,234.5000+",
    ]


def test_tokens_that_are_not_recorded_are_blank_and_a_total_alone_is_marked():
    assert [
        tokens_in_out(NO_TOKENS | {"total": 9}),
        tokens_in_out(NO_TOKENS | {"input": 1_000, "output": 0}),
        tokens_in_out(NO_TOKENS | {"output": 3}),
        tokens_in_out(NO_TOKENS),
    ] == [("=9", ""), ("1,000", "0"), ("", "3"), ("", "")]
