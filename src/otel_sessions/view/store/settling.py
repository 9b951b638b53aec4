"""What came to what lists show: dirty traces to their summaries, and these to sessions and sums.

A summary is made anew of all spans of its trace, never moved, so that order, splits and what is sent again can't
matter. All that came up to the segment ``settled`` is in the summaries; later segments are read again after a crash.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from itertools import islice
from typing import TYPE_CHECKING

from otel_sessions.view.sessions.summaries import TraceSummary
from otel_sessions.view.sessions.traces import summary_of
from otel_sessions.view.shapes.reading import facts_of_logs, facts_of_spans
from otel_sessions.view.shapes.words import words_of, words_of_log
from otel_sessions.view.store.growing import OVERHEAD, GrowingTrace, KnownLog, name_of
from otel_sessions.view.store.loose import OF_NONE, is_loose, placed, regroup
from otel_sessions.view.store.rows import TRACE_COLUMNS, kept_part, trace_columns
from otel_sessions.view.store.schema import transaction
from otel_sessions.view.store.segments import LOOSE, batch_of, segments_between, segments_of_trace
from otel_sessions.view.store.session_rows import PATIENCE, SessionRows, is_too_soon
from otel_sessions.view.store.tallies import Tallies

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from otel_sessions.view.store.growing import KnownSpan
    from otel_sessions.view.store.rows import KeptPart
    from otel_sessions.view.store.segments import Sources
    from otel_sessions.view.wire.batch import Batch

_logger = logging.getLogger("otel_sessions")

# So much is taken at once, so that a write never waits for long.
# In some hundred traces at once the index of words takes half of the CPU that it takes in some.
_TRACES_AT_ONCE = 1024
_SPANS_AT_ONCE = 8192
_SEGMENTS_AT_ONCE = 512
_IDS_AT_ONCE = 500
# What came and is not read yet is kept in memory up to this many bytes, then read from the file.
_WAITING_BYTES = 32_000_000
# Traces that may grow are kept in memory up to this many bytes.
_KEPT_BYTES = 24_000_000
# Whether they are more is looked at each time that so many came.
_TAKEN_BYTES = 4_000_000

_PLACES = ", ".join("?" * (TRACE_COLUMNS.count(",") + 1))
_CHANGED = ", ".join(f"{column} = excluded.{column}" for column in TRACE_COLUMNS.split(", ")[1:])
# INSERT OR REPLACE takes twice as long in a table with indexes, also for a row that is new.
_PUT_TRACE = f"INSERT INTO traces({TRACE_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT(key) DO UPDATE SET {_CHANGED}"
_NOTHING = TraceSummary((), (), ())
_NO_SUMMARY = "A trace can't be summed up; it is kept, and left out of the lists"
_SETTLED = "INSERT OR REPLACE INTO meta(name, value) VALUES ('settled', ?)"


class Settler:
    """Makes summaries. Whoever calls holds the lock of the connection."""

    def __init__(self, connection: sqlite3.Connection, sources: Sources) -> None:
        """Take up what was left."""
        self._connection = connection
        self._sources = sources
        self._has_failed = False
        self.restart()

    def restart(self) -> None:
        """Forget all that is in memory; what is not in the summaries is read from the file."""
        self._tallies = Tallies()
        self._sessions = SessionRows(self._connection, self._tallies)
        self._traces: OrderedDict[bytes, GrowingTrace] = OrderedDict()
        self._dirty: dict[bytes, GrowingTrace] = {}
        self._waiting: deque[tuple[Batch, Mapping[bytes, int]]] = deque()
        self._taken_bytes = 0
        self.waiting_bytes = 0
        self.last = self._number("SELECT max(seq) FROM segments")
        self._settled = self._number("SELECT value FROM meta WHERE name = 'settled'")
        self.last = max(self.last, self._settled)
        # A trace whose first segment comes after this one has nothing stored when it is first summed up.
        self._fresh = self.last + 1
        # What came and is to be read from the file: after the first of these, up to the second.
        self._backlog = (self._settled, self.last)

    def _number(self, query: str) -> int:
        row = self._connection.execute(query).fetchone()
        return (row[0] or 0) if row else 0

    @property
    def has_work(self) -> bool:
        """Whether something is not in the summaries yet."""
        return bool(self._dirty or self._waiting or self._backlog[0] < self._backlog[1] or self._sessions.has_stale)

    def add(self, batch: Batch, firsts: Mapping[bytes, int], last: int) -> None:
        """Take what was committed; ``firsts`` are the segments of its traces, ``last`` is the last of all."""
        if self.waiting_bytes + batch.size > _WAITING_BYTES:
            self._backlog = (self._unread(), last)
            self._fresh = last + 1
            self._waiting.clear()
            self.waiting_bytes = 0
        else:
            self._waiting.append((batch, firsts))
            self.waiting_bytes += batch.size
        self.last = last

    def _unread(self) -> int:
        """Return the last segment that was read."""
        if self._backlog[0] < self._backlog[1]:
            return self._backlog[0]
        return min(self._waiting[0][1].values()) - 1 if self._waiting else self.last

    def settle(self, *, everything: bool = False, wanted: str | None = None) -> bool:
        """Put some of what came into the summaries; return whether some is left that could be now.

        Within a transaction of its own.

        Args:
            everything: Also what is dear and was settled just now.
            wanted: The id of a session that somebody waits for: what is dear of it is as soon settled as what is not.
        """
        try:
            with transaction(self._connection):
                more = self._settle_some(everything=everything, wanted=wanted)
        except BaseException:
            self._sources.forget()
            self.restart()
            raise
        self._trim()
        return more

    def _due(self, *, everything: bool, wanted: str | None) -> Iterator[GrowingTrace]:
        """Yield what is to be summed up now."""
        now = time.monotonic()
        for each in self._dirty.values():
            if (
                everything
                or not is_too_soon(each.cost, each.settled_at, now)
                or (wanted is not None and now - each.settled_at > PATIENCE and each.names(wanted))
            ):
                yield each

    def _settle_some(self, *, everything: bool, wanted: str | None) -> bool:
        self._read_some()
        some = list(islice(self._due(everything=everything, wanted=wanted), _TRACES_AT_ONCE))
        self._complete([trace for trace in some if not trace.key])
        changed = [found for trace in some if (found := self._summed_up(trace)) is not None]
        self._sessions.expect(part.session_id for *_, summary in changed for part in summary.parts)
        self._connection.executemany(_PUT_TRACE, [self._put(*each) for each in changed])
        self._sessions.write(everything=everything)
        self._tallies.write(self._connection)
        for trace in some:
            del self._dirty[trace.trace_id]
            trace.first = 0
        self._note_settled()
        return self._unread() < self.last or len(some) == _TRACES_AT_ONCE

    def _note_settled(self) -> None:
        oldest = min((trace.first for trace in self._dirty.values()), default=self.last + 1) - 1
        settled = min(oldest, self._unread())
        if settled != self._settled:
            self._connection.execute(_SETTLED, (settled,))
            self._settled = settled

    def _read_some(self) -> None:
        spans = 0
        while spans < _SPANS_AT_ONCE and self._unread() < self.last:
            batch, firsts = self._next_batch()
            self._take(batch, firsts)
            self._taken_bytes += batch.size
            spans += len(batch.spans) + len(batch.logs)

    def _next_batch(self) -> tuple[Batch, Mapping[bytes, int]]:
        after, until = self._backlog
        if after >= until:
            batch, firsts = self._waiting.popleft()
            self.waiting_bytes -= batch.size
            return batch, firsts
        segments = segments_between(self._connection, after, until, _SEGMENTS_AT_ONCE)
        self._backlog = (segments[-1].seq if segments else until, until)
        return batch_of(segments, self._sources), {each.trace_id: each.seq for each in reversed(segments)}

    def _take(self, batch: Batch, firsts: Mapping[bytes, int]) -> None:
        for trace_id, seq in firsts.items():
            self._mark(trace_id, seq)
        self._take_spans(batch)
        if batch.logs:
            self._take_logs(batch, self._unread() if LOOSE in firsts else 0)

    def _mark(self, trace_id: bytes, seq: int) -> None:
        if trace_id in (LOOSE, OF_NONE):
            return
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = GrowingTrace(trace_id)
        else:
            self._traces.move_to_end(trace_id)
        if not trace.first:
            trace.first = seq
            self._dirty[trace_id] = trace

    def _take_spans(self, batch: Batch) -> None:
        if not batch.spans:
            return
        sources, last = batch.sources, batch.spans[0].trace_id
        trace = self._traces[last]
        spans = trace.spans
        facts = facts_of_spans(batch.spans, sources)
        for (trace_id, span_id, _, start, end, source, raw), of in zip(batch.spans, facts, strict=True):
            # Spans of a trace stand together, mostly.
            if trace_id != last:
                last = trace_id
                trace = self._traces[trace_id]
                spans = trace.spans
            span = start, span_id, end, raw, sources[source], of
            if spans.setdefault(span_id, span) is span:
                trace.size += len(raw) + OVERHEAD
            else:
                trace.add_again(span)

    def _take_logs(self, batch: Batch, until: int) -> None:
        facts = facts_of_logs(batch.logs, batch.sources)
        logs = placed(batch.logs, facts)
        if until:
            firsts = regroup(
                self._connection, logs, self._sources.keys(batch.sources, self.last + 1), self.last + 1, until
            )
            self.last += len(firsts)
            for trace_id, seq in firsts.items():
                self._mark(trace_id, seq)
        for (trace_id, _, at, source, raw), of in zip(logs, facts, strict=True):
            if trace_id != OF_NONE:
                self._traces[trace_id].add_log(KnownLog(at, raw, batch.sources[source], of))

    def _summed_up(self, trace: GrowingTrace) -> tuple[GrowingTrace, list[KnownSpan], TraceSummary] | None:
        """Return a trace with its spans by start and its new summary, ``None`` where that stays."""
        began = time.thread_time()
        spans = trace.ordered_spans()
        summary = self._summary(trace.trace_id, spans, trace.ordered_logs() if trace.logs else ())
        trace.settled_at = time.monotonic()
        trace.cost = time.thread_time() - began
        return None if summary == trace.summary else (trace, spans, summary)

    def _put(self, trace: GrowingTrace, spans: list[KnownSpan], summary: TraceSummary) -> tuple[Any, ...]:
        """Store the parts of a trace, and return its row."""
        trace.parts = parts = self._sessions.put(trace.key, trace.trace_id, summary, trace.parts)
        trace.summary = summary
        keys = str(parts[0].key) if len(parts) == 1 else " ".join([str(each.key) for each in parts])
        times = () if summary.parts else _times(spans, trace.ordered_logs())
        return trace_columns(trace.key, trace.trace_id, name_of(spans, trace.spans), summary, keys, times)

    def drop(self, traces: Iterable[tuple[int, bytes]]) -> None:
        """Forget traces, by key and id, and take them out of all sums. Within the caller's transaction."""
        run = self._connection
        for key, trace_id in traces:
            self._sessions.put(key, trace_id, _NOTHING, self._stored_parts(key))
            run.execute("DELETE FROM traces WHERE key = ?", (key,))
            run.execute("DELETE FROM segments WHERE trace_id = ?", (trace_id,))
            self._traces.pop(trace_id, None)
            self._dirty.pop(trace_id, None)
        self._sessions.write(everything=True)
        self._tallies.write(run)

    def _summary(self, trace_id: bytes, spans: Sequence[KnownSpan], logs: Sequence[KnownLog]) -> TraceSummary:
        try:
            return summary_of(
                b"" if is_loose(trace_id) else trace_id,
                [each[-1] for each in spans],
                [each.facts for each in logs],
                lambda at: words_of(spans[at][3]),
                lambda at: words_of_log(logs[at].raw),
            )
        except Exception:
            # One trace that nobody has thought of keeps no other out of the lists; what came of it is kept.
            if not self._has_failed:
                self._has_failed = True
                _logger.warning(_NO_SUMMARY, exc_info=True)
            return _NOTHING

    def _complete(self, traces: Sequence[GrowingTrace]) -> None:
        """Read what came of traces before they were taken into memory, and what is stored of them."""
        keys: dict[bytes, int] = {}
        for at in range(0, len(traces), _IDS_AT_ONCE):
            ids = [trace.trace_id for trace in traces[at : at + _IDS_AT_ONCE]]
            query = (
                f"SELECT trace_id, min(seq) FROM segments WHERE trace_id IN ({', '.join('?' * len(ids))}) GROUP BY 1"
            )
            keys.update(self._connection.execute(query, ids).fetchall())
        for trace in traces:
            trace.key = keys[trace.trace_id]
            self._read_stored(trace)

    def _read_stored(self, trace: GrowingTrace) -> None:
        if trace.key < trace.first:
            earlier = batch_of(segments_of_trace(self._connection, trace.trace_id, trace.first), self._sources)
            self._take_spans(earlier)
            self._take_logs(earlier, 0)
        if trace.key < max(trace.first, self._fresh):
            trace.parts = self._stored_parts(trace.key)

    def _stored_parts(self, key: int) -> list[KeptPart]:
        row = self._connection.execute("SELECT parts FROM traces WHERE key = ?", (key,)).fetchone()
        keys = row[0].split() if row else ()
        query = "SELECT key, trace, body FROM parts WHERE key = ?"
        return [kept_part(*self._connection.execute(query, (int(each),)).fetchone()) for each in keys]

    def _trim(self) -> None:
        """Forget what has not grown for longest, where there is much in memory."""
        self._sessions.trim()
        if self._taken_bytes < _TAKEN_BYTES:
            return
        self._taken_bytes = 0
        size = sum(trace.size for trace in self._traces.values())
        for trace_id in list(self._traces) if size > _KEPT_BYTES else ():
            if trace_id not in self._dirty:
                size -= self._traces.pop(trace_id).size
            if size <= _KEPT_BYTES:
                break


def _times(spans: Sequence[KnownSpan], logs: Sequence[KnownLog]) -> tuple[int, int]:
    """Return the first and the last moment of what has no part."""
    every = [*(each[0] for each in spans), *(each.time for each in logs)]
    return min(every), max(every)
