"""Records outside of any trace: those of one session are kept as if they were of one trace, so that each counts once."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from otel_sessions.view.store.segments import LOGS, LOOSE, packed_logs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from otel_sessions.view.shapes.facts import LogFacts
    from otel_sessions.view.wire.batch import RawLog

_OF_SESSION = b"S"
OF_NONE = b"N"
"""Stands for the trace id of records that are in no trace and in no session."""

PUT_SEGMENT = "INSERT INTO segments(seq, trace_id, form, body) VALUES (?, ?, ?, ?)"


def loose_id(session_id: str) -> bytes:
    """Return what stands for the trace id of the records of a session; it has another length than one of OTLP."""
    return _OF_SESSION + sha256(session_id.encode("utf-8", "surrogatepass")).digest()[:16]


def is_loose(trace_id: bytes) -> bool:
    """Tell whether ``trace_id`` only stands for one."""
    return len(trace_id) != 16  # noqa: PLR2004 the size of OTLP


def placed(logs: Sequence[RawLog], facts: Sequence[LogFacts]) -> list[RawLog]:
    """Return records with what stands for a trace id in those without."""
    return [log if log.trace_id else log._replace(trace_id=_place(of)) for log, of in zip(logs, facts, strict=True)]


def _place(facts: LogFacts) -> bytes:
    return OF_NONE if facts.session is None else loose_id(facts.session.id)


def regroup(
    connection: sqlite3.Connection, logs: Sequence[RawLog], keys: Sequence[int], seq: int, until: int
) -> dict[bytes, int]:
    """Store records that are `placed`, from ``seq`` on, in place of the loose segments up to ``until``.

    Within the caller's transaction. Returns the new segment of each place.
    """
    pieces = packed_logs((log for log in logs if is_loose(log.trace_id)), keys)
    rows = [(number, place, LOGS, b"".join(each)) for number, (place, each) in enumerate(pieces.items(), seq)]
    connection.execute("DELETE FROM segments WHERE trace_id = ? AND seq <= ?", (LOOSE, until))
    connection.executemany(PUT_SEGMENT, rows)
    return {row[1]: row[0] for row in rows}
