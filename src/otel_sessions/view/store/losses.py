"""Why spans are in no session, as far as what is stored beside them shows it: some traces are looked at, not all.

It is asked for when somebody reads it, so that nothing that comes in waits for it. What is read is bounded: the newest
traces without a session, some of each kind, and the traces of sessions that were under way then.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from otel_sessions.view.sessions.causes import UNKNOWN
from otel_sessions.view.sessions.chance import is_chance, is_of_pool, verdict_of_all
from otel_sessions.view.sessions.losses import verdict_of
from otel_sessions.view.sessions.lost import lost_trace
from otel_sessions.view.sessions.sightings import sightings_of
from otel_sessions.view.sessions.summaries import Uncovered
from otel_sessions.view.store.rows import member, uncovered_in
from otel_sessions.view.store.whole import coverage, revision, stored_trace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from otel_sessions.view.sessions.lost import Lost, Verdict
    from otel_sessions.view.sessions.sightings import Sighting
    from otel_sessions.view.store.interface import Coverage
    from otel_sessions.view.store.segments import Sources

_MOST_LOST = 250
"""Newest traces without a session that are looked at by their row."""
_MOST_BESIDE = 600
"""Newest traces of which those of sessions are looked at likewise."""
_MOST_KINDS = 32
_EACH = 3
"""So many traces of a kind are read, of so many kinds; a kind has one name and the same services."""
_OF_THREADS = 12
"""So many where it has to be seen that their threads are new ones."""
_MOST_AT_ONCE = 4
"""Where more sessions than this were under way, it can't be told which one it was."""
_MOST_BEFORE = 16
_MOST_WITHIN = 4
_OF_SERVICE = 6
_MOST_READ = 128
"""Traces that are read at all."""
_MOST_SPANS = 1000
"""A trace of more is not read."""

_COLUMNS = 'key, trace_id, name, services, start, "end", spans'
_LOST = (
    f"SELECT {_COLUMNS} FROM traces WHERE sessions = '' AND spans > 0 ORDER BY start DESC, trace_id LIMIT {_MOST_LOST}"
)
_BESIDE = (
    f"SELECT {_COLUMNS} FROM (SELECT {_COLUMNS}, sessions FROM traces ORDER BY start DESC, trace_id LIMIT {_MOST_BESIDE})"
    f" WHERE sessions != '' AND spans BETWEEN 1 AND {_MOST_SPANS} ORDER BY start, trace_id"
)
_SPANS = "SELECT spans FROM traces WHERE key = (SELECT min(seq) FROM segments WHERE trace_id = ?)"


class _Row(NamedTuple):
    """A trace, as it is in its list; ``services`` as they stand in its column."""

    key: int
    trace_id: bytes
    name: str
    services: str
    start: int
    end: int
    spans: int


_Counts: TypeAlias = "dict[tuple[str, str], dict[str, tuple[int, int]]]"
"""By service and scope: of each cause the spans, and how many of them are calls of a model."""


class Causes:
    """Finds the causes, again only when something has come."""

    def __init__(self) -> None:
        """Know of nothing yet."""
        self._last: tuple[int, Coverage, Coverage] | None = None

    def coverage(self, connection: sqlite3.Connection, sources: Sources) -> Coverage:
        """Return how much is in a session, with the causes of what is not; from any thread."""
        found, now = coverage(connection), revision(connection)
        last = self._last
        if last is not None and last[:2] == (now, found):
            return last[2]
        told = with_causes(connection, sources, found)
        self._last = now, found, told
        return told


def with_causes(connection: sqlite3.Connection, sources: Sources, found: Coverage) -> Coverage:
    """Return what was found, with the causes of what is unknown as far as they can be told."""
    if not any(group.cause == UNKNOWN for group in found.groups):
        return found
    kinds: dict[tuple[str, str], list[_Row]] = {}
    for row in map(_Row._make, connection.execute(_LOST)):
        kinds.setdefault((row.services, row.name), []).append(row)
    some = sorted(kinds, key=lambda kind: (-len(kinds[kind]), kind))[:_MOST_KINDS]
    look = _Look(connection, sources, [kinds[kind][0] for kind in some])
    causes = {kind: look.cause_of(kinds[kind]) for kind in some}
    if not any(causes.values()):
        return found
    counts: _Counts = {}
    for kind, rows in kinds.items():
        _count(connection, rows, causes.get(kind) or UNKNOWN, counts)
    return found._replace(groups=_moved(found.groups, counts))


def _count(connection: sqlite3.Connection, rows: Sequence[_Row], cause: str, counts: _Counts) -> None:
    """Add what is unknown in traces, which has this cause."""
    for row in rows:
        (body,) = connection.execute("SELECT body FROM parts WHERE key = ?", (-row.key,)).fetchone()
        for each in uncovered_in(body):
            if each.cause == UNKNOWN:
                of = counts.setdefault((each.service, each.scope), {})
                spans, llm_spans = of.get(cause, (0, 0))
                of[cause] = spans + each.spans, llm_spans + each.llm_spans


