"""What came, in its own bytes: one segment for each trace and request, its senders stored once."""

from __future__ import annotations

import zlib
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.wire.batch import Batch, RawLog, RawSpan, Source

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

SPANS = 0
LOGS = 1
COMPRESSED = 2
"""Added to one of them."""
LOOSE = b""
"""Stands for the trace id of records outside of any trace, until it is known in which session they are."""

# Span id, id of the parent, start, end, source, bytes that follow. A record has its time as start.
_HEADER = Struct("<8s8sQQII")
_NO_ID = bytes(8)
_NO_END = 2**63 - 1
# So many senders are remembered; each is some hundred bytes.
_REMEMBERED = 4096
SEEN_WITHIN = 1000
"""When a source was seen last is known to within so many segments: it need not be written with each request."""


class Segment(NamedTuple):
    """One row: what one request brought of one trace."""

    seq: int
    trace_id: bytes
    form: int
    body: bytes


class Stored(NamedTuple):
    """A span or a record of a segment; ``source`` is a key of the store."""

    span_id: bytes
    parent_span_id: bytes
    start: int
    end: int
    source: int
    raw: bytes


class Sources:
    """Who sends, by the key under which the store has it. One for each connection that writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Keys are looked up in, and added by, ``connection``."""
        self._connection = connection
        self._keys: dict[Source, int] = {}
        self._sources: dict[int, Source] = {}
        self._seen: dict[int, int] = {}

    def keys(self, sources: Iterable[Source], seq: int) -> list[int]:
        """Return the key of each, for segments from ``seq`` on; new ones are added in the caller's transaction."""
        known = self._keys
        keys = [known.get(each) or self._key(each) for each in sources]
        for key in keys:
            if self._seen.get(key, -SEEN_WITHIN) + SEEN_WITHIN <= seq:
                self._connection.execute("UPDATE sources SET seen = ? WHERE key = ?", (seq, key))
                self._seen[key] = seq
        return keys

    def source(self, key: int) -> Source:
        """Return the one of ``key``."""
        found = self._sources.get(key)
        return found if found is not None else self._remembered(self._read(key), key)

    def forget(self) -> None:
        """Forget what may not have been committed."""
        self._keys.clear()
        self._sources.clear()
        self._seen.clear()

    def _key(self, source: Source) -> int:
        pair = self._body(source.resource), self._body(source.scope)
        self._connection.execute("INSERT OR IGNORE INTO sources(resource, scope) VALUES (?, ?)", pair)
        row = self._connection.execute("SELECT key FROM sources WHERE resource = ? AND scope = ?", pair).fetchone()
        key: int = row[0]
        self._remembered(source, key)
        return key

    def _body(self, body: bytes) -> int:
        digest = blake2b(body, digest_size=16).digest()
        self._connection.execute("INSERT OR IGNORE INTO bodies(digest, body) VALUES (?, ?)", (digest, body))
        key: int = self._connection.execute("SELECT key FROM bodies WHERE digest = ?", (digest,)).fetchone()[0]
        return key

    def _read(self, key: int) -> Source:
        query = (
            "SELECT r.body, s.body FROM sources JOIN bodies r ON r.key = resource JOIN bodies s ON s.key = scope"
            " WHERE sources.key = ?"
        )
        return Source(*self._connection.execute(query, (key,)).fetchone())

    def _remembered(self, source: Source, key: int) -> Source:
        if len(self._keys) >= _REMEMBERED or len(self._sources) >= _REMEMBERED:
            self.forget()
        self._keys[source] = key
        self._sources[key] = source
        return source


def packed_spans(spans: Iterable[RawSpan], keys: Sequence[int]) -> dict[bytes, list[bytes]]:
    """Return the pieces of a segment for each trace, in the order in which the traces come."""
    pieces: dict[bytes, list[bytes]] = {}
    of_trace: list[bytes] = []
    pack, last = _HEADER.pack, b""
    for trace_id, span_id, parent, start, end, source, raw in spans:
        # Spans of a trace stand together, mostly.
        if trace_id != last:
            last = trace_id
            of_trace = pieces.setdefault(trace_id, [])
        of_trace += (pack(span_id, parent, start, end, keys[source], len(raw)), raw)
    return pieces


