"""One page of a list: in an order, and from where the page before has ended; no more rows are read than it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from otel_sessions.view.store.cursors import cursor_of, place_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

MOST_ROWS = 1000
# So many rows are looked at in the order of an index before all are looked at.
_NEAR = 2000
# So many users are looked at in the order of the list before all sessions are looked at.
_NEAR_USERS = 500


class Query(NamedTuple):
    """A list to be read: conditions and their values, beside the order.

    Attributes:
        of_sessions: What users have a session of, and the values; empty where that does not matter.
    """

    table: str
    columns: str
    orders: Mapping[str, str]
    key: str
    tie: str
    indexed: str
    conditions: list[str]
    values: list[Any]
    is_selective: bool
    of_sessions: tuple[str, Sequence[Any]] = ("", ())


def page_of(  # noqa: PLR0913, PLR0917
    connection: sqlite3.Connection,
    query: Query,
    which: object,
    sort: str,
    limit: int,
    cursor: str | None,
) -> tuple[list[Any], str | None]:
    """Return the rows of a page, and the cursor of the next one."""
    limit = max(1, min(limit, MOST_ROWS))
    falls, field = sort.startswith("-"), sort.removeprefix("-")
    if field not in query.orders:
        message = f"{query.table} can't be sorted by {field!r}, but by {', '.join(sorted(query.orders))}."
        raise ValueError(message)
    question = query.table, which, sort
    place = None if cursor is None else place_of(connection, question, cursor)
    order = _Order(query.orders[field], falls, field == query.indexed)
    rows = _read(connection, query, order, place, limit + 1)
    after = cursor_of(connection, question, rows[limit - 1][:2]) if len(rows) > limit else None
    return [row[2:] for row in rows[:limit]], after


class _Order(NamedTuple):
    """By what, whether the largest is first, and whether there is an index of it."""

    by: str
    falls: bool
    is_indexed: bool


def _read(
    connection: sqlite3.Connection, query: Query, order: _Order, place: list[Any] | None, limit: int
) -> list[tuple[Any, ...]]:
    by, falls, is_indexed = order
    conditions, values = list(query.conditions), list(query.values)
    if place is not None:
        conditions.append(f"({by} {'<' if falls else '>'} ? OR {by} = ? AND {query.tie} > ?)")
        conditions.append(f"{by} {'<=' if falls else '>='} ?")
        values += (place[0], *place, place[0])
    if is_indexed and query.is_selective:
        # Most filters let many through: then the page is full before the index was walked far.
        edge = _edge(connection, query.table, order, place)
        near = [*conditions, f"{by} {'>' if falls else '<'} ?"]
        rows = _ordered(connection, query, order, near, [*values, edge, limit]) if edge is not None else []
        if len(rows) == limit:
            return rows
    # All of the table is read in its own order where few rows are wanted: to walk an index takes five times as long.
    plain = order if not query.is_selective else order._replace(by=f"+{by}")
    if query.of_sessions[0]:
        return _ordered_users(connection, query, plain, conditions, [*values, limit])
    return _ordered(connection, query, plain, conditions, [*values, limit])


def _ordered_users(
    connection: sqlite3.Connection, query: Query, order: _Order, conditions: list[str], values: list[Any]
) -> list[tuple[Any, ...]]:
    """Return those users that have a session as is asked for.

    Most filters let many through: then the page is full of the first users, and theirs are all the sessions to look at.
    """
    *own, limit = values
    of_sessions, more = query.of_sessions
    if limit <= _NEAR_USERS:
        first = f"{_keys(query, order, conditions)} LIMIT {_NEAR_USERS}"
        # SQLite would take all sessions first, were it not told by CROSS to keep this order.
        some = (
            "id IN (SELECT user FROM session_users CROSS JOIN sessions ON key = session"
            f" WHERE user IN ({first}) AND {of_sessions})"
        )
        rows = _ordered(connection, query, order, [*conditions, some], [*own, *own, *more, limit])
        if len(rows) == limit:
            return rows
    every = f"id IN (SELECT user FROM session_users WHERE session IN (SELECT key FROM sessions WHERE {of_sessions}))"
    return _ordered(connection, query, order, [*conditions, every], [*own, *more, limit])


def _edge(connection: sqlite3.Connection, table: str, order: _Order, place: list[Any] | None) -> int | None:
    """Return what the order has some thousand rows on; ``None`` for less."""
    by, falls, _ = order
    where, values = ("", ()) if place is None else (f" WHERE {by} {'<=' if falls else '>='} ?", place[:1])
    text = f"SELECT {by} FROM {table}{where} ORDER BY {by}{' DESC' if falls else ''} LIMIT 1 OFFSET {_NEAR}"
    row = connection.execute(text, values).fetchone()
    return None if row is None else row[0]


def _ordered(
    connection: sqlite3.Connection, query: Query, order: _Order, conditions: list[str], values: list[Any]
) -> list[tuple[Any, ...]]:
    """Return rows: first their keys are put in order, which is quick, then those of the page are read whole."""
    keys = f"{_keys(query, order, conditions)} LIMIT ?"
    text = (
        f"SELECT {order.by}, {query.tie}, {query.columns} FROM {query.table} WHERE {query.key} IN ({keys})"
        f" {_way(query, order)}"
    )
    return connection.execute(text, values).fetchall()


def _keys(query: Query, order: _Order, conditions: list[str]) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {query.key} FROM {query.table}{where} {_way(query, order)}"


def _way(query: Query, order: _Order) -> str:
    return f"ORDER BY {order.by}{' DESC' if order.falls else ''}, {query.tie}"
