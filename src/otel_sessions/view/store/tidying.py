"""When nothing comes: the segments of a trace become one that is compressed, and the file gives back what is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions.view.store.loose import OF_NONE, PUT_SEGMENT
from otel_sessions.view.store.segments import (
    COMPRESSED,
    LOGS,
    SPANS,
    Segment,
    compressed,
    packed,
    segments_of_trace,
    unpacked,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

# So many segments at once, so that a write never waits for long.
_AT_ONCE = 200
_PAGES_AT_ONCE = 200
# A trace that is larger has its segments compressed one by one: it would be read whole each time that it grows.
_MOST_BYTES = 4_000_000

_DONE = "INSERT OR REPLACE INTO meta(name, value) VALUES ('compressed', ?)"


def compress_some(connection: sqlite3.Connection) -> bool:
    """Compress some of what came since the last time, all of which is settled; return whether there is more.

    Within the caller's transaction.
    """
    row = connection.execute("SELECT value FROM meta WHERE name = 'compressed'").fetchone()
    after = row[0] if row else 0
    query = "SELECT seq, trace_id FROM segments WHERE seq > ? ORDER BY seq LIMIT ?"
    segments = connection.execute(query, (after, _AT_ONCE)).fetchall()
    if not segments:
        return False
    gone: list[tuple[int]] = []
    new: list[tuple[int, bytes, int, bytes]] = []
    for trace_id in dict.fromkeys(trace_id for _, trace_id in segments):
        if trace_id == OF_NONE:
            of_trace = _segments(connection, [seq for seq, each in segments if each == OF_NONE])
        else:
            of_trace = segments_of_trace(connection, trace_id)
        old = _to_be_compressed(of_trace)
        gone += ((each.seq,) for each in old)
        new += _compressed(old)
    # Smaller rows in the place of larger ones would leave pages half empty: they are taken out, and put in in order.
    connection.executemany("DELETE FROM segments WHERE seq = ?", gone)
    connection.executemany(PUT_SEGMENT, sorted(new))
    connection.execute(_DONE, (segments[-1][0],))
    return True


def _segments(connection: sqlite3.Connection, numbers: Iterable[int]) -> list[Segment]:
    query = "SELECT seq, trace_id, form, body FROM segments WHERE seq = ?"
    return [Segment(*connection.execute(query, (seq,)).fetchone()) for seq in numbers]


def _to_be_compressed(segments: Sequence[Segment]) -> list[Segment]:
    """Return those that are not yet, and, of a trace that is not large, those that they are put together with."""
    fresh = [each for each in segments if not each.form & COMPRESSED]
    if _is_apart(segments):
        return fresh
    forms = {each.form & LOGS for each in fresh}
    return [each for each in segments if each.form & LOGS in forms]


def _is_apart(segments: Sequence[Segment]) -> bool:
    """Tell whether each is compressed for itself."""
    return segments[0].trace_id == OF_NONE or sum(len(each.body) for each in segments) > _MOST_BYTES


def _compressed(segments: Sequence[Segment]) -> Iterator[tuple[int, bytes, int, bytes]]:
    """Yield new rows: all of one form in the first, what came again once. Of two spans with one id both stay.

    A segment alone stays as it is, within: to take it apart takes as much as to compress it.
    """
    if segments and _is_apart(segments):
        groups = [[each] for each in segments]
    else:
        groups = [
            of_form for form in (SPANS, LOGS) if (of_form := [each for each in segments if each.form & LOGS == form])
        ]
    for group in groups:
        first = group[0]
        if len(group) > 1:
            items = dict.fromkeys(item for each in group for item in unpacked(each.form, each.body))
            yield first.seq, first.trace_id, *packed(items, first.form & LOGS)
        else:
            yield first.seq, first.trace_id, *compressed(first.form, first.body)


def give_back_some(connection: sqlite3.Connection) -> bool:
    """Make the file smaller by some of what is free in it; return whether there is more."""
    pages, free = (connection.execute(f"PRAGMA {each}").fetchone()[0] for each in ("page_count", "freelist_count"))
    # What is little is filled again.
    if free < max(_PAGES_AT_ONCE, pages // 50):
        return False
    connection.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
    return True
