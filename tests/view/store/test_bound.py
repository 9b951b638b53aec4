"""The file stays within its bound: whole sessions go, the oldest first; and it becomes smaller when nothing comes."""

from __future__ import annotations

import random
import sqlite3
import time

import pytest
from store_cases import batch, log, log_batch, snapshot, span, trace_id, turn

from otel_sessions.view.store import bound
from otel_sessions.view.store.interface import Filter
from otel_sessions.view.store.sqlite import SQLiteStore

CHANCE = random.Random(11)  # noqa: S311 the same noise each time


def noise(size: int = 4000) -> str:
    return CHANCE.randbytes(size // 2).hex()


def large(trace: str, session: str | None, at: float, **more) -> list:
    return [*turn(trace, session, at=at, **more), span(trace, "data", "turn", at=at, blob=noise())]


def used(store) -> int:
    return bound.used_bytes(store._writer.connection)


def test_whole_oldest_sessions_go_and_are_counted(path):
    store = SQLiteStore.open(path, 1_500_000)
    written = []
    for number in range(300):
        session = None if number % 10 == 9 else f"s{number // 2:03d}"
        written.append(large(f"t{number}", session, at=number, user=f"user-{number // 100}"))
        store.write(batch(written[-1]))
    store.settle()
    assert used(store) < 1_600_000
    left = store.sessions(Filter(), limit=1000).rows
    dropped = store.dropped()
    assert dropped.sessions + len(left) == 150
    # The newest are there, whole; what is there is a span of time, but for what a session of two turns began before.
    assert [row.id for row in left][:20] == [f"s{number:03d}" for number in range(149, 129, -1)]
    assert {row.traces for row in left if row.id not in {f"s{number:03d}" for number in range(4, 150, 5)}} == {2}
    assert sorted(row.id for row in left) == [f"s{number:03d}" for number in range(150 - len(left), 150)]
    without = store.traces(Filter(), limit=1000, without_session=True).rows
    assert 0 < len(without) < 30
    assert dropped.traces == 300 - len(store.traces(Filter(), limit=1000).rows)
    assert dropped.spans >= 4 * dropped.sessions
    answers = snapshot(store)
    store.reindex()
    assert snapshot(store) == answers
    assert store.dropped() == dropped
    assert "user-0" not in {row.id for row in store.users(Filter()).rows}
    store.clear()
    assert store.dropped() == (0, 0, 0)
    store.close()


def test_what_waits_is_settled_before_the_oldest_goes(path, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.settling._TRACES_AT_ONCE", 2)
    store = SQLiteStore.open(path, 1_000_000)
    store._background.stop()
    for first in range(0, 300, 50):
        store.write(batch([each for n in range(first, first + 50) for each in large(f"t{n}", f"s{n:03d}", at=n)]))
    store.settle()
    left = [row.id for row in store.sessions(Filter(), limit=1000).rows]
    assert left == [f"s{number:03d}" for number in range(299, 299 - len(left), -1)]
    assert 20 < len(left) == 300 - store.dropped().sessions
    assert used(store) < 1_100_000
    store.close()


def test_the_one_session_that_there_is_loses_its_oldest_traces(path):
    store = SQLiteStore.open(path, 1_000_000)
    for number in range(300):
        store.write(batch(large(f"t{number}", "only", at=60 * number)))  # none begins within another's turn
    store.settle()
    (row,) = store.sessions(Filter()).rows
    assert 20 < row.traces < 300
    assert used(store) < 1_100_000
    assert store.dropped().sessions == 0
    assert store.dropped().traces == 300 - row.traces
    assert store.session("only", 1000).turns[-1].trace_id == trace_id("t299")
    store.close()


def test_records_of_nobody_go_too(path):
    store = SQLiteStore.open(path, 800_000)
    store.write(batch(turn("t1", "A")))
    for _ in range(300):
        store.write(log_batch([log(noise())]))
    assert used(store) < 900_000
    assert [row.id for row in store.sessions(Filter()).rows] == ["A"]
    store.close()


def test_records_of_sessions_without_spans_go_too(path):
    store = SQLiteStore.open(path, 800_000)
    for number in range(300):
        store.write(log_batch([log(noise(), session__id=f"s{number}", at=number)]))
    assert used(store) < 900_000
    store.write(batch(turn("t1", "s299", at=299)))
    assert len(store.session("s299").logs) == 1
    store.close()


def test_records_go_with_their_session(path):
    store = SQLiteStore.open(path, 800_000)
    store.write(batch(turn("t1", "old")))
    store.write(log_batch([log("beside it", session__id="old"), log("of nobody")]))
    for number in range(200):
        store.write(batch(large(f"t{number}x", f"s{number}", at=10 + number)))
    store.settle()
    assert store.session("old") is None
    store.write(batch(turn("again", "old", at=1000)))
    assert store.session("old").logs == ()
    store.close()


def test_senders_go_when_nothing_of_them_is_left(path, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.segments.SEEN_WITHIN", 1)
    monkeypatch.setattr(bound, "SEEN_WITHIN", 1)
    store = SQLiteStore.open(path, 800_000)
    for number in range(300):
        store.write(batch(large(f"t{number}", f"s{number}", at=number), service=f"{number} {noise(2000)}"))
    store.settle()
    (left,) = store._writer.connection.execute("SELECT count(*) FROM bodies").fetchone()
    assert left < 200
    for row in store.sessions(Filter(), limit=1000).rows:
        assert store.session(row.id).traces[0].spans[0][1].resource
    store.close()


def test_a_bound_that_nothing_fits_in_keeps_what_came_last(path):
    store = SQLiteStore.open(path, 10_000)
    for number in range(5):
        store.write(batch(turn(f"t{number}", f"s{number}", at=number)))
    assert next(row.id for row in store.sessions(Filter()).rows) == "s4"
    store.close()


def test_dropping_that_fails_drops_nothing(path, monkeypatch):
    store = SQLiteStore.open(path)
    store._background.stop()
    for number in range(20):
        store.write(batch(large(f"t{number}", f"s{number}", at=number)))
    store.settle()
    answers = snapshot(store)
    monkeypatch.setattr(bound, "_count", _fail)
    with pytest.raises(sqlite3.OperationalError):
        bound.drop_oldest(store._writer.connection, store._writer.settler, 1000)
    assert snapshot(store) == answers
    store.close()


def _fail(*_, **__):
    raise sqlite3.OperationalError


def tidied(store) -> None:
    while store._writer.tidy():
        pass


def test_what_comes_goes_before_what_makes_the_file_smaller(store):
    store._background.stop()
    assert not store._background._make_tidy()
    store._background._something.clear()
    assert store._background._make_tidy()


def test_the_file_becomes_smaller_and_says_the_same(path, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.tidying._AT_ONCE", 30)
    monkeypatch.setattr("otel_sessions.view.store.tidying._PAGES_AT_ONCE", 10)
    store = SQLiteStore.open(path)
    store._background.stop()
    for number in range(200):
        spans = turn(f"t{number}", f"s{number // 5}", said="hello there " * 50, at=number)
        for each in ([spans[0]], spans, spans[1:]):
            store.write(batch(each))
        store.write(
            log_batch(
                [
                    log("said " * 50, trace=f"t{number}", parent="turn"),
                    log("beside", session__id=f"s{number // 5}"),
                    log("of nobody"),
                ]
            )
        )
    assert not store._writer.tidy()
    store.settle()
    store._writer.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    answers, before = snapshot(store), path.stat().st_size
    tidied(store)
    assert path.stat().st_size < before - 300_000
    assert snapshot(store) == answers
    assert not store._writer.tidy()
    store.reindex()
    assert snapshot(store) == answers
    # What grows later is put together with what is compressed.
    for number in range(0, 200, 7):
        store.write(batch([span(f"t{number}", "late", "turn", at=number, session__id=f"s{number // 5}")]))
    store.settle()
    answers = snapshot(store)
    tidied(store)
    assert snapshot(store) == answers
    store.close()


def test_large_traces_are_compressed_piece_by_piece(path, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.tidying._MOST_BYTES", 1000)
    store = SQLiteStore.open(path)
    for number in range(4):
        store.write(batch([span("t1", f"span{number}", session__id="A", blob="much " * 100)]))
    store.settle()
    answers = snapshot(store)
    tidied(store)
    forms = store._writer.connection.execute("SELECT form, count(*) FROM segments GROUP BY form").fetchall()
    assert forms == [(2, 4)]
    assert snapshot(store) == answers
    store.close()


def test_a_span_that_came_twice_in_one_request_counts_once_when_that_is_compressed(store):
    store.write(batch(turn("t1", "A") * 2))
    store.settle()
    answers = snapshot(store)
    tidied(store)
    assert store.session("A").summary.spans == len(store.trace(trace_id("t1")).spans) == 3
    assert snapshot(store) == answers


def test_tidying_that_fails_changes_nothing(store, monkeypatch):
    store.write(batch(turn("t1", "A")))
    store.settle()
    monkeypatch.setattr("otel_sessions.view.store.tidying.compressed", _fail)
    with pytest.raises(sqlite3.OperationalError):
        store._writer.tidy()
    monkeypatch.undo()
    tidied(store)
    assert store.session("A").summary.spans == 3


def test_it_is_done_when_nothing_comes(path, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.background._IDLE", 0.01)
    store = SQLiteStore.open(path)
    store.write(batch(turn("t1", "A")))
    until = time.monotonic() + 60
    while store._writer.connection.execute("SELECT form FROM segments").fetchone() != (2,) and time.monotonic() < until:
        time.sleep(0.02)
    assert store.trace(trace_id("t1")).spans
    assert store._writer.connection.execute("SELECT form FROM segments").fetchone() == (2,)
    store.close()
