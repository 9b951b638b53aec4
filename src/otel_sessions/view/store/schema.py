"""The tables, their version, and how an older file becomes one of today."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

from otel_sessions.view.sessions.summaries import Candidate, Part, PathSum
from otel_sessions.view.shapes.facts import Judgement, Tokens
from otel_sessions.view.store.interface import UnreadableStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_logger = logging.getLogger("otel_sessions")

VERSION = 2
APPLICATION = 0x6F746C73
"""``otls``: so that no other program's database is taken for one of ours, and none is harmed."""
# Each page that changes is two writes to the log: measured with requests of 512 and of 4 spans, 4 kB takes 20 % more CPU
# than this for the large ones, 32 kB 40 % more for the small ones. Compressed segments fill it well.
PAGE_SIZE = 16384

# What came. It is migrated, never made anew.
RAW = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE bodies(key INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE sources(
  key INTEGER PRIMARY KEY, resource INTEGER NOT NULL, scope INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0,
  UNIQUE(resource, scope)
);
CREATE TABLE segments(seq INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, form INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX segments_trace ON segments(trace_id);
"""

# What is derived of it, and dropped when the way of deriving changes.
DERIVED = """
CREATE TABLE traces(
  key INTEGER PRIMARY KEY, trace_id BLOB NOT NULL, name TEXT NOT NULL,
  users TEXT NOT NULL, services TEXT NOT NULL, models TEXT NOT NULL, sessions TEXT NOT NULL,
  spans INTEGER NOT NULL, loose INTEGER NOT NULL, errors INTEGER NOT NULL, failed_checks INTEGER NOT NULL,
  torn TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, names TEXT NOT NULL,
  parts TEXT NOT NULL,
  tokens INTEGER NOT NULL,
  input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, reasoning INTEGER, total INTEGER
);
CREATE INDEX traces_start ON traces(start);
CREATE INDEX traces_loose ON traces(start) WHERE sessions = '';
CREATE INDEX traces_torn ON traces(start, trace_id) WHERE torn != '';
CREATE TABLE parts(key INTEGER PRIMARY KEY, trace INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE sessions(
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, id_key TEXT NOT NULL, name TEXT NOT NULL,
  users TEXT NOT NULL, services TEXT NOT NULL, models TEXT NOT NULL,
  turns INTEGER NOT NULL, traces INTEGER NOT NULL, spans INTEGER NOT NULL,
  errors INTEGER NOT NULL, failed_checks INTEGER NOT NULL, feedback INTEGER NOT NULL, torn INTEGER NOT NULL,
  cost REAL, cost_complete INTEGER NOT NULL, p95 INTEGER, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, reasoning INTEGER, total INTEGER,
  recent TEXT NOT NULL, next_part INTEGER NOT NULL
);
CREATE INDEX sessions_end ON sessions("end");
CREATE INDEX sessions_other_keys ON sessions(id_key) WHERE id_key != 'session.id';
CREATE TABLE stale(session INTEGER PRIMARY KEY);
CREATE TABLE session_users(user TEXT NOT NULL, session INTEGER NOT NULL, PRIMARY KEY(user, session)) WITHOUT ROWID;
CREATE TABLE users(
  id TEXT PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
  sessions INTEGER NOT NULL, turns INTEGER NOT NULL, spans INTEGER NOT NULL,
  errors INTEGER NOT NULL, feedback INTEGER NOT NULL,
  with_errors INTEGER NOT NULL, with_failed_checks INTEGER NOT NULL,
  input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
  reasoning INTEGER NOT NULL, total INTEGER NOT NULL,
  has_input INTEGER NOT NULL, has_output INTEGER NOT NULL, has_cache_read INTEGER NOT NULL,
  has_cache_write INTEGER NOT NULL, has_reasoning INTEGER NOT NULL, has_total INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE gaps(
  service TEXT NOT NULL, scope TEXT NOT NULL, cause TEXT NOT NULL, spans INTEGER NOT NULL, llm_spans INTEGER NOT NULL,
  PRIMARY KEY(service, scope, cause)
) WITHOUT ROWID;
CREATE TABLE totals(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(
  text, content='', columnsize=0, tokenize="unicode61 remove_diacritics 2"
);
INSERT INTO words(words, rank) VALUES ('automerge', 8);
"""

DERIVATION = 1
"""To be counted up when the same spans give other summaries: then a file's are made anew when it is opened."""
_FIELDS = [each._fields for each in (Part, Candidate, PathSum, Judgement, Tokens)]
SHAPE = blake2b(repr((DERIVATION, DERIVED, _FIELDS)).encode(), digest_size=16).hexdigest()
"""What summaries look like in the file: that of others can't be read."""

_DERIVED_TABLES = ("traces", "parts", "sessions", "stale", "session_users", "users", "gaps", "totals", "words")

_ANEW = "%s is of another version of otel-sessions: its lists are made anew, which takes a minute for a million spans"

_MIGRATIONS = {
    # 2: senders of which nothing is left are dropped, too.
    1: """
ALTER TABLE sources ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
UPDATE sources SET seen = (SELECT ifnull(max(seq), 0) FROM segments);
""",
}
"""What makes a file of that version one of the next."""


def connect(path: Path, *, timeout: float = 5.0) -> sqlite3.Connection:
    """Return a connection that any thread may use, one at a time; transactions are begun and ended by its user."""
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all that is done within, or nothing: of some errors SQLite has rolled back itself, as of a full disk."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in an empty file, and those of today in an older one; what is derived otherwise now, anew.

    Raises:
        UnreadableStoreError: It is no file of ours, is damaged, or is of a newer version.
    """
    check(connection, path, may_be_empty=True)
    version = _pragma(connection, "user_version")
    if version == 0:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        _in_one(connection, f"{RAW}{DERIVED}PRAGMA application_id = {APPLICATION};{_stamp()}")
    elif version < VERSION or _shape(connection) != SHAPE:
        raw = "".join(_MIGRATIONS[each] for each in range(version, VERSION))
        if connection.execute("SELECT 1 FROM segments").fetchone():
            _logger.warning(_ANEW, path)
        _in_one(connection, f"{raw}{_dropped()}{DERIVED}{_stamp()}")


def _stamp() -> str:
    shape = f"INSERT OR REPLACE INTO meta(name, value) VALUES ('shape', '{SHAPE}');\n"
    return f"PRAGMA user_version = {VERSION};\n{shape}"


def _shape(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE name = 'shape'").fetchone()
    return row[0] if row else None


def drop_derived(connection: sqlite3.Connection) -> None:
    """Empty all tables that are derived; all that came is to be settled again. Within the caller's transaction."""
    for statement in f"{_dropped()}{DERIVED}".split(";\n"):
        connection.execute(statement)


def _dropped() -> str:
    """Return what empties what is derived, and has records outside of any trace look for their session anew."""
    tables = "".join(f"DROP TABLE IF EXISTS {each};\n" for each in _DERIVED_TABLES)
    loose = "UPDATE segments SET trace_id = X'' WHERE length(trace_id) != 16;\n"
    # The revision, which is the sum of the two, goes on.
    changes = """
INSERT OR REPLACE INTO meta(name, value)
  SELECT 'changes', ifnull(sum(value), 0) + 1 FROM meta WHERE name IN ('settled', 'changes');
DELETE FROM meta WHERE name = 'settled';
"""
    return f"{tables}{changes}{loose}"


def _in_one(connection: sqlite3.Connection, script: str) -> None:
    """Run all of it or nothing: a connection that is closed after an error rolls back."""
    connection.executescript(f"BEGIN IMMEDIATE;{script}COMMIT;")


def check(connection: sqlite3.Connection, path: Path, *, may_be_empty: bool = False) -> None:
    """See that the file is one of ours that we can read.

    Raises:
        UnreadableStoreError: It is not.
    """
    version, application = _pragma(connection, "user_version"), _pragma(connection, "application_id")
    if application == APPLICATION:
        if version > VERSION:
            raise UnreadableStoreError(_newer(path, version))
    elif not (may_be_empty and version == 0 and application == 0 and _is_empty(connection)):
        message = f"{path} is a database of another program. Name another file with --db."
        raise UnreadableStoreError(message)


def _newer(path: Path, version: int) -> str:
    return (
        f"{path} was written by a newer otel-sessions (version {version} of the file, this one reads up to {VERSION})."
        " Upgrade otel-sessions, or name another file with --db."
    )


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
