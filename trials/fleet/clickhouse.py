"""``python -m trials.fleet.clickhouse``: what the tables of ``collector-config/clickhouse`` save, on chDB.

Each query of a Sessions page, by the roll-ups and keys, and asked of the spans in a table as the exporter makes it; one
session looked up by each kind of index; and what inserting costs. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clickhouse_database import FIRST_DAY, SQL, TABLES, Database, database, queries_in
from harness import pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HERE = Path(__file__).parent

_DURING = {
    "from_": "2025-03-06 00:00:00",
    "to": "2025-03-08 00:00:00",
    "first_day": "2025-03-06",
    "last_day": "2025-03-07",
    "limit": 50,
    "user": "user-42",
}
_ALL = {"before": "2030-01-01 00:00:00", "before_session": "", "only_errors": False, "only_failed_checks": False}
# What is asked otherwise: the sessions of one user are few, and those of two days may be none.
_BUT = {
    "sessions": {"user": ""},
    "tokens by model and user": {"user": ""},
    "sessions of a user": {"from_": FIRST_DAY},
}

# Sorted as by the exporter, with its index on the values of the map, and two others to choose from; our columns, too.
_PLAIN = """
CREATE TABLE plain AS otel_traces
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
PRIMARY KEY (ServiceName, SpanName, toDateTime(Timestamp))
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp));
ALTER TABLE plain DROP INDEX by_session, DROP INDEX by_user,
    ADD INDEX of_map mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX of_bloom SessionId TYPE bloom_filter(0.001) GRANULARITY 1,
    ADD INDEX of_text SessionId TYPE text(tokenizer = 'array');
