"""The file stays within its bound: whole sessions go, the oldest first, and traces without one in their turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.store.interface import Dropped
from otel_sessions.view.store.loose import OF_NONE, loose_id
from otel_sessions.view.store.schema import transaction
from otel_sessions.view.store.segments import SEEN_WITHIN
from otel_sessions.view.store.session_rows import PART_BITS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from otel_sessions.view.store.settling import Settler

# Dropped until so much of the bound is used, so that it is not done again for each request.
_SHARE_KEPT = 0.95
# So many at once, so that a write never waits for long.
_AT_ONCE = 100

_OLDEST_SESSIONS = 'SELECT "end", key, id FROM sessions ORDER BY "end" LIMIT ?'
_OLDEST_TRACES = "SELECT start, key, trace_id FROM traces WHERE sessions = '' ORDER BY start LIMIT ?"
_OF_SESSION = (
    "SELECT DISTINCT t.key, t.trace_id, t.spans FROM parts JOIN traces t ON t.key = trace"
    " WHERE parts.key >= ?1 << ?2 AND parts.key < (?1 + 1) << ?2 ORDER BY t.start"
)
_COUNT = "INSERT INTO meta(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = value + excluded.value"
# Lists are others now: of the revision.
_CHANGED = "INSERT INTO meta(name, value) VALUES ('changes', 1) ON CONFLICT(name) DO UPDATE SET value = value + 1"


class _Trace(NamedTuple):
    key: int
    trace_id: bytes
    spans: int


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return what of the file is in use; the rest of it is filled before it grows."""
    read = connection.execute
    pages, free, size = (read(f"PRAGMA {each}").fetchone()[0] for each in ("page_count", "freelist_count", "page_size"))
    return int((pages - free) * size)


def is_over(connection: sqlite3.Connection, max_bytes: int) -> bool:
    """Tell whether something has to go."""
    return used_bytes(connection) > max_bytes


def drop_oldest(connection: sqlite3.Connection, settler: Settler, max_bytes: int) -> None:
    """Drop what is oldest until the file is well within its bound, or nothing is left to be dropped.

    In transactions of its own. Whoever calls holds the lock of the connection.
    """
    while used_bytes(connection) > max_bytes * _SHARE_KEPT:
        try:
            with transaction(connection):
                has_dropped = _drop_some(connection, settler)
        except BaseException:
            settler.restart()
            raise
        if not has_dropped:
            return


def _drop_some(connection: sqlite3.Connection, settler: Settler) -> bool:
    sessions = connection.execute(_OLDEST_SESSIONS, (_AT_ONCE,)).fetchall()
    without = connection.execute(_OLDEST_TRACES, (_AT_ONCE,)).fetchall()
    if len(sessions) == 1 and not without:
        return _shorten(connection, settler, sessions[0][1])
    # A session that is all there is, or is the last that had something, is in use: it is never dropped whole.
    oldest = sorted([*sessions, *without], key=lambda row: row[0])[
        : max(1, min(_AT_ONCE, len(sessions) + len(without) - 1))
    ]
    gone = {row[1]: row[2] for row in oldest if isinstance(row[2], str)}
    traces = [trace for key in gone for trace in _traces_of(connection, key)]
    traces += (_Trace(row[1], row[2], 0) for row in oldest if isinstance(row[2], bytes))
    loose = [loose_id(id_) for id_ in gone.values()]
    _drop(connection, settler, traces, loose)
    _count(connection, sessions=len(gone))
    connection.execute(_CHANGED)
    return bool(traces) or _drop_records(connection)


def _traces_of(connection: sqlite3.Connection, session: int) -> list[_Trace]:
    return list(map(_Trace._make, connection.execute(_OF_SESSION, (session, PART_BITS))))


def _shorten(connection: sqlite3.Connection, settler: Settler, session: int) -> bool:
    """Drop the oldest quarter of the traces of the one session that there is."""
    traces = _traces_of(connection, session)
    _drop(connection, settler, traces[: len(traces) // 4 or len(traces) - 1], ())
    return len(traces) > 1 or _drop_records(connection)


def _drop(connection: sqlite3.Connection, settler: Settler, traces: Sequence[_Trace], loose: Iterable[bytes]) -> None:
    settler.drop([(trace.key, trace.trace_id) for trace in traces])
    connection.executemany("DELETE FROM segments WHERE trace_id = ?", [(each,) for each in loose])
    newest = max((trace.key for trace in traces), default=0)
    connection.execute("DELETE FROM segments WHERE trace_id = ? AND seq < ?", (OF_NONE, newest))
    _drop_senders(connection)
    _count(connection, traces=len(traces), spans=sum(trace.spans for trace in traces))


def _drop_senders(connection: sqlite3.Connection) -> None:
    """Drop senders of which nothing is left."""
    query = "DELETE FROM sources WHERE seen + ? < (SELECT ifnull(min(seq), 0) FROM segments)"
    if connection.execute(query, (SEEN_WITHIN,)).rowcount:
        connection.execute(
            "DELETE FROM bodies WHERE key NOT IN (SELECT resource FROM sources UNION ALL SELECT scope FROM sources)"
        )


def _drop_records(connection: sqlite3.Connection) -> bool:
    """Drop the oldest records that are in no trace and in no session."""
    query = "DELETE FROM segments WHERE seq IN (SELECT seq FROM segments WHERE trace_id = ? ORDER BY seq LIMIT ?)"
    return connection.execute(query, (OF_NONE, _AT_ONCE)).rowcount > 0


def _count(connection: sqlite3.Connection, **numbers: int) -> None:
    connection.executemany(_COUNT, [(f"dropped_{name}", number) for name, number in numbers.items()])


def dropped(connection: sqlite3.Connection) -> Dropped:
    """Return what went since the file was made or cleared."""
    counts = dict(
        connection.execute("SELECT substr(name, 9), value FROM meta WHERE name LIKE 'dropped\\_%' ESCAPE '\\'")
    )
    return Dropped(**{name: counts.get(name, 0) for name in Dropped._fields})
