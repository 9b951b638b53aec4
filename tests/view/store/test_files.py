"""The file: whose it is, who may use it when, what becomes of one that can't be used, and what survives a crash."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from store_cases import batch, log, log_batch, snapshot, turn

from otel_sessions.view.store import places, schema
from otel_sessions.view.store.interface import Filter, StoreFullError, StoreInUseError, UnreadableStoreError
from otel_sessions.view.store.segments import Sources, segments_of
from otel_sessions.view.store.sqlite import SQLiteStore

HERE = Path(__file__).parent
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def filled(path, count=5) -> list:
    store = SQLiteStore.open(path)
    for number in range(count):
        store.write(batch(turn(f"t{number}", f"s{number % 3}", at=number)))
    store.write(log_batch([log("beside", session__id="s1"), log("in it", trace="t1", parent="turn")]))
    store.settle()
    answers = snapshot(store)
    store.close()
    return answers


def run(program: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=HERE, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def test_the_default_file_is_in_the_state_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert places.default_path() == tmp_path / "otel-sessions" / "sessions.db"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert places.default_path() == tmp_path / ".local" / "state" / "otel-sessions" / "sessions.db"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert places.default_path() == tmp_path / "Library" / "Application Support" / "otel-sessions" / "sessions.db"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert places.default_path() == tmp_path / "Local" / "otel-sessions" / "sessions.db"


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_nobody_else_reads_it(path):
    path.parent.mkdir(mode=0o755)
    path.touch(mode=0o644)
    path = path.parent / "own" / "sessions.db"
    old = os.umask(0)
    try:
        store = SQLiteStore.open(path)
        store.write(batch(turn("t1")))
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        names = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert names == dict.fromkeys(["sessions.db", "sessions.db-wal", "sessions.db-shm", "sessions.db-owner"], 0o600)
        store.close()
    finally:
        os.umask(old)


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_file_that_others_could_read_is_theirs_no_longer(path):
    filled(path)
    path.chmod(0o644)
    SQLiteStore.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_temporary_store_leaves_nothing():
    store = SQLiteStore.open(None)
    folder = store.path.parent
    store.write(batch(turn("t1")))
    assert len(store.sessions(Filter()).rows) == 1
    store.close()
    assert not folder.exists()


def test_what_was_written_is_there_again(path):
    answers = filled(path)
    again = SQLiteStore.open(path)
    assert snapshot(again) == answers
    again.write(batch(turn("t0", "s0")))
    assert snapshot(again) == answers
    again.close()


def test_who_opens_it_second_is_told(path):
    store = SQLiteStore.open(path)
    with pytest.raises(StoreInUseError, match=rf"process {os.getpid()}\) writes to .*sessions\.db.*--db.*--temporary"):
        SQLiteStore.open(path)
    store.close()
    SQLiteStore.open(path).close()


def test_who_is_second_in_another_process_is_told(path):
    other = run(
        "import sys; from pathlib import Path; from otel_sessions.view.store.sqlite import SQLiteStore; s = SQLiteStore.open(Path(sys.argv[1])); print('open', flush=True); input(); s.close()",
        str(path),
    )
    assert other.stdout.readline() == "open\n"
    with pytest.raises(StoreInUseError, match=rf"process {other.pid}\)"):
        SQLiteStore.open(path)
    # One that was killed is in nobody's way.
    other.kill()
    other.communicate()
    SQLiteStore.open(path).close()


WRITER = """
import sys
from pathlib import Path
from store_cases import batch, turn
from otel_sessions.view.store.sqlite import SQLiteStore
store = SQLiteStore.open(Path(sys.argv[1]))
for line in sys.stdin:
    number = int(line)
    store.write(batch(turn(f"t{number}", f"s{number % 3}", at=number)))
    print(number, flush=True)
