"""Sums over all sessions and traces, moved by what changes: users, and what is in no session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions.view.store.rows import split, storable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from otel_sessions.view.store.rows import KeptPart

TOTALS = ("spans", "without_session", "llm_spans", "llm_without_session", "displaced")

_ADD_TOTAL = (
    "INSERT INTO totals(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = value + excluded.value"
)
_ADD_GAP = (
    "INSERT INTO gaps(service, scope, cause, spans, llm_spans) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT(service, scope, cause) DO UPDATE"
    " SET spans = spans + excluded.spans, llm_spans = llm_spans + excluded.llm_spans"
)
_SUMS = [
    "sessions",
    "turns",
    "spans",
    "errors",
    "feedback",
    "with_errors",
    "with_failed_checks",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "total",
    "has_input",
    "has_output",
    "has_cache_read",
    "has_cache_write",
    "has_reasoning",
    "has_total",
]
_ADD_USER = (
    f"INSERT INTO users(id, first, last, {', '.join(_SUMS)}) VALUES (?, ?, ?{', ?' * len(_SUMS)})"
    " ON CONFLICT(id) DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last), "
    + ", ".join(f"{each} = {each} + excluded.{each}" for each in _SUMS)
)
_BOUND_USER = (
    "UPDATE users SET (first, last) ="
    ' (SELECT min(start), max("end") FROM session_users JOIN sessions ON key = session WHERE user = ?1) WHERE id = ?1'
)


class Tallies:
    """Collects what changes within a transaction, and writes it at the end of it."""

    def __init__(self) -> None:
        """Start with no change."""
        self._totals = dict.fromkeys(TOTALS, 0)
        self._gaps: dict[tuple[str, str, str], list[int]] = {}
        self._users: dict[str, list[int]] = {}
        self._joined: list[tuple[str, int]] = []
        self._left: list[tuple[str, int]] = []
        self._shrunk: set[str] = set()

    def count_part(self, kept: KeptPart, sign: int) -> None:
        """Add a part, or, with -1, take it away."""
        totals, part = self._totals, kept.part
        totals["spans"] += sign * part.spans
        totals["llm_spans"] += sign * part.llm_spans
        if part.displaced:
            totals["displaced"] += sign * len(part.displaced)
        if part.session_id is None:
            totals["without_session"] += sign * part.spans
            totals["llm_without_session"] += sign * part.llm_spans
            for each in kept.uncovered:
                place = storable(each.service), storable(each.scope), each.cause
                gap = self._gaps.setdefault(place, [0, 0])
                gap[0] += sign * each.spans
                gap[1] += sign * each.llm_spans

    def change_session(self, old: Sequence[Any] | None, new: Sequence[Any] | None) -> None:
        """Move the sums of users from the ``old`` columns of a session to the ``new`` ones."""
        before = split(old[4]) if old is not None else ()
        after = split(new[4]) if new is not None else ()
        if old is not None:
            self._left += ((user, old[0]) for user in before if user not in after)
            self._add(before, old, -1)
        if new is not None:
            self._joined += ((user, new[0]) for user in after if user not in before)
            self._add(after, new, 1)
        if old is not None and (new is None or new[17] > old[17] or new[18] < old[18] or before != after):
            self._shrunk.update(before)

    def _add(self, users: Iterable[str], row: Sequence[Any], sign: int) -> None:
        amounts = [1, row[7], row[9], row[10], row[12], row[10] > 0, row[11] > 0, *(each or 0 for each in row[20:26])]
        amounts += [each is not None for each in row[20:26]]
        for user in users:
            sums = self._users.get(user)
            if sums is None:
                sums = self._users[user] = [row[17], row[18], *([0] * len(_SUMS))]
            sums[0] = min(sums[0], row[17])
            sums[1] = max(sums[1], row[18])
            for at, amount in enumerate(amounts, 2):
                sums[at] += sign * amount

    def write(self, connection: sqlite3.Connection) -> None:
        """Write all changes, and start anew."""
        connection.executemany(_ADD_TOTAL, [(name, value) for name, value in self._totals.items() if value])
        connection.executemany(_ADD_GAP, [(*place, *sums) for place, sums in self._gaps.items() if any(sums)])
        connection.executemany("DELETE FROM session_users WHERE user = ? AND session = ?", self._left)
        connection.executemany("INSERT OR IGNORE INTO session_users(user, session) VALUES (?, ?)", self._joined)
        connection.executemany(_ADD_USER, [(user, *sums) for user, sums in self._users.items()])
        if self._shrunk:
            connection.execute("DELETE FROM users WHERE sessions <= 0")
            connection.executemany(_BOUND_USER, [(user,) for user in self._shrunk])
        if any(sum(sums) <= 0 for sums in self._gaps.values()):
            connection.execute("DELETE FROM gaps WHERE spans <= 0")
        self.__init__()  # type: ignore[misc]
