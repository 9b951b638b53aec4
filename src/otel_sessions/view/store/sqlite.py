"""The store: one SQLite file, which one process writes and others may read."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from otel_sessions.view.store import bound, exchange, lists, whole
from otel_sessions.view.store.background import Background
from otel_sessions.view.store.interface import StoreInUseError, UnreadableStoreError
from otel_sessions.view.store.loose import loose_id
from otel_sessions.view.store.losses import Causes
from otel_sessions.view.store.opening import Ownership, connect_to_read, open_to_write, readable
from otel_sessions.view.store.segments import Sources
from otel_sessions.view.store.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from otel_sessions.view.store.interface import (
        Coverage,
        Dropped,
        Filter,
        Page,
        SessionRow,
        StoredSession,
        StoredTrace,
        TraceRow,
        UserRow,
    )
    from otel_sessions.view.wire.batch import Batch

DEFAULT_MAX_BYTES = 2 * 10**9

# So many seconds a reader waits for what was written just now to be settled: where little waits, it is there before that
# on any machine that is not very busy; where much does, the reader has what was there a moment before.
_PATIENCE_FOR_LITTLE, _PATIENCE = 2.0, 0.1
_LITTLE_BYTES = 500_000
# Connections that are kept for readers that come.
_IDLE_READERS = 4


class SQLiteStore:
    """Implements `Store`; see there."""

    def __init__(self, path: Path, writer: Writer | None) -> None:
        """Use `open` or `read`."""
        self.path = path
        self._writer = writer
        self._readers: list[tuple[sqlite3.Connection, Sources]] = []
        self._readers_lock = threading.Lock()
        self._causes = Causes()
        self._ownership: Ownership | None = None
        self._folder: Path | None = None
        self._background = Background(writer) if writer is not None else None

    @classmethod
    def open(cls, path: Path | None, max_bytes: int = DEFAULT_MAX_BYTES) -> SQLiteStore:
        """Return the store in ``path``, to write to it; it is made where there is none.

        Args:
            path: ``None`` for a temporary one, which is removed at the end.
            max_bytes: The oldest sessions are dropped where the file would become larger.

        Raises:
            StoreInUseError: Another process writes to it.
            UnreadableStoreError: It can't be used.
        """
        if path is not None:
            return cls._opened(path, max_bytes, None)
        folder = Path(tempfile.mkdtemp(prefix="otel-sessions-"))
        return cls._opened(folder / "sessions.db", max_bytes, folder)

    @classmethod
    def _opened(cls, path: Path, max_bytes: int, folder: Path | None) -> SQLiteStore:
        with readable(path):
            ownership = Ownership(path)
            try:
                open_to_write(path)
                writer = Writer(path, max_bytes)
            except BaseException:
                ownership.release()
                raise
        store = cls(path, writer)
        store._ownership, store._folder = ownership, folder
        return store

    @classmethod
    def read(cls, path: Path) -> SQLiteStore:
        """Return the store in ``path``, to read it, also while another process writes to it.

        What was not settled when its writer ended is settled first, where nobody else writes.

        Raises:
            UnreadableStoreError: It is not there, or can't be used.
        """
        connect_to_read(path).close()
        with suppress(StoreInUseError, UnreadableStoreError, sqlite3.OperationalError):
            cls.open(path).settle_and_close()
        return cls(path, None)

    def write(self, batch: Batch) -> None:
        """See `Store`."""
        self._own.write(batch)
        cast("Background", self._background).something_came()

    @property
    def _own(self) -> Writer:
        if self._writer is None:
            message = f"{self.path} was opened to be read."
            raise sqlite3.ProgrammingError(message)
        return self._writer

    def sessions(
        self, which: Filter, sort: str = "-end", limit: int = 50, cursor: str | None = None
    ) -> Page[SessionRow]:
        """See `Store`."""
        with self._reading() as (connection, _):
            return lists.sessions(connection, which, sort, limit, cursor)

    def session(
        self, session_id: str, limit: int = 50, cursor: str | None = None, *, turn: bytes | None = None
    ) -> StoredSession | None:
        """See `Store`."""
        with self._reading(session_id) as (connection, sources):
            return whole.stored_session(connection, sources, session_id, whole.Asked(limit, cursor, turn))

    def users(self, which: Filter, sort: str = "-last", limit: int = 50, cursor: str | None = None) -> Page[UserRow]:
        """See `Store`."""
        with self._reading() as (connection, _):
            return lists.users(connection, which, sort, limit, cursor)

    def traces(
        self,
        which: Filter,
        sort: str = "-start",
        limit: int = 50,
        cursor: str | None = None,
        *,
        without_session: bool = False,
    ) -> Page[TraceRow]:
        """See `Store`."""
        with self._reading() as (connection, _):
            return lists.traces(connection, which, sort, limit, cursor, without_session)

    def trace(self, trace_id: bytes) -> StoredTrace | None:
        """See `Store`."""
        with self._reading() as (connection, sources):
            return whole.stored_trace(connection, sources, trace_id)

    def coverage(self) -> Coverage:
        """See `Store`."""
        with self._reading() as (connection, sources):
            return self._causes.coverage(connection, sources)

    def dropped(self) -> Dropped:
        """See `Store`."""
        with self._reading() as (connection, _):
            return bound.dropped(connection)

    def revision(self) -> int:
        """See `Store`."""
        with self._reading() as (connection, _):
            return whole.revision(connection)

    def export(self, session_id: str) -> Iterator[bytes] | None:
        """See `Store`."""
        with self._reading(session_id) as (connection, _):
            ids = [each.trace_id for each in whole.session_parts(connection, session_id)]
        outside = loose_id(session_id)
        return self._lines([*(each for each in ids if each != outside), outside]) if ids else None

    def _lines(self, ids: Sequence[bytes]) -> Iterator[bytes]:
        for each in ids:
            found = self.trace(each)
            if found is not None:
                yield from exchange.lines_of(found)

    def load(self, lines: Iterable[bytes]) -> tuple[int, Sequence[str]]:
        """See `Store`."""
        return exchange.load(lines, self.write)

    def reindex(self) -> None:
        """See `Store`."""
        self._own.reindex()

    def clear(self) -> None:
        """See `Store`."""
        self._own.clear()

    def settle(self) -> None:
        """Bring all lists up to date, however long it takes."""
        self._own.settle_all()

    def settle_and_close(self) -> None:
        """Bring all lists up to date, and end."""
        try:
            self.settle()
        finally:
            self.close()

    def close(self) -> None:
        """See `Store`."""
        if self._background is not None:
            self._background.stop()
        with self._readers_lock:
            while self._readers:
                self._readers.pop()[0].close()
        if self._writer is not None:
            self._writer.close()
        if self._ownership is not None:
            self._ownership.release()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _reading(self, session_id: str | None = None) -> Iterator[tuple[sqlite3.Connection, Sources]]:
        """Give a connection that sees one state of the file, with what came just now, as far as that is quick.

        ``session_id``: What is wanted, for which also what is not quick is waited.
        """
        self._catch_up(session_id)
        with readable(self.path):
            reader = self._reader()
            try:
                reader[0].execute("BEGIN")
                yield reader
            finally:
                reader[0].execute("ROLLBACK")
                self._give_back(reader)

    def _catch_up(self, wanted: str | None) -> None:
        writer = self._writer
        is_little = writer is not None and writer.settler.waiting_bytes < _LITTLE_BYTES
        until = time.monotonic() + (_PATIENCE_FOR_LITTLE if is_little else _PATIENCE)
        # On a disk that is full what is there is read.
        with suppress(sqlite3.OperationalError):
            while writer is not None and writer.settler.has_work and time.monotonic() < until:
                if not writer.settle(wanted=wanted):
                    break

    def _reader(self) -> tuple[sqlite3.Connection, Sources]:
        with self._readers_lock:
            if self._readers:
                return self._readers.pop()
        connection = connect_to_read(self.path)
        return connection, Sources(connection)

    def _give_back(self, reader: tuple[sqlite3.Connection, Sources]) -> None:
        with self._readers_lock:
            if len(self._readers) < _IDLE_READERS:
                self._readers.append(reader)
                return
        reader[0].close()