"""


def test_others_read_while_one_writes(path):
    writer = run(WRITER, str(path))
    readers = []
    for number in range(20):
        writer.stdin.write(f"{number}\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == f"{number}\n"
        if number % 5 == 0:
            readers.append(SQLiteStore.read(path))
        for reader in readers:
            assert len(reader.sessions(Filter()).rows) <= 3
    seen = 0
    while seen < 20:
        seen = sum(row.traces for row in readers[0].sessions(Filter()).rows)
    assert [sum(row.traces for row in reader.sessions(Filter()).rows) for reader in readers] == [20] * 4
    assert readers[0].session("s1").summary.traces == 7
    with pytest.raises(sqlite3.ProgrammingError, match="opened to be read"):
        readers[0].write(batch(turn("t1")))
    for reader in readers:
        reader.close()
    writer.communicate()


def test_who_reads_what_a_crash_has_left_sees_all_of_it(path):
    writer = run(WRITER, str(path))
    for number in range(30):
        writer.stdin.write(f"{number}\n")
        writer.stdin.flush()
        writer.stdout.readline()
    writer.kill()
    writer.communicate()
    reader = SQLiteStore.read(path)
    assert sum(row.traces for row in reader.sessions(Filter()).rows) == 30
    reader.close()


def test_kill_in_mid_write_loses_and_doubles_nothing(path):
    """Three times; twenty with THOROUGH=1."""
    sent, chance = 0, random.Random(3)  # noqa: S311
    for _ in range(20 if os.environ.get("THOROUGH") else 3):
        writer = run(WRITER, str(path))
        first = max(0, sent - 5)
        writer.stdin.write("".join(f"{number}\n" for number in range(first, first + 400)))
        writer.stdin.flush()
        acknowledged = [int(writer.stdout.readline()) for _ in range(chance.randrange(20, 150))]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split("\n") if line]
        writer.stdin.close()
        writer.stdout.close()
        writer.wait()
        sent = max(acknowledged) + 1
    store = SQLiteStore.open(path)
    store.settle()
    ids = {row.trace_id for row in every_trace(store)}
    assert ids >= {batch(turn(f"t{number}")).spans[0].trace_id for number in range(sent)}
    assert sum(row.spans for row in store.sessions(Filter()).rows) == 3 * len(ids)
    answers = snapshot(store)
    store.reindex()
    assert snapshot(store) == answers
    store.close()


def every_trace(store) -> list:
    rows, cursor = [], None
    while True:
        page = store.traces(Filter(), limit=1000, cursor=cursor)
        rows += page.rows
        cursor = page.next
        if cursor is None:
            return rows


def test_many_threads_write_and_read(store):
    failures = []

    def work(number: int) -> None:
        try:
            for each in range(15):
                store.write(batch(turn(f"t{number}/{each}", f"s{each}", user=f"user-{number}")))
                store.sessions(Filter(user=f"user-{number}"), limit=5)
                store.session(f"s{each}")
        except Exception as error:  # noqa: BLE001 whatever it is
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert [row.traces for row in store.sessions(Filter()).rows] == [8] * 15
    assert store._readers
    assert len(store._readers) <= 4


@pytest.mark.parametrize(
    "content", [b"no database at all, but some text that is long enough" * 20, b"SQLite format 3\x00" + b"\xff" * 5000]
)
@pytest.mark.parametrize("open_", [SQLiteStore.open, SQLiteStore.read], ids=["to write", "to read"])
def test_a_damaged_file_is_named_with_the_remedy(path, content, open_):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UnreadableStoreError, match=r"sessions\.db is damaged, or no store.*[Mm]ove it away.*--db"):
        open_(path)
    assert path.read_bytes() == content


def test_damage_that_is_found_later_is_named_too(path):
    filled(path, 40)
    content = bytearray(path.read_bytes())
    content[schema.PAGE_SIZE * 6 :] = b"\x55" * (len(content) - schema.PAGE_SIZE * 6)
    path.write_bytes(content)
    with pytest.raises(UnreadableStoreError, match="damaged"):
        snapshot(SQLiteStore.read(path))


@pytest.mark.parametrize("open_", [SQLiteStore.open, SQLiteStore.read], ids=["to write", "to read"])
def test_a_file_of_a_newer_version_is_left_alone(path, open_):
    filled(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(
        UnreadableStoreError, match=r"sessions\.db was written by a newer otel-sessions \(version 99.*Upgrade"
    ):
        open_(path)


@pytest.mark.parametrize("open_", [SQLiteStore.open, SQLiteStore.read], ids=["to write", "to read"])
def test_a_database_of_another_program_is_left_alone(path, open_):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks(url)")
    connection.close()
    with pytest.raises(UnreadableStoreError, match=r"sessions\.db is a database of another program"):
        open_(path)


def test_a_file_that_is_not_there_is_not_made_by_who_reads(path):
    with pytest.raises(UnreadableStoreError, match=r"sessions\.db is not there.*view"):
        SQLiteStore.read(path)
    assert not path.exists()


def test_a_place_where_no_file_can_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnreadableStoreError, match=r"sessions\.db can't be opened: .*--db"):
        SQLiteStore.open(tmp_path / "file" / "sessions.db")


def test_a_folder_in_the_place_of_the_file_is_named(path):
    path.mkdir(parents=True)
    with pytest.raises(UnreadableStoreError, match=r"sessions\.db"):
        SQLiteStore.open(path)


def test_what_nobody_may_write_to_is_read_as_it_is(path, monkeypatch):
    """As from a disk that is mounted to be read only: SQLite can't make the files that it needs beside it."""
    answers = filled(path)
    monkeypatch.setattr(
        "otel_sessions.view.store.opening.connect", lambda _: sqlite3.connect("file:/nowhere/x?mode=ro", uri=True)
    )
    monkeypatch.setattr(SQLiteStore, "open", classmethod(_not_now))
    reader = SQLiteStore.read(path)
    assert snapshot(reader) == answers
    reader.close()


