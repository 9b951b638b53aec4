"""Parts to sessions: each part in its row, its words in the index, and the session's row made anew of all of them."""

from __future__ import annotations

import time
from collections import OrderedDict
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any

from otel_sessions.view.sessions.sessions import session_of
from otel_sessions.view.store.rows import SESSION_COLUMNS, KeptPart, kept_part, part_body, session_columns, storable
from otel_sessions.view.store.text import indexed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from otel_sessions.view.sessions.summaries import Part, TraceSummary
    from otel_sessions.view.store.tallies import Tallies

# The key of a part is that of its session, then its number in it.
PART_BITS = 22
_MOST_PARTS = (1 << PART_BITS) - 1
# Parts of sessions that may grow are kept in memory up to this many bytes, about.
_KEPT_BYTES = 24_000_000
_PART_OVERHEAD = 2000
# As for traces: a session that is dear to sum up is not summed up each time.
_DEAR = 0.05
PATIENCE = 1.5
_SHARE = 5

_IDS_AT_ONCE = 500

_PLACES = ", ".join("?" * (SESSION_COLUMNS.count(",") + 1))
_PUT_SESSION = f"INSERT OR REPLACE INTO sessions({SESSION_COLUMNS}) VALUES ({_PLACES})"
# A session that is summed up later has parts by now: whoever reads its row in between is to give the next one another key.
_PUT_NEXT_PART = "UPDATE sessions SET next_part = ? WHERE key = ?"
_PARTS = "SELECT key, trace, body FROM parts WHERE key BETWEEN ? AND ?"


class KeptSession:
    """One session in memory.

    Attributes:
        parts: By trace; ``None`` where they were not read yet.
        row: The columns that are stored, ``None`` for none yet.
    """

    __slots__ = ("cost", "id", "key", "next_part", "parts", "row", "settled_at", "size")

    def __init__(self, key: int, id_: str, next_part: int, row: Sequence[Any] | None) -> None:
        """A session without a row is new, and has no parts."""
        self.key = key
        self.id = id_
        self.next_part = next_part
        self.row = row
        self.parts: dict[int, KeptPart] | None = {} if row is None else None
        self.cost = 0.0
        self.settled_at = -inf
        self.size = 0

    def take(self, count: int) -> int:
        """Return the first of ``count`` keys; the last of all is shared by those for which none is left."""
        first = min(self.next_part, _MOST_PARTS)
        self.next_part = min(first + count, _MOST_PARTS)
        return self.key << PART_BITS | first


