"""One trace and one session, with what came of them; and how much is in a session at all."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.sessions.sessions import session_of
from otel_sessions.view.sessions.summaries import Uncovered
from otel_sessions.view.store.cursors import cursor_of, place_of
from otel_sessions.view.store.growing import rank
from otel_sessions.view.store.interface import Coverage, StoredSession, StoredTrace, Stretch
from otel_sessions.view.store.loose import is_loose, loose_id
from otel_sessions.view.store.rows import split, storable
from otel_sessions.view.store.segments import Sources, batch_of, segments_of_trace
from otel_sessions.view.store.session_rows import parts_of
from otel_sessions.view.store.tallies import TOTALS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

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


class Asked(NamedTuple):
    """Which turns of a session; see `Store.session`."""

    limit: int
    cursor: str | None
    turn: bytes | None


def stored_session(
    connection: sqlite3.Connection, sources: Sources, session_id: str, asked: Asked
) -> StoredSession | None:
    """Return one session with some of its turns."""
    parts = session_parts(connection, session_id)
    if not parts:
        return None
    summary = session_of(session_id, [(each.trace_id, each.part, each.torn) for each in parts])
    first = _first(connection, summary, asked)
    turns = summary.turns[first : first + max(1, min(asked.limit, _MOST_TURNS))]
    is_last = not turns or turns[-1] is summary.turns[-1]
    after = None if is_last else cursor_of(connection, ("session", summary.id), _turn_place(turns[-1]))
    in_traces = [each for each in parts if not is_loose(each.trace_id)]
    owners = _owners(summary.turns, in_traces)
    shown = {*turns, *((None,) if is_last else ())}
    ids = [each.trace_id for each, owner in zip(in_traces, owners, strict=True) if owner in shown]
    traces = [found for each in ids if (found := stored_trace(connection, sources, each)) is not None]
    outside = stored_trace(connection, sources, loose_id(session_id)) if is_last else None
    logs = [(log._replace(trace_id=b""), source) for log, source in outside.logs] if outside else ()
    apart = [_stretch(each) for each, owner in zip(in_traces, owners, strict=True) if owner is None]
    return StoredSession(summary, first, turns, traces, logs, apart, after)


def _turn_place(turn: Candidate) -> tuple[int, bytes, bytes]:
    return turn.start, turn.trace_id, turn.span_id


def _first(connection: sqlite3.Connection, summary: SessionSummary, asked: Asked) -> int:
    """Return where the turns begin that are asked for."""
    if asked.cursor is None:
        return next((at for at, turn in enumerate(summary.turns) if turn.span_id == asked.turn), 0)
    last = tuple(place_of(connection, ("session", summary.id), asked.cursor))
    places = [_turn_place(turn) for turn in summary.turns]
    # A turn that came to be part of another one meanwhile is none any more: then what starts later is next.
    return places.index(last) + 1 if last in places else bisect_right(places, last)


def _stretch(kept: KeptPart) -> Stretch:
    return Stretch(kept.trace_id, kept.part.start, kept.part.end, kept.part.errors)


def _owners(turns: Sequence[Candidate], parts: Sequence[KeptPart]) -> list[Candidate | None]:
    """Return the turn with which each trace is shown: its own first one, else the last one that was under way."""
    own = {turn.trace_id: turn for turn in reversed(turns)}
    return [own.get(each.trace_id) or _under_way(turns, each.part.start) for each in parts]


def _under_way(turns: Sequence[Candidate], moment: int) -> Candidate | None:
    return next((turn for turn in reversed(turns) if turn.start <= moment <= turn.end), None)


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
