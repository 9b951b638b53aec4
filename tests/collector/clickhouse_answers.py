"""What the queries give for the sessions of clickhouse/known-sessions.sql; times are shortened to those of the day."""

from __future__ import annotations

import pytest

DURING = {"from_": "2025-03-01 00:00:00", "to": "2025-04-01 00:00:00", "limit": 50}
DAYS = {"first_day": "2025-03-01", "last_day": "2025-03-31", "limit": 50}
FIRST_PAGE = {**DURING, "before": "2030-01-01 00:00:00", "before_session": "", "user": ""}
ALL_SESSIONS = {**FIRST_PAGE, "only_errors": False, "only_failed_checks": False}

KNOWN_ANSWERS = [
    pytest.param(
        "sessions",
        ALL_SESSIONS,
        [
            ("conv-3", "", ["bob"], "09:00:00.000", "09:00:01.500", 1, 2, 0, 2, 50, ["small"], "Help", "How?"),
            ("conv-2", "", ["ada"], "23:59:50.000", "00:02:01.000", 2, 2, 0, 0, 0, [], "Still up?", "Good night."),
            (
                *("conv-1", "Trip to Rome", ["ada"], "10:00:00.000", "10:01:03.000"),
                *(2, 7, 2, 1, 60, ["large", "small"], "Where to?", "In May."),
            ),
        ],
        id="sessions",
    ),
    pytest.param(
        "turns of a session",
        {"session": "conv-1"},
        [
            (1, "t1", "10:00:00.000", 2000, "Where to?", "Rome.", 4, 0, 1, 12, 8),
            (2, "t2", "10:01:00.000", 3000, "When?", "In May.", 3, 2, 0, 30, 10),
        ],
        id="turns",
    ),
    pytest.param(
        "turns of a session",
        {"session": "conv-2"},
        [
            (1, "t3", "23:59:50.000", 1000, "Still up?", "Yes.", 1, 0, 0, 0, 0),
            (2, "t4", "00:02:00.000", 1000, "And now?", "Good night.", 1, 0, 0, 0, 0),
        ],
        id="turns over midnight",
    ),
    pytest.param(
        "spans of a turn",
        {"session": "conv-1", "trace": "t2"},
        [
            ("s5", "", "reply", "CHAIN", "chat", "10:01:00.000", 3_000_000_000, "Error", "", "", "", 0, 0),
            (
                *("s6", "s5", "chat large", "", "chat", "10:01:00.500", 1_000_000_000, "Error", ""),
                *("/plan/dates", "large", 30, 10),
            ),
            (
                *("s7", "s5", "look up", "TOOL", "search", "10:01:01.700", 200_000_000, "Unset", ""),
                *("/plan/dates", "", 0, 0),
            ),
            ("s8", "s7", "SELECT", "", "database", "10:01:01.800", 10_000_000, "Unset", "", "", "", 0, 0),
        ],
        id="spans of a turn",
    ),
    pytest.param(
        "steps of a session",
        {"session": "conv-1"},
        [
            ("/", 0, 7, 2, 1, 60, "10:00:00.000", 63000),
            ("/plan", 1, 4, 1, 0, 60, "10:00:00.100", 61800),
            ("/plan/dates", 2, 2, 1, 0, 40, "10:01:00.500", 1400),
        ],
        id="steps",
    ),
    pytest.param(
        "sessions of a user",
        {**DURING, "user": "ada"},
        [
            ("conv-2", "", ["ada"], "23:59:50.000", "00:02:01.000", 2, 0, 0, 0, "Still up?", "Good night."),
            ("conv-1", "Trip to Rome", ["ada"], "10:00:00.000", "10:01:03.000", 2, 2, 1, 60, "Where to?", "In May."),
        ],
        id="sessions of a user",
    ),
    pytest.param("active users per day", DAYS, [("2025-03-10", 1, 2), ("2025-03-11", 2, 2)], id="active users per day"),
    pytest.param(
        "failed checks",
        DURING,
        [
            ("18:00:00.000", "conv-3", "bob", "thumb", "fail", 0, "", "", "", ""),
            ("09:05:00.000", "conv-3", "bob", "solved", "timeout", None, "", "timeout", "", ""),
            ("10:00:01.600", "conv-1", "ada", "polite", "fail", 0, "curt", "", "t1", "s1"),
        ],
        id="failed checks",
    ),
    pytest.param(
        "tokens by model and user",
        {**DAYS, "user": ""},
        [
            ("bob", "small", 1, 0, 0, 50),
            ("ada", "large", 1, 30, 10, 40),
            ("ada", "small", 1, 12, 8, 20),
            ("", "small", 1, 4, 1, 5),
        ],
        id="tokens",
    ),
    pytest.param(
        "longest sessions",
        DAYS,
        [
            ("conv-2", "23:59:50.000", 131, 2),
            ("conv-1", "10:00:00.000", 63, 2),
            ("conv-3", "09:00:00.000", 1, 1),
        ],
        id="longest sessions",
    ),
]