def _moved(groups: Sequence[Uncovered], counts: _Counts) -> list[Uncovered]:
    """Return the groups, with what is unknown under the causes that were found.

    Where not all of a group was looked at, all of it has the cause of what was, if that has one.
    """
    sums: dict[tuple[str, str, str], tuple[int, int]] = {}
    for group in groups:
        of = counts.get((group.service, group.scope), {}) if group.cause == UNKNOWN else {}
        if sum(spans for spans, _ in of.values()) != group.spans:
            of = {next(iter(of)) if len(of) == 1 else group.cause: (group.spans, group.llm_spans)}
        for cause, (spans, llm_spans) in of.items():
            place = group.service, group.scope, cause
            before = sums.get(place, (0, 0))
            sums[place] = before[0] + spans, before[1] + llm_spans
    found = [Uncovered(*place, *numbers) for place, numbers in sums.items()]
    return sorted(found, key=lambda each: (-each.spans, each.service, each.scope, each.cause))


class _Look:
    """Looks at some traces, and at what stands beside them: the traces of sessions, by start. Each is read once."""

    def __init__(self, connection: sqlite3.Connection, sources: Sources, lost: Sequence[_Row]) -> None:
        self._connection = connection
        self._sources = sources
        self._lost = lost
        self._rows = list(map(_Row._make, connection.execute(_BESIDE)))
        self._starts = [row.start for row in self._rows]
        self._known: dict[bytes, list[Sighting]] = {}
        self._by_service: dict[str, list[_Row]] = {}
        self._under_way: dict[bytes, list[list[Sighting]]] = {}

    def _of(self, service: str) -> list[_Row]:
        """Return those that have a span of a service."""
        found = self._by_service.get(service)
        if found is None:
            name = member(service)
            found = self._by_service[service] = [row for row in self._rows if name in row.services]
        return found

    def cause_of(self, rows: Sequence[_Row]) -> str | None:
        """Return the cause of traces of one kind, which are all without a session."""
        few = [row for row in rows if row.spans <= _MOST_SPANS]
        verdict = verdict_of_all(self._verdicts(few, _EACH))
        if verdict is not None and not is_of_pool(verdict.thread):
            verdict = verdict_of_all(self._verdicts(few, _OF_THREADS))
        if verdict is None:
            return None
        sessions = [(each.start, each.end) for each in self._of(verdict.service)]
        return None if is_chance(verdict, [row.start for row in rows], sessions) else verdict.cause

    def _verdicts(self, rows: Sequence[_Row], number: int) -> list[Verdict | None]:
        """Return what some of these show, the newest first, from all of their time; up to one that shows nothing."""
        found: list[Verdict | None] = []
        for row in rows[:: -(-len(rows) // number) or 1]:
            lost = lost_trace(row.trace_id, self._read(row.trace_id), self)
            found.append(None if lost is None else verdict_of(lost))
            if found[-1] is None:
                break  # all of them have to show the same
        return found

    def under_way(self, lost: Lost) -> list[list[Sighting]]:
        """See `Beside`."""
        found = self._under_way.get(lost.trace_id)
        if found is None:
            of = lost.root.facts
            rows = [row for row in self._rows[: bisect_right(self._starts, of.start)] if row.end >= of.start]
            if len(rows) > _MOST_AT_ONCE:
                name = member(of.service)
                rows = [row for row in rows if name in row.services]
            found = self._under_way[lost.trace_id] = self._read_all(rows) if len(rows) <= _MOST_AT_ONCE else []
        return found

    def within(self, lost: Lost) -> list[list[Sighting]]:
        """See `Beside`."""
        of = lost.root.facts
        rows = [row for row in self._of(of.service) if of.start <= row.start <= of.end]
        return self._read_all(rows[:_MOST_WITHIN])

    def before(self, lost: Lost) -> list[list[Sighting]]:
        """See `Beside`."""
        until = bisect_right(self._starts, lost.root.facts.start)
        return self._read_all(self._rows[max(0, until - _MOST_BEFORE) : until])

    def without(self, lost: Lost) -> list[list[Sighting]]:
        """See `Beside`."""
        return self._read_all(row for row in self._lost if row.trace_id != lost.trace_id and row.spans <= _MOST_SPANS)

    def of_service(self, lost: Lost) -> Iterator[list[Sighting]]:
        """See `Beside`; most services have a session on the first that is read."""
        yield from (self._read(row.trace_id) for row in self._of(lost.root.facts.service)[: -_OF_SERVICE - 1 : -1])

    def linked(self, lost: Lost, trace_ids: Iterable[bytes]) -> list[list[Sighting]]:
        """See `Beside`."""
        others = [each for each in trace_ids if each != lost.trace_id][:_MOST_WITHIN]
        rows = [(each, self._connection.execute(_SPANS, (each,)).fetchone()) for each in others]
        return [self._read(each) for each, row in rows if row is not None and row[0] <= _MOST_SPANS]

    def _read_all(self, rows: Iterable[_Row]) -> list[list[Sighting]]:
        return [self._read(row.trace_id) for row in rows]

    def _read(self, trace_id: bytes) -> list[Sighting]:
        found = self._known.get(trace_id)
        if found is None:
            stored = stored_trace(self._connection, self._sources, trace_id) if len(self._known) < _MOST_READ else None
            found = self._known[trace_id] = [] if stored is None else sightings_of(stored.spans)
        return found