SYSTEM STOP TTL MERGES plain;
"""
_VIEWS = ("session_rollup_of_traces", "user_rollup_of_traces", "checks_of_traces")
_LOOK_UPS = {
    "map, no index": "FROM plain WHERE SpanAttributes['session.id'] = {session:String} SETTINGS use_skip_indexes = 0",
    "map, bloom filter on its values (the exporter's)": (
        "FROM plain WHERE SpanAttributes['session.id'] = {session:String} "
        "SETTINGS ignore_data_skipping_indices = 'of_bloom,of_text'"
    ),
    "column, no index": "FROM plain WHERE SessionId = {session:String} SETTINGS use_skip_indexes = 0",
    "column, bloom filter": (
        "FROM plain WHERE SessionId = {session:String} SETTINGS ignore_data_skipping_indices = 'of_map,of_text'"
    ),
    "column, text index": (
        "FROM plain WHERE SessionId = {session:String} SETTINGS ignore_data_skipping_indices = 'of_map,of_bloom'"
    ),
    "column in the sort key, and bloom filter (ours)": "FROM otel_traces WHERE SessionId = {session:String}",
}
_COLUMNS = """
SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = 'otel_traces' AND default_kind = '' ORDER BY position
"""
_ON_DISK = """
SELECT table AS name, toString(sum(rows)), sum(data_compressed_bytes) AS size FROM system.parts
WHERE active AND database = currentDatabase() GROUP BY table
UNION ALL
SELECT table || ', index ' || name, '', data_compressed_bytes FROM system.data_skipping_indices
WHERE database = currentDatabase() AND data_compressed_bytes > 100000
ORDER BY name
"""
_READ_ALL = "SELECT sum(length(SpanName) + length(mapValues(SpanAttributes)[1])), count() AS Spans "


class Timed(NamedTuple):
    """One query, asked several times."""

    rows: int
    read: int
    milliseconds: float


def timed(target: Database, sql: str, rounds: int, parameters: Mapping[str, object]) -> Timed:
    answers = [target.ask(sql, **parameters) for _ in range(rounds + 1)][1:]  # the first one warms up
    return Timed(len(answers[0].rows), answers[0].read, statistics.median(answer.seconds * 1000 for answer in answers))


def fill(target: Database, spans: int) -> None:
    # It would remember where the rows are that the same query found before; people ask for other sessions.
    target.run("SET use_query_condition_cache = 0")
    target.keep_for_ever()
    target.add_many(spans)
    for table in TABLES:
        target.run(f"OPTIMIZE TABLE {table} FINAL")
    target.run(_PLAIN)
    columns = columns_of(target)
    target.run(f"INSERT INTO plain ({columns}) SELECT {columns} FROM otel_traces")  # noqa: S608
    target.run("OPTIMIZE TABLE plain FINAL")


def columns_of(target: Database) -> str:
    """Return the columns that the exporter fills."""
    return ", ".join(name for (name,) in target.rows(_COLUMNS))


def of_queries(target: Database, rounds: int, ids: Mapping[str, object]) -> Iterator[tuple[object, ...]]:
    plain = queries_in((_HERE / "clickhouse-plain.sql").read_text())
    for name, sql in queries_in((SQL / "queries.sql").read_text()).items():
        parameters = {**_DURING, **_ALL, **ids, **_BUT.get(name, {})}
        ours, without = (timed(target, each, rounds, parameters) for each in (sql, plain[name]))
        assert ours.rows == without.rows > 0, name
        ratio = f"{without.milliseconds / ours.milliseconds:.1f}"
        yield name, *_figures(ours), *_figures(without), ratio


def of_look_ups(target: Database, rounds: int, ids: Mapping[str, object]) -> Iterator[tuple[object, ...]]:
    for name, sql in _LOOK_UPS.items():
        found = timed(target, _READ_ALL + sql, rounds, ids)
        yield name, *_figures(found)


def of_sizes(target: Database) -> Iterator[tuple[object, ...]]:
    for name, rows, size in target.rows(_ON_DISK):
        yield name, rows, f"{int(size) / 2**20:.1f}"


def of_inserts(target: Database, spans: int) -> Iterator[tuple[object, ...]]:
    """Insert the same spans into the tables of a new database, with the roll-ups and then without."""
    target.keep_for_ever()
    target.never_merge()
    target.add_many(spans)
    columns = columns_of(target)
    target.run(f"CREATE TABLE source ENGINE = Memory AS SELECT {columns} FROM otel_traces")  # noqa: S608
    yield "with the roll-ups", f"{inserted_per_second(target, columns, spans):,.0f}"
    for view in _VIEWS:
        target.run(f"DROP VIEW {view}")
    yield "without the roll-ups", f"{inserted_per_second(target, columns, spans):,.0f}"


def inserted_per_second(target: Database, columns: str, spans: int) -> float:
    """Return how many spans are inserted in a second of one processor."""
    before = time.process_time()
    target.run(f"INSERT INTO otel_traces ({columns}) SELECT {columns} FROM source")  # noqa: S608
    return spans / (time.process_time() - before)


def _figures(found: Timed) -> tuple[str, str]:
    return f"{found.read:,}", f"{found.milliseconds:.0f}"


def shown(head: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    return f"{pages.table(head, rows, pages.TEXT)}\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m trials.fleet.clickhouse", description=__doc__)
    parser.add_argument("--spans", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "data"
        with database(path, "inserts") as target:
            print(shown(("inserting", "spans per CPU-second"), of_inserts(target, given.spans // 5)))
        with database(path, "bench") as target:
            fill(target, given.spans)
            print_queries(target, given.rounds, given.spans)


def print_queries(target: Database, rounds: int, spans: int) -> None:
    ids = target.a_turn(spans // 2)
    version = target.rows("SELECT version()")[0][0]
    print(f"{spans:,} spans in seven days, chDB of ClickHouse {version}, median of {rounds}.\n")
    head = ("query", "rows read", "median ms", "rows read without", "median ms without", "times")
    print(shown(head, of_queries(target, rounds, ids)))
    print(shown(("one session by", "rows read", "median ms"), of_look_ups(target, rounds, ids)))
    print(shown(("on disk", "rows", "MiB"), of_sizes(target)))


if __name__ == "__main__":
    main()
