"""The list of sessions has a row for each, with the columns that the window has room for."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from otel_sessions.view.terminal.listing import print_sessions
from view_documents import NO_TOKENS, a_session

NOON = 1_796_040_000.0


def shown(*sessions, width=100, following=None) -> str:
    file = io.StringIO()
    print_sessions(
        {"sessions": sessions, "next": following}, Console(file=file, width=width, highlight=False), NOON + 90
    )
    return file.getvalue()


TRIP = a_session(
    id="0c8f0f8e-7a9f-4c55-9d0e-2f9b3e7d1a11",
    name="Trip planning",
    users=["ada", "grace"],
    turns=12,
    spans=1_234,
    services=["shop", "search"],
    tokens=NO_TOKENS | {"input": 12_345, "output": 678},
    cost=0.0123,
    cost_complete=True,
    errors=2,
    failed_checks=1,
    feedback=3,
    p95=1_234.0,
    torn=True,
)


def test_columns_go_where_there_is_no_room():
    assert shown(TRIP, width=60) == (
        "session                             turns  errors       last\n"
        "────────────────────────────────────────────────────────────\n"
        "Trip planning · torn · user ada ·…     12       2    1 m ago\n"
        "session.id 0c8f0f8e-7a9f-4c55-9d0e-2f9b3e7d1a11\n"
    )
    assert (
        shown(TRIP, width=170).split()
        == (
            "session turns spans in out cost p95 errors failed checks feedback last "
            f"{'─' * 170} "
            "Trip planning · torn · user ada · user grace · shop, search 12 1,234 12,345 678 $0.0123 1.23 s 2 1 3 1 m ago "
            "session.id 0c8f0f8e-7a9f-4c55-9d0e-2f9b3e7d1a11"
        ).split()
    )


@pytest.mark.parametrize("width", [20, 60, 80, 100, 130, 200])
def test_no_line_is_wider_than_the_window(width):
    hostile = a_session(name="x\n\x1b[31m" * 99, id="字" * 300, users=["\r\n" * 9 + "u" * 99], services=["s" * 300])

    lines = shown(TRIP, hostile, width=width).splitlines()

    assert len(lines) == 6
    assert max(map(len, lines)) <= max(width, 60)
    assert lines == [line.rstrip() for line in lines]


def test_a_list_that_goes_on_says_so_and_an_empty_one_too():
    assert shown(TRIP, following="c").splitlines()[-1] == "1 session, and there are more: --limit"
    assert shown().splitlines()[-1] == "No session is like that."


def test_what_is_not_known_is_blank():
    lines = shown(a_session(p95=None, end=None, users=[]), width=200).splitlines()

    assert lines[2].startswith("session · no user · shop ")
