"""ClickHouse in this process, as chDB has it, with the tables of collector-config and the queries of a Sessions page."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chdb.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SQL = Path(__file__).parents[2] / "collector-config" / "clickhouse"
KNOWN, MANY = (Path(__file__).parent / "clickhouse" / name for name in ("known-sessions.sql", "many-sessions.sql"))
TABLES = ("otel_traces", "otel_logs", "session_rollup", "user_rollup", "checks")
FIRST_DAY = "2025-03-01 00:00:00"
"""When generated sessions begin. Those made by hand are of the same month; the tables keep neither so long: see
`Database.keep_for_ever`."""


class Answer(NamedTuple):
    """What a query gave.

    Attributes:
        rows: Each with its columns by name.
        read: How many rows were read from tables for it.
        seconds: How long it took.
    """

    rows: list[dict[str, Any]]
    read: int
    seconds: float


class Database:
    """A database of its own; several may be on one path in one process, and chDB allows no other path beside it."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._session = Session(str(path))
        self._session.query(f"CREATE DATABASE {name}")
        self._session.query(f"USE {name}")

    def run(self, sql: str, **parameters: object) -> None:
        for statement in statements_in(sql):
            self._session.query(statement, params=_as_texts(parameters))

    def ask(self, sql: str, **parameters: object) -> Answer:
        found = self._session.query(sql, "JSON", params=_as_texts(parameters))
        return Answer(json.loads(found.data())["data"], found.storage_rows_read(), found.elapsed())

    def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.ask(sql, **parameters).rows]

    def create_tables(self) -> None:
        for file in sorted(SQL.glob("0*.sql")):
            self.run(file.read_text())

    def keep_for_ever(self) -> None:
        """Leave in the tables what is too old for them."""
        for table in TABLES:
            self.run(f"SYSTEM STOP TTL MERGES {table}")

    def never_merge(self) -> None:
        for table in TABLES:
            self.run(f"SYSTEM STOP MERGES {table}")

    def add_known(self) -> None:
        """Add the sessions made by hand."""
        self.run(KNOWN.read_text())

    def add_many(self, spans: int) -> None:
        """Add so many spans of generated sessions, twenty each, over the seven days from `FIRST_DAY` on."""
        self.run(MANY.read_text(), first_day=FIRST_DAY, spans=spans)

    def a_turn(self, number: int) -> dict[str, Any]:
        """Return the ids of the turn that the span of a number belongs to, as parameters."""
        of_spans = "SELECT SessionId AS session, TraceId AS trace FROM otel_traces"
        return self.ask(of_spans + " ORDER BY Timestamp, TraceId LIMIT 1 OFFSET {number:UInt64}", number=number).rows[0]

    def close(self) -> None:
        self._session.close()


@contextmanager
def database(path: Path, name: str) -> Iterator[Database]:
    """Give a database with the tables."""
    made = Database(path, name)
    try:
        made.create_tables()
        yield made
    finally:
        made.close()


def statements_in(sql: str) -> Sequence[str]:
    """Return the statements without what is only said about them; no text in them has a semicolon or two dashes."""
    return [statement for statement in re.sub(r"--[^\n]*", "", sql).split(";") if statement.strip()]


def queries() -> dict[str, str]:
    """Return the queries of a Sessions page by name."""
    return queries_in((SQL / "queries.sql").read_text())


def queries_in(sql: str) -> dict[str, str]:
    parts = re.split(r"^-- name: (.+)$", sql, flags=re.MULTILINE)[1:]
    return {name: statements_in(text)[0] for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _as_texts(parameters: dict[str, object]) -> dict[str, str]:
    return {name.rstrip("_"): str(value) for name, value in parameters.items()}
