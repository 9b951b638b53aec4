"""One trace and one session, with what came of them; and how much is in a session at all."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from otel_sessions.view.sessions.sessions import session_of
from otel_sessions.view.sessions.summaries import Uncovered
from otel_sessions.view.store.cursors import cursor_of, place_of
from otel_sessions.view.store.growing import rank
from otel_sessions.view.store.interface import Coverage, StoredSession, StoredTrace
from otel_sessions.view.store.loose import is_loose, loose_id
from otel_sessions.view.store.rows import split, storable
from otel_sessions.view.store.segments import Sources, batch_of, segments_of_trace
from otel_sessions.view.store.session_rows import parts_of
from otel_sessions.view.store.tallies import TOTALS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from otel_sessions.view.sessions.summaries import Candidate, SessionSummary
    from otel_sessions.view.store.rows import KeptPart
    from otel_sessions.view.wire.batch import RawLog, RawSpan, Source

_MOST_TURNS = 1000
_MOST_TORN = 1000


def stored_trace(connection: sqlite3.Connection, sources: Sources, trace_id: bytes) -> StoredTrace | None:
    """Return one trace: each span once, by start, each record once, by time."""
    segments = segments_of_trace(connection, trace_id)
    if not segments:
        return None
    batch = batch_of(segments, sources)
    spans: dict[bytes, tuple[RawSpan, Source]] = {}
    for span in batch.spans:
        found = span, batch.sources[span.source]
        old = spans.get(span.span_id)
        if old is None or _rank(found) > _rank(old):
            spans[span.span_id] = found
    logs = {(log.raw, batch.sources[log.source]): (log, batch.sources[log.source]) for log in batch.logs}
    return StoredTrace(trace_id, sorted(spans.values(), key=_span_order), sorted(logs.values(), key=_log_order))


def _rank(stored: tuple[RawSpan, Source]) -> tuple[int, bytes, Source]:
    return rank(stored[0].end, stored[0].raw, stored[1])


def _span_order(stored: tuple[RawSpan, Source]) -> tuple[int, bytes]:
    return stored[0].start, stored[0].span_id


def _log_order(stored: tuple[RawLog, Source]) -> tuple[int, bytes, Source]:
    return stored[0].time, stored[0].raw, stored[1]


def session_parts(connection: sqlite3.Connection, session_id: str) -> list[KeptPart]:
    """Return the parts of a session, by start; none for no such session."""
    row = connection.execute("SELECT key FROM sessions WHERE id = ?", (storable(session_id),)).fetchone()
    return sorted(parts_of(connection, row[0]), key=_part_order) if row else []


def _part_order(kept: KeptPart) -> tuple[int, bytes]:
    return kept.part.start, kept.trace_id


def stored_session(
    connection: sqlite3.Connection,
    sources: Sources,
    session_id: str,
    limit: int,
    cursor: str | None,
) -> StoredSession | None:
    """Return one session with some of its turns."""
    parts = session_parts(connection, session_id)
    if not parts:
        return None
    summary = session_of(session_id, [(each.trace_id, each.part, each.torn) for each in parts])
    turns = _turns(connection, summary, max(1, min(limit, _MOST_TURNS)), cursor)
    question = "session", summary.id
    is_last = not turns or turns[-1] is summary.turns[-1]
    after = None if is_last else cursor_of(connection, question, _turn_place(turns[-1]))
    ids = _traces_of(summary, turns, parts, is_last=is_last)
    traces = [found for each in ids if (found := stored_trace(connection, sources, each)) is not None]
    outside = stored_trace(connection, sources, loose_id(session_id)) if is_last else None
    logs = [(log._replace(trace_id=b""), source) for log, source in outside.logs] if outside else ()
    return StoredSession(summary, turns, traces, logs, after)


def _turn_place(turn: Candidate) -> tuple[int, bytes, bytes]:
    return turn.start, turn.trace_id, turn.span_id


def _turns(
    connection: sqlite3.Connection, summary: SessionSummary, limit: int, cursor: str | None
) -> Sequence[Candidate]:
    if cursor is None:
        return summary.turns[:limit]
    last = tuple(place_of(connection, ("session", summary.id), cursor))
    places = [_turn_place(turn) for turn in summary.turns]
    # A turn that came to be part of another one meanwhile is none any more: then what starts later is next.
    at = places.index(last) + 1 if last in places else bisect_right(places, last)
    return summary.turns[at : at + limit]


def _traces_of(
    summary: SessionSummary, turns: Sequence[Candidate], parts: Iterable[KeptPart], *, is_last: bool
) -> list[bytes]:
    """Return the traces of these turns, also those that began while one was under way; on the last page all others."""
    shown = set(turns)
    return [
        each.trace_id
        for each in parts
        if not is_loose(each.trace_id) and ((owner := _owner(summary.turns, each)) in shown or (is_last and not owner))
    ]


def _owner(turns: Sequence[Candidate], kept: KeptPart) -> Candidate | None:
    """Return the turn with which a trace is shown: its own first one, else the last one that was under way."""
    under_way = None
    for turn in turns:
        if turn.trace_id == kept.trace_id:
            return turn
        if turn.start <= kept.part.start <= turn.end:
            under_way = turn
    return under_way


def coverage(connection: sqlite3.Connection) -> Coverage:
    """Return how much is in a session."""
    read = connection.execute
    totals = dict.fromkeys(TOTALS, 0) | dict(read("SELECT name, value FROM totals").fetchall())
    groups = read("SELECT service, scope, cause, spans, llm_spans FROM gaps ORDER BY spans DESC, service, scope, cause")
    torn = read(
        "SELECT trace_id, torn FROM traces WHERE torn != '' ORDER BY start DESC, trace_id LIMIT ?", (_MOST_TORN,)
    )
    keys = read("SELECT id_key, count(*) FROM sessions WHERE id_key != 'session.id' GROUP BY id_key ORDER BY 2 DESC, 1")
    return Coverage(
        spans=totals["spans"],
        without_session=totals["without_session"],
        llm_spans=totals["llm_spans"],
        llm_without_session=totals["llm_without_session"],
        groups=[Uncovered(*row) for row in groups],
        torn=[(trace_id, split(ids)) for trace_id, ids in torn],
        other_keys=keys.fetchall(),
        displaced=totals["displaced"],
    )


def revision(connection: sqlite3.Connection) -> int:
    """Return a number that is another one when a list may be."""
    query = "SELECT sum(value) FROM meta WHERE name IN ('settled', 'changes')"
    return int(connection.execute(query).fetchone()[0] or 0)
