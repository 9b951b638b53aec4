"""Traces that have grown: each span once, whatever came again, with its facts."""

from __future__ import annotations

from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_sessions.view.sessions.summaries import TraceSummary
    from otel_sessions.view.shapes.facts import Facts, LogFacts
    from otel_sessions.view.store.rows import KeptPart
    from otel_sessions.view.wire.batch import Source


KnownSpan: TypeAlias = "tuple[int, bytes, int, bytes, Source, Facts]"
"""A span in memory: start, id, end, raw, source, facts; so ordered that sorting takes them by start, then by id.

A plain tuple is made and sorted in half of the time that a named one takes.
"""


class KnownLog(NamedTuple):
    """The same of a record; it has no id, so the same bytes of the same sender are the same record."""

    time: int
    raw: bytes
    source: Source
    facts: LogFacts


class GrowingTrace:
    """One trace in memory.

    Attributes:
        key: The first of its segments, 0 while that is not known.
        first: The first segment that is not yet in its summary; 0 for none.
        size: Its bytes, about.
        summary: That which is stored; ``None`` for none, or where it was not read yet.
        parts: Those that are stored.
        cost: Seconds that its last summary took.
        settled_at: When that was, by the monotonic clock.
    """

    __slots__ = ("cost", "first", "key", "logs", "parts", "settled_at", "size", "spans", "summary", "trace_id")

    def __init__(self, trace_id: bytes) -> None:
        """Start empty."""
        self.trace_id = trace_id
        self.key = 0
        self.first = 0
        self.size = 0
        self.spans: dict[bytes, KnownSpan] = {}
        self.logs: dict[tuple[bytes, Source], KnownLog] = {}
        self.summary: TraceSummary | None = None
        self.parts: Sequence[KeptPart] = ()
        self.cost = 0.0
        self.settled_at = -inf

    def add_again(self, span: KnownSpan) -> None:
        """Take a span whose id is there: of two with one id the later end wins, then the larger digest."""
        if rank(*span[2:5]) > rank(*self.spans[span[1]][2:5]):
            self.spans[span[1]] = span

    def add_log(self, log: KnownLog) -> None:
        """Take a record."""
        if self.logs.setdefault((log.raw, log.source), log) is log:
            self.size += len(log.raw) + OVERHEAD

    def names(self, session_id: str) -> bool:
        """Tell whether any of it may be in a session."""
        spans = (span[-1].session for span in self.spans.values())
        named = (*spans, *(log.facts.session for log in self.logs.values()))
        return any(each is not None and each.id == session_id for each in named)

    def ordered_spans(self) -> list[KnownSpan]:
        """Return all, by start."""
        return sorted(self.spans.values())

    def ordered_logs(self) -> list[KnownLog]:
        """Return all, by time."""
        return sorted(self.logs.values(), key=_log_order)


# What a span takes beside its bytes: facts, ids, entries of dictionaries; measured with tracemalloc.
OVERHEAD = 1000


def rank(end: int, raw: bytes, source: Source) -> tuple[int, bytes, Source]:
    """Return what tells which of two spans with one id counts: the larger one."""
    return end, sha256(raw).digest(), source


def _log_order(log: KnownLog) -> tuple[int, bytes, Source]:
    return log.time, log.raw, log.source


def name_of(spans: Sequence[KnownSpan], ids: dict[bytes, KnownSpan]) -> str:
    """Return the name of a trace: that of the first span whose parent is not there."""
    for span in spans:
        facts = span[-1]
        if facts.parent_span_id not in ids:
            return facts.name
    return spans[0][-1].name if spans else ""