class SessionRows:
    """Writes parts, words and sessions, within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, tallies: Tallies) -> None:
        """Take up what was left."""
        self._connection = connection
        self._tallies = tallies
        self._kept: OrderedDict[str, KeptSession] = OrderedDict()
        self._changed: dict[str, KeptSession] = {}
        self._size = 0
        self._next_key = (connection.execute("SELECT max(key) FROM sessions").fetchone()[0] or 0) + 1
        self._part_rows: list[tuple[int, int, bytes]] = []
        self._gone_parts: list[tuple[int]] = []
        self._words: list[tuple[int, str]] = []
        self._gone_words: list[tuple[int, str]] = []
        self._stale = {id_ for (id_,) in connection.execute("SELECT id FROM stale JOIN sessions ON key = session")}

    @property
    def has_stale(self) -> bool:
        """Whether a session waits to be summed up."""
        return bool(self._stale)

    def put(self, trace: int, trace_id: bytes, summary: TraceSummary, old: Sequence[KeptPart]) -> list[KeptPart]:
        """Store the parts of a trace in place of the ``old`` ones, and return them."""
        before = {each.part.session_id: each for each in old}
        kept = [self._put(trace, trace_id, summary, part, before.pop(part.session_id, None)) for part in summary.parts]
        for gone in before.values():
            self._take_away(gone)
        return kept

    def _put(self, trace: int, trace_id: bytes, summary: TraceSummary, part: Part, old: KeptPart | None) -> KeptPart:
        uncovered = summary.uncovered if part.session_id is None else ()
        torn = bool(summary.torn)
        if old is not None and (old.part, old.torn, old.uncovered) == (part, torn, uncovered):
            return old
        key = self._key(trace, part, old)
        new = KeptPart(key, trace, trace_id, torn, part, uncovered)
        if old is not None:
            self._take_away(old)
        body = part_body(trace_id, summary, part)
        self._part_rows.append((key, trace, body))
        self._words += words_of_part(new)
        self._tallies.count_part(new, 1)
        if part.session_id is not None:
            self._put_in(new, len(body) + _PART_OVERHEAD)
        return new

    def _key(self, trace: int, part: Part, old: KeptPart | None) -> int:
        if part.session_id is None:
            return -trace
        needed = max(1, len(part.candidates))
        if old is not None and needed <= max(1, len(old.part.candidates)):
            return old.key
        return self._session(part.session_id).take(needed)

    def _put_in(self, kept: KeptPart, size: int) -> None:
        session = self._session(kept.part.session_id or "")
        self._changed[session.id] = session
        if session.parts is not None:
            session.parts[kept.trace] = kept
            session.size += size
            self._size += size

    def _take_away(self, kept: KeptPart) -> None:
        self._gone_parts.append((kept.key,))
        self._gone_words += words_of_part(kept)
        self._tallies.count_part(kept, -1)
        if kept.part.session_id is not None:
            session = self._session(kept.part.session_id)
            self._changed[session.id] = session
            if session.parts is not None:
                session.parts.pop(kept.trace, None)

    def expect(self, session_ids: Iterable[str | None]) -> None:
        """Read the rows of these sessions, as far as they are not in memory, and take up those that are new."""
        missing = {id_: None for each in session_ids if each is not None and (id_ := storable(each)) not in self._kept}
        for at in range(0, len(missing), _IDS_AT_ONCE):
            ids = list(islice(missing, at, at + _IDS_AT_ONCE))
            query = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE id IN ({', '.join('?' * len(ids))})"
            rows = {row[1]: row for row in self._connection.execute(query, ids)}
            for id_ in ids:
                self._kept[id_] = self._kept_session(id_, rows.get(id_))

    def _kept_session(self, id_: str, row: Sequence[Any] | None) -> KeptSession:
        if row is not None:
            return KeptSession(row[0], id_, row[-1], row)
        self._next_key += 1
        return KeptSession(self._next_key - 1, id_, 0, None)

    def _session(self, session_id: str) -> KeptSession:
        id_ = session_id if session_id in self._kept else storable(session_id)
        if id_ not in self._kept:
            self.expect((id_,))
        return self._kept[id_]

    def write(self, *, everything: bool) -> None:
        """Write what was put, and sum up the sessions that it changed; dear ones later, but for ``everything``."""
        self._write_parts()
        changed = self._changed
        if self._stale:
            changed.update((id_, self._session(id_)) for id_ in self._stale)
        now = time.monotonic()
        late = {id_ for id_, each in changed.items() if not everything and is_too_soon(each.cost, each.settled_at, now)}
        self._keep_stale(late)
        self._connection.executemany(_PUT_NEXT_PART, [(changed[id_].next_part, changed[id_].key) for id_ in late])
        rows = [row for id_, each in changed.items() if id_ not in late and (row := self._summed_up(each)) is not None]
        self._connection.executemany(_PUT_SESSION, rows)
        self._changed = {}

    def _write_parts(self) -> None:
        run = self._connection.executemany
        # In the order of their keys: FTS5 writes out what it has gathered at each key that is lower than the last one.
        run("INSERT INTO words(words, rowid, text) VALUES ('delete', ?, ?)", sorted(self._gone_words))
        run("DELETE FROM parts WHERE key = ?", self._gone_parts)
        run("INSERT OR REPLACE INTO parts(key, trace, body) VALUES (?, ?, ?)", sorted(self._part_rows))
        run("INSERT INTO words(rowid, text) VALUES (?, ?)", sorted(self._words))
        for each in (self._gone_words, self._gone_parts, self._part_rows, self._words):
            each.clear()

    def _keep_stale(self, late: set[str]) -> None:
        if late == self._stale:
            return
        self._connection.execute("DELETE FROM stale")
        self._connection.executemany("INSERT INTO stale VALUES (?)", [(self._session(id_).key,) for id_ in late])
        self._stale = late

    def _summed_up(self, session: KeptSession) -> Sequence[Any] | None:
        """Return the new row, ``None`` where it stays or goes."""
        began = time.thread_time()  # not of the clock: a busy machine makes nothing dear
        parts = self._parts(session)
        if not parts:
            self._remove(session)
            return None
        summary = session_of(session.id, [(each.trace_id, each.part, each.torn) for each in parts.values()])
        row = session_columns(session.key, summary, session.next_part)
        session.settled_at = time.monotonic()
        session.cost = time.thread_time() - began
        if session.row is not None and tuple(session.row) == row:
            return None
        self._tallies.change_session(session.row, row)
        session.row = row
        return row

    def _parts(self, session: KeptSession) -> dict[int, KeptPart]:
        if session.parts is None:
            session.parts = {each.trace: each for each in parts_of(self._connection, session.key)}
            session.size = len(session.parts) * 2 * _PART_OVERHEAD
            self._size += session.size
        return session.parts

    def _remove(self, session: KeptSession) -> None:
        self._tallies.change_session(session.row, None)
        self._connection.execute("DELETE FROM sessions WHERE key = ?", (session.key,))
        del self._kept[session.id]
        self._size -= session.size

    def trim(self) -> None:
        """Forget what was not changed for longest, where there is much in memory; after the transaction."""
        while self._size > _KEPT_BYTES and self._kept:
            _, session = self._kept.popitem(last=False)
            self._size -= session.size


def is_too_soon(cost: float, settled_at: float, now: float) -> bool:
    """Tell whether to wait with what takes ``cost`` seconds to sum up; times are by the monotonic clock."""
    return cost > _DEAR and now - settled_at < max(PATIENCE, _SHARE * cost)


def words_of_part(kept: KeptPart) -> Iterable[tuple[int, str]]:
    """Return the rows of the index: one for each candidate; all in one for a part in no session, which has one key."""
    texts = [indexed(f"{each.input}\n{each.output}") for each in kept.part.candidates if each.input or each.output]
    if kept.key < 0 and texts:
        return [(kept.key, "\n".join(texts))]
    return list(enumerate(texts, kept.key))


def parts_of(connection: sqlite3.Connection, session: int) -> Iterable[KeptPart]:
    """Return the parts of a session, from their rows."""
    first = session << PART_BITS
    rows = connection.execute(_PARTS, (first, first | _MOST_PARTS))
    return [kept_part(*row) for row in rows]
