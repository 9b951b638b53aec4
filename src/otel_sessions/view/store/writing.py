"""The one connection that writes: what comes, and then what is derived of it, one transaction at a time."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from otel_sessions.view.store import bound, tidying
from otel_sessions.view.store.interface import StoreFullError
from otel_sessions.view.store.loose import PUT_SEGMENT
from otel_sessions.view.store.schema import connect, drop_derived, transaction
from otel_sessions.view.store.segments import Sources, segments_of
from otel_sessions.view.store.settling import Settler

if TYPE_CHECKING:
    from pathlib import Path

    from otel_sessions.view.wire.batch import Batch

# Where more than this waits to be settled, who writes settles some of it, so that lists do not fall behind.
_WAITING_BYTES = 4_000_000
# After so many bytes it is looked at whether the file is within its bound.
_BOUNDED_BYTES = 4_000_000
# Pages that gather in the write-ahead log before they go into the file: most are written several times meanwhile.
_CHECKPOINT_PAGES = 2000


class Writer:
    """Writes and settles, from any thread."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Take up what is not settled in the file, and keep it within ``max_bytes``."""
        self._max_bytes = max_bytes
        self._unbounded = 0
        self.lock = threading.Lock()
        self.connection = connect(path)
        try:
            self.connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            self.connection.execute("PRAGMA cache_size = -32000")
            self.connection.execute("PRAGMA journal_size_limit = 67108864")
            self.sources = Sources(self.connection)
            self.settler = Settler(self.connection, self.sources)
        except BaseException:  # a page is damaged that was not looked at before
            self.connection.close()
            raise

    def write(self, batch: Batch) -> None:
        """Commit ``batch``.

        Raises:
            StoreFullError: The disk is full, or fails.
        """
        if not batch.spans and not batch.logs:
            return
        with self.lock:
            self._commit(batch)
            # What fails here is tried again by who settles beside.
            with suppress(sqlite3.OperationalError):
                self._keep_up(batch.size)

    def _keep_up(self, size: int) -> None:
        if self.settler.waiting_bytes > _WAITING_BYTES:
            self.settler.settle()
        self._unbounded += size
        if self._unbounded > min(_BOUNDED_BYTES, self._max_bytes // 20):
            self._keep_within_bound()

    def _keep_within_bound(self) -> None:
        self._unbounded = 0
        if bound.is_over(self.connection, self._max_bytes):
            while self.settler.settle(everything=True):
                pass
            bound.drop_oldest(self.connection, self.settler, self._max_bytes)
            self.sources.forget()

    def tidy(self) -> bool:
        """Make the file a little smaller; return whether there is more to be done."""
        with self.lock:
            if self.settler.has_work:
                return False
            with transaction(self.connection):
                more = tidying.compress_some(self.connection)
            if not more and not tidying.give_back_some(self.connection):
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return False
            return True

    def _commit(self, batch: Batch) -> None:
        run = self.connection
        try:
            run.execute("BEGIN IMMEDIATE")
            first = self.settler.last + 1
            rows = segments_of(batch, self.sources.keys(batch.sources, first), first)
            run.executemany(PUT_SEGMENT, rows)
            run.execute("COMMIT")
        except BaseException as error:
            if run.in_transaction:
                run.execute("ROLLBACK")
            self.sources.forget()
            if isinstance(error, sqlite3.OperationalError):
                message = f"The store can't be written: {error}."
                raise StoreFullError(message) from error
            raise
        self.settler.add(batch, {row[1]: row[0] for row in reversed(rows)}, rows[-1][0])

    def settle(self, *, everything: bool = False, wanted: str | None = None) -> bool:
        """Settle some; return whether more could be now."""
        with self.lock:
            return self.settler.settle(everything=everything, wanted=wanted)

    def reindex(self) -> None:
        """Make all summaries anew."""
        with self.lock:
            with transaction(self.connection):
                drop_derived(self.connection)
            self.settler.restart()
        self.settle_all()

    def settle_all(self) -> None:
        """Settle all that is there."""
        while self.settle(everything=True):
            pass

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            with transaction(self.connection):
                drop_derived(self.connection)
                for table in ("segments", "sources", "bodies"):
                    self.connection.execute(f"DELETE FROM {table}")
                self.connection.execute("DELETE FROM meta WHERE name LIKE 'dropped%' OR name = 'compressed'")
            self.sources.forget()
            self.settler.restart()
            self.connection.execute("PRAGMA incremental_vacuum").fetchall()
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection; SQLite puts the write-ahead log into the file where nobody else has it open."""
        with self.lock:
            self.connection.close()
