"""A file is opened: by one process to write, by others to read; what can't be used is said with its remedy."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from otel_sessions.view.store.interface import StoreInUseError, UnreadableStoreError
from otel_sessions.view.store.places import make_private
from otel_sessions.view.store.schema import check, connect, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Ownership:
    """The right to write to a file, which one process has at a time; the system takes it back when that ends.

    It is a lock that SQLite holds on an empty database beside the file, so that it works wherever SQLite does.
    """

    def __init__(self, path: Path) -> None:
        """Take it.

        Raises:
            StoreInUseError: Another process has it.
            OSError: The file can't be made.
        """
        place = path.with_name(path.name + "-owner")
        make_private(place)
        self._connection = sqlite3.connect(place, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = MEMORY")
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise StoreInUseError(_in_use(path)) from error

    def release(self) -> None:
        """Give it back."""
        self._connection.close()


def _in_use(path: Path) -> str:
    owner = ""
    with suppress(sqlite3.Error), reading_connection(path) as connection:
        row = connection.execute("SELECT value FROM meta WHERE name = 'owner'").fetchone()
        owner = f" (process {row[0]})" if row else ""
    return (
        f"Another otel-sessions{owner} writes to {path}. End that one, or name another file with --db,"
        " or use --temporary."
    )


def open_to_write(path: Path) -> None:
    """Make the file where there is none, and see that it is one of ours, and of today's version.

    Raises:
        UnreadableStoreError: It can't be used.
    """
    with readable(path):
        make_private(path)
        connection = connect(path)
        try:
            prepare(connection, path)
            connection.execute("INSERT OR REPLACE INTO meta(name, value) VALUES ('owner', ?)", (os.getpid(),))
            seal = "INSERT OR IGNORE INTO meta(name, value) VALUES ('seal', ?)"
            connection.execute(seal, (os.urandom(32),))
        finally:
            connection.close()


@contextmanager
def reading_connection(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that can't write.

    Raises:
        UnreadableStoreError: The file can't be used.
    """
    connection = connect_to_read(path)
    try:
        yield connection
    finally:
        connection.close()


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Return a connection that can't write; also to a file in a folder where this user can't, if nobody writes there.

    Raises:
        UnreadableStoreError: The file can't be used.
    """
    with readable(path):
        if not path.is_file():
            message = f"{path} is not there. `otel-sessions view` makes it; name another file with --db."
            raise UnreadableStoreError(message)
        connection = _connect_as_may_be(path)
        try:
            check(connection, path)
        except BaseException:
            connection.close()
            raise
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA cache_size = -16000")
        return connection


def _connect_as_may_be(path: Path) -> sqlite3.Connection:
    connection = None
    try:
        connection = connect(path)
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        if not isinstance(error, sqlite3.OperationalError):
            raise
        # Without the right to make the files beside it, SQLite reads only what is sure not to change.
        uri = f"{path.absolute().as_uri()}?immutable=1"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    return connection


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say what is wrong with a file as who uses it understands it.

    Raises:
        UnreadableStoreError: SQLite finds it damaged, or the system does not let us read it.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        message = f"{path} can't be read: {error}. Name another file with --db, or use --temporary."
        raise UnreadableStoreError(message) from error
    except sqlite3.DatabaseError as error:
        message = (
            f"{path} is damaged, or no store of otel-sessions: {error}. Move it away and start again;"
            " or name another file with --db."
        )
        raise UnreadableStoreError(message) from error
    except OSError as error:
        message = f"{path} can't be opened: {error.strerror}. Name another file with --db, or use --temporary."
        raise UnreadableStoreError(message) from error
