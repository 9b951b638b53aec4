"""Lists of sessions, users and traces: filters and orders to SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions.view.store.interface import Filter, Page
from otel_sessions.view.store.pages import Query, page_of
from otel_sessions.view.store.rows import (
    SESSION_COLUMNS,
    TRACE_COLUMNS,
    USER_COLUMNS,
    member,
    session_row,
    storable,
    trace_row,
    user_row,
)
from otel_sessions.view.store.session_rows import PART_BITS
from otel_sessions.view.store.text import match_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from otel_sessions.view.store.interface import SessionRow, TraceRow, UserRow

_LARGEST = 2**63 - 1

# What a list is sorted by: a field of a row, and the expression for it, which is never NULL.
SESSION_ORDERS: Mapping[str, str] = {
    **{each: each for each in ["id", "name", "users", "services", "models", "turns", "traces", "spans", "tokens"]},
    **{each: each for each in ["cost_complete", "errors", "failed_checks", "feedback", "torn", "start"]},
    "cost": "ifnull(cost, -1)",
    "p95": "ifnull(p95, -1)",
    "end": '"end"',
}
USER_ORDERS: Mapping[str, str] = {
    **{each: each for each in ["id", "sessions", "turns", "spans", "errors", "feedback", "first", "last"]},
    "tokens": "CASE WHEN has_total THEN total WHEN has_input OR has_output THEN input + output ELSE -1 END",
}
TRACE_ORDERS: Mapping[str, str] = {
    **{each: each for each in ["trace_id", "name", "services", "spans", "errors", "tokens", "start", "sessions"]},
    "end": '"end"',
}


def sessions(
    connection: sqlite3.Connection, which: Filter, sort: str, limit: int, cursor: str | None
) -> Page[SessionRow]:
    """Return sessions."""
    conditions, values = _session_conditions(which)
    few = len(conditions) > (which.since is not None) + (which.until is not None)
    query = Query("sessions", SESSION_COLUMNS, SESSION_ORDERS, "key", "id", "end", conditions, values, few)
    rows, after = page_of(connection, query, which, sort, limit, cursor)
    return Page([session_row(row) for row in rows], after)


def _session_conditions(which: Filter) -> tuple[list[str], list[Any]]:
    conditions, values = _shared_conditions(which)
    if which.user is not None:
        conditions.append("key IN (SELECT session FROM session_users WHERE user = ?)")
        values.append(storable(which.user))
    if which.name is not None:
        conditions.append("name = ?")
        values.append(storable(which.name))
    if which.torn is not None:
        conditions.append("torn = ?")
        values.append(which.torn)
    if which.text is not None:
        _add_text(
            conditions, values, which.text, f"SELECT rowid >> {PART_BITS} FROM words WHERE rowid > 0 AND words MATCH ?"
        )
    return conditions, values


def _add_text(conditions: list[str], values: list[Any], text: str, found: str) -> None:
    match = match_of(text)
    if match is None:
        # A blank text asks for nothing; one of signs alone for what no turn has.
        conditions += ["0"] if text.strip() else []
        return
    conditions.append(f"key IN ({found})")
    values.append(match)


def _shared_conditions(which: Filter) -> tuple[list[str], list[Any]]:
    """Return what sessions and traces have in common."""
    conditions: list[str] = []
    values: list[Any] = []
    for column, text in (("services", which.service), ("models", which.model)):
        if text is not None:
            conditions.append(f"instr({column}, ?)")
            values.append(member(text))
    for column, wanted in (("errors", which.error), ("failed_checks", which.failed_check)):
        if wanted is not None:
            conditions.append(f"({column} > 0) = ?")
            values.append(wanted)
    if which.since is not None:
        conditions.append('"end" >= ?')
        values.append(_within(which.since))
    if which.until is not None:
        conditions.append("start < ?")
        values.append(_within(which.until))
    return conditions, values


def _within(number: int) -> int:
    return max(-_LARGEST, min(number, _LARGEST))


def traces(  # noqa: PLR0913, PLR0917 as the interface
    connection: sqlite3.Connection, which: Filter, sort: str, limit: int, cursor: str | None, without_session: bool
) -> Page[TraceRow]:
    """Return traces; with ``without_session`` those that have a span in none."""
    conditions, values = _shared_conditions(which)
    for column, text in (("users", which.user), ("names", which.name)):
        if text is not None:
            conditions.append(f"instr({column}, ?)")
            values.append(member(text))
    if which.torn is not None:
        conditions.append("(torn != '') = ?")
        values.append(which.torn)
    if which.text is not None:
        found = "SELECT ifnull((SELECT trace FROM parts WHERE parts.key = words.rowid), -rowid) FROM words WHERE words MATCH ?"
        _add_text(conditions, values, which.text, found)
    few = bool(conditions)
    conditions.append("spans > 0")
    if without_session:
        conditions.append("sessions = ''")
    query = Query("traces", TRACE_COLUMNS, TRACE_ORDERS, "key", "trace_id", "start", conditions, values, few)
    rows, after = page_of(connection, query, (which, without_session), sort, limit, cursor)
    return Page([trace_row(row) for row in rows], after)


def users(connection: sqlite3.Connection, which: Filter, sort: str, limit: int, cursor: str | None) -> Page[UserRow]:
    """Return users: those seen in the time, and with a session that has what else is asked for."""
    conditions: list[str] = []
    values: list[Any] = []
    for condition, value in (("id = ?", which.user), ("last >= ?", which.since), ("first < ?", which.until)):
        if value is not None:
            conditions.append(condition)
            values.append(storable(value) if isinstance(value, str) else _within(value))
    of_sessions, more = _session_conditions(which)
    few = any(
        each is not None
        for each in (which.name, which.service, which.model, which.error, which.failed_check, which.torn, which.text)
    )
    counted = _counted_condition(which)
    conditions += [counted] if counted is not None else []
    asked = " AND ".join(of_sessions) if few and counted is None else ""
    query = Query("users", USER_COLUMNS, USER_ORDERS, "id", "id", "", conditions, values, few, (asked, more))
    rows, after = page_of(connection, query, which, sort, limit, cursor)
    return Page([user_row(row) for row in rows], after)


def _counted_condition(which: Filter) -> str | None:
    """Return what asks for users by the one thing of a session of which is kept how many of theirs have it; else none."""
    for column, wanted, alone in (
        ("with_errors", which.error, Filter(user=which.user, error=which.error)),
        ("with_failed_checks", which.failed_check, Filter(user=which.user, failed_check=which.failed_check)),
    ):
        if wanted is not None and which == alone:
            return f"{column} > 0" if wanted else f"{column} < sessions"
    return None