def _not_now(*_):
    raise StoreInUseError


@pytest.mark.skipif(IS_ROOT or os.name != "posix", reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_read(path):
    answers = filled(path)
    path.parent.chmod(0o500)
    try:
        reader = SQLiteStore.read(path)
        assert snapshot(reader) == answers
        reader.close()
    finally:
        path.parent.chmod(0o700)


VERSION_1 = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE bodies(key INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE sources(
  key INTEGER PRIMARY KEY, resource INTEGER NOT NULL, scope INTEGER NOT NULL, UNIQUE(resource, scope)
);
CREATE TABLE segments(seq INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, form INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX segments_trace ON segments(trace_id);
CREATE TABLE traces(key INTEGER PRIMARY KEY, summary TEXT);
CREATE TABLE sessions(key INTEGER PRIMARY KEY, id TEXT);
INSERT INTO sessions VALUES (1, 'as it was seen then');
INSERT INTO meta VALUES ('settled', 3);
PRAGMA application_id = 0x6F746C73;
PRAGMA user_version = 1;
"""


class _SourcesOf1(Sources):
    """Version 1 did not know when a source was seen."""

    def keys(self, sources, _):
        return [self._key(each) for each in sources]


def file_of_version_1(path, batches) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(VERSION_1)
    seq = 1
    for each in batches:
        rows = segments_of(each, _SourcesOf1(connection).keys(each.sources, seq), seq)
        connection.executemany("INSERT INTO segments VALUES (?, ?, ?, ?)", rows)
        seq = rows[-1][0] + 1
    connection.close()


@pytest.mark.warned_of("of another version")
def test_a_file_of_version_1_becomes_one_of_today(path, tmp_path):
    batches = [batch(turn(f"t{number}", f"s{number % 2}", at=number)) for number in range(6)]
    batches.append(log_batch([log("beside", session__id="s1"), log("nobody")]))
    file_of_version_1(path, batches)
    migrated = SQLiteStore.open(path)
    fresh = SQLiteStore.open(tmp_path / "fresh.db")
    for each in batches:
        fresh.write(each)
    migrated.settle()
    assert len(migrated.sessions(Filter()).rows) == 2
    assert snapshot(migrated) == snapshot(fresh)
    migrated.write(batch(turn("new", "s0", at=50)))
    assert migrated.session("s0").summary.traces == 4
    migrated.close()
    fresh.close()


@pytest.mark.warned_of("of another version")
def test_a_file_of_version_1_is_brought_up_to_date_by_who_reads(path):
    file_of_version_1(path, [batch(turn("t1", "A"))])
    reader = SQLiteStore.read(path)
    assert [row.id for row in reader.sessions(Filter()).rows] == ["A"]
    reader.close()


@pytest.mark.warned_of("of another version")
def test_a_migration_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    file_of_version_1(path, [batch(turn("t1", "A"))])
    monkeypatch.setitem(schema._MIGRATIONS, 1, "ALTER TABLE sources ADD COLUMN seen; SELECT nothing FROM nowhere;")
    with pytest.raises(UnreadableStoreError, match="syntax error"):
        SQLiteStore.open(path)
    monkeypatch.undo()
    store = SQLiteStore.open(path)
    assert [row.id for row in store.sessions(Filter()).rows] == ["A"]
    store.close()


def test_what_is_summed_up_otherwise_now_is_made_anew(path, monkeypatch, caplog):
    answers = filled(path)
    assert caplog.messages == []
    monkeypatch.setattr(schema, "SHAPE", "another")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE sessions SET turns = 77")
    connection.close()
    store = SQLiteStore.open(path)
    store.settle()
    assert snapshot(store) == answers
    store.close()
    assert [each.startswith(f"{path} is of another version of otel-sessions") for each in caplog.messages] == [True]


def test_nothing_is_said_of_an_empty_file_of_another_version(path, monkeypatch, caplog):
    SQLiteStore.open(path).close()
    monkeypatch.setattr(schema, "SHAPE", "another")
    SQLiteStore.open(path).close()
    assert caplog.messages == []


def test_clear_forgets_everything(store):
    store.write(batch(turn("t1", "A") + turn("t2", None)))
    assert store.sessions(Filter()).rows
    before = store.revision()
    store.clear()
    assert (store.sessions(Filter()).rows, store.traces(Filter()).rows, store.users(Filter()).rows) == ([], [], [])
    assert (store.coverage().spans, store.session("A"), store.export("A")) == (0, None, None)
    store.write(batch(turn("t1", "A")))
    assert [row.spans for row in store.sessions(Filter()).rows] == [3]
    assert store.revision() > before


def test_the_revision_tells_of_changes(store):
    first = store.revision()
    assert store.revision() == first
    store.write(batch(turn("t1", "A")))
    second = store.revision()
    assert second > first
    store.write(batch(turn("t2", None)))
    assert store.revision() > second


def full(store) -> None:
    """Let the file have no more pages than it has."""
    connection = store._writer.connection
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")


def test_a_full_disk_refuses_what_comes_and_keeps_what_came(store, caplog):
    store.write(batch(turn("t1", "A")))
    store.settle()
    full(store)
    large = batch(turn("t2", "A", said="much " * 100_000))
    with pytest.raises(StoreFullError, match="can't be written: database or disk is full"):
        store.write(large)
    assert [row.traces for row in store.sessions(Filter()).rows] == [1]
    store._writer.connection.execute("PRAGMA max_page_count = 100000")
    store.write(large)
    assert [row.traces for row in store.sessions(Filter()).rows] == [2]
    assert caplog.records == []


def test_what_can_not_be_settled_is_settled_when_there_is_room(store, caplog):
    store._background.stop()
    for number in range(40):
        store.write(batch(turn(f"t{number}", f"s{number}", said=f"word{number} " * 400)))
    full(store)
    assert store._background._done(store._writer.settle) is False
    assert store._background._done(store._writer.settle) is False
    assert len(caplog.records) == 1
    assert store.sessions(Filter()).rows == []
    store._writer.connection.execute("PRAGMA max_page_count = 100000")
    store.settle()
    assert len(store.sessions(Filter(), limit=100).rows) == 40


def test_nothing_is_written_after_the_end(path):
    store = SQLiteStore.open(path)
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.write(batch(turn("t1", "A")))


def test_a_write_that_is_interrupted_writes_nothing(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("otel_sessions.view.store.writing.segments_of", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.write(batch(turn("t1", "A")))
    store.write(batch(turn("t1", "A")))
    assert [row.spans for row in store.sessions(Filter()).rows] == [3]


def _interrupted(*_):
    raise KeyboardInterrupt


def test_many_senders_are_not_all_remembered(store, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.store.segments._REMEMBERED", 2)
    for number in range(6):
        store.write(batch(turn(f"t{number}", "A", at=number), service=f"service-{number}"))
    assert store.sessions(Filter()).rows[0].services == tuple(f"service-{number}" for number in range(6))
    assert [len({source for _, source in each.spans}) for each in store.session("A").traces] == [1] * 6