def packed_logs(logs: Iterable[RawLog], keys: Sequence[int]) -> dict[bytes, list[bytes]]:
    """Return the same of records; those outside of any trace stand under ``LOOSE``."""
    pieces: dict[bytes, list[bytes]] = {}
    for trace_id, span_id, time, source, raw in logs:
        head = _HEADER.pack(span_id, b"", time, 0, keys[source], len(raw))
        pieces.setdefault(trace_id, []).extend((head, raw))
    return pieces


def segments_of(batch: Batch, keys: Sequence[int], seq: int) -> list[tuple[int, bytes, int, bytes]]:
    """Return the rows of a request, from ``seq`` on."""
    rows = [
        (number, trace_id, SPANS, b"".join(pieces))
        for number, (trace_id, pieces) in enumerate(packed_spans(batch.spans, keys).items(), seq)
    ]
    if batch.logs:
        after = enumerate(packed_logs(batch.logs, keys).items(), seq + len(rows))
        rows += [(number, trace_id, LOGS, b"".join(pieces)) for number, (trace_id, pieces) in after]
    return rows


def packed(items: Iterable[Stored], form: int) -> tuple[int, bytes]:
    """Return form and body of a compressed segment."""
    pieces = [piece for each in items for piece in (_HEADER.pack(*each[:5], len(each.raw)), each.raw)]
    return compressed(form, b"".join(pieces))


def compressed(form: int, body: bytes) -> tuple[int, bytes]:
    """Return form and body of a segment that is not compressed yet, compressed."""
    return form | COMPRESSED, zlib.compress(body, 1)


def unpacked(form: int, body: bytes) -> Iterator[Stored]:
    """Yield what is in a segment."""
    if form & COMPRESSED:
        body = zlib.decompress(body)
    at = 0
    while at < len(body):
        span_id, parent, start, end, source, size = _HEADER.unpack_from(body, at)
        at += _HEADER.size + size
        span_id = b"" if span_id == _NO_ID else span_id
        parent = b"" if parent == _NO_ID else parent
        # As `Stored(...)`, in half the time.
        stored: Stored = tuple.__new__(Stored, (span_id, parent, start, end, source, body[at - size : at]))
        yield stored


def segments_of_trace(connection: sqlite3.Connection, trace_id: bytes, before: int = _NO_END) -> list[Segment]:
    """Return the segments of a trace, in the order in which they came, before that of number ``before``."""
    query = "SELECT seq, trace_id, form, body FROM segments WHERE trace_id = ? AND seq < ? ORDER BY seq"
    return list(map(Segment._make, connection.execute(query, (trace_id, before))))


def segments_between(connection: sqlite3.Connection, after: int, until: int, limit: int) -> list[Segment]:
    """Return what came after one segment up to another, in its order, at most ``limit``."""
    query = "SELECT seq, trace_id, form, body FROM segments WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
    return list(map(Segment._make, connection.execute(query, (after, until, limit))))


def batch_of(segments: Sequence[Segment], sources: Sources) -> Batch:
    """Return what is in segments, as if it had come in one request."""
    places: dict[int, int] = {}
    spans: list[RawSpan] = []
    logs: list[RawLog] = []
    for segment in segments:
        for span_id, parent, start, end, source, raw in unpacked(segment.form, segment.body):
            place = places.setdefault(source, len(places))
            if segment.form & LOGS:
                logs.append(RawLog(segment.trace_id, span_id, start, place, raw))
            else:
                # As `RawSpan(...)`, in half the time.
                spans.append(tuple.__new__(RawSpan, (segment.trace_id, span_id, parent, start, end, place, raw)))
    size = sum(len(segment.body) for segment in segments)
    return Batch(sources=[sources.source(key) for key in places], spans=spans, logs=logs, size=size)
