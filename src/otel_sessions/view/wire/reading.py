"""Bytes of an OTLP request to a `Batch`: whose spans and records they are, while each stays as it came. Pure.

What is wrong with one span is refused with that span; what is no OTLP is refused as a whole.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from .batch import Batch, RawLog, RawSpan, Source
from .depth import MAX_DEPTH, is_log_too_deep, is_span_too_deep
from .messages import shallow, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .messages import Message, MessageType

# Of attributes, events or links of one span: far over what an SDK lets through, 128, and enough for a conversation of
# a thousand messages that has each in attributes of its own.
MAX_ENTRIES = 10_000

_TRACE_ID_SIZE = 16
_SPAN_ID_SIZE = 8
_NO_TRACE_ID = bytes(_TRACE_ID_SIZE)
_NO_SPAN_ID = bytes(_SPAN_ID_SIZE)
# An entry is two bytes on the wire, at least: what is shorter need not be counted.
_MIN_SIZE_OF_TOO_MANY = 2 * MAX_ENTRIES

_Request = shallow("Request")
_WholeResource = whole("resource.v1.Resource")
_WholeScope = whole("common.v1.InstrumentationScope")

_TOO_DEEP = f"values nested more than {MAX_DEPTH} deep"


class _Signal(NamedTuple):
    """How a request of one signal is built, and what its items are."""

    request: MessageType
    resources: str
    scopes: str
    items: str
    item: MessageType
    is_too_deep: Callable[[bytes], bool]


_TRACES = _Signal(
    whole("collector.trace.v1.ExportTraceServiceRequest"),
    "resource_spans",
    "scope_spans",
    "spans",
    whole("trace.v1.Span"),
    is_span_too_deep,
)
_LOGS = _Signal(
    whole("collector.logs.v1.ExportLogsServiceRequest"),
    "resource_logs",
    "scope_logs",
    "log_records",
    whole("logs.v1.LogRecord"),
    is_log_too_deep,
)


class InvalidOTLPError(ValueError):
    """The bytes are no request of OTLP for this signal; the text says what is wrong."""


def read_traces(body: bytes) -> Batch:
    """Return the spans of an ``ExportTraceServiceRequest``.

    A parent id that is all zero, or not of 8 bytes, is none. A span that ends before it starts is kept.

    Args:
        body: OTLP 1.x, protobuf, uncompressed.

    Raises:
        InvalidOTLPError: It is something else.
    """
    refused: Counter[str] = Counter()
    sources: dict[Source, int] = {}
    spans: list[RawSpan] = []
    keep, new = spans.append, tuple.__new__
    last: bytes | None = None
    for source, group in _groups(body, _TRACES, refused):
        place = sources.setdefault(source, len(sources))
        for span, raw in group:
            trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
            if trace_id != last:
                if len(trace_id) != _TRACE_ID_SIZE or trace_id == _NO_TRACE_ID:
                    refused["no valid trace id"] += 1
                    continue
                # One object for all spans of a trace, which mostly stand together: it is hashed once.
                last = trace_id
            if len(span_id) != _SPAN_ID_SIZE or span_id == _NO_SPAN_ID:
                refused["no valid span id"] += 1
            elif len(raw) > _MIN_SIZE_OF_TOO_MANY and _has_too_many(span):
                refused[f"more than {MAX_ENTRIES:,} attributes, events or links"] += 1
            else:
                if len(parent_id) != _SPAN_ID_SIZE or parent_id == _NO_SPAN_ID:
                    parent_id = b""
                # As `RawSpan(...)`, in half the time.
                start, end = span.start_time_unix_nano, span.end_time_unix_nano
                keep(new(RawSpan, (last, span_id, parent_id, start, end, place, raw)))
    return Batch(
        sources=tuple(sources), spans=spans, size=len(body), rejected=refused.total(), reasons=_reasons(refused, "span")
    )


def read_logs(body: bytes) -> Batch:
    """Return the records of an ``ExportLogsServiceRequest``.

    An id that is all zero, or of another length, is none: the record is in no trace then, as the protocol has it.

    Args:
        body: OTLP 1.x, protobuf, uncompressed.

    Raises:
        InvalidOTLPError: It is something else.
    """
    refused: Counter[str] = Counter()
    sources: dict[Source, int] = {}
    logs: list[RawLog] = []
    for source, group in _groups(body, _LOGS, refused):
        place = sources.setdefault(source, len(sources))
        for record, raw in group:
            if len(record.attributes) > MAX_ENTRIES:
                refused[f"more than {MAX_ENTRIES:,} attributes"] += 1
            else:
                logs.append(_log(record, place, raw))
    return Batch(
        sources=tuple(sources), logs=logs, size=len(body), rejected=refused.total(), reasons=_reasons(refused, "record")
    )


def count_metrics(body: bytes) -> int:
    """Return how many metrics an ``ExportMetricsServiceRequest`` has, which is all that is read of them.

    Raises:
        InvalidOTLPError: It is something else.
    """
    return sum(len(of_scope.items) for of_resource in _request(body).resources for of_scope in of_resource.scopes)


def too_deep(count: int, noun: str) -> str:
    """Return why so many were refused, for who finds it before they are bytes of this form."""
    return _reason(count, noun, _TOO_DEEP)


def _log(record: Message, place: int, raw: bytes) -> RawLog:
    trace_id, span_id = record.trace_id, record.span_id
    time = record.time_unix_nano or record.observed_time_unix_nano
    if len(trace_id) != _TRACE_ID_SIZE or trace_id == _NO_TRACE_ID:
        return RawLog(b"", b"", time, place, raw)
    if len(span_id) != _SPAN_ID_SIZE or span_id == _NO_SPAN_ID:
        span_id = b""
    return RawLog(trace_id, span_id, time, place, raw)


def _has_too_many(span: Message) -> bool:
    return max(len(span.attributes), len(span.events), len(span.links)) > MAX_ENTRIES


def _groups(
    body: bytes, signal: _Signal, refused: Counter[str]
) -> Iterator[tuple[Source, Iterable[tuple[Message, bytes]]]]:
    """Yield what each source has sent, each item parsed and as it came.

    The body is parsed twice, once to the bytes of each item, and once whole: that is sooner done than to parse each
    by itself, and finds what can't be read anywhere in it. Only then they are parsed one by one, to find which.
    """
    shallow_request = _request(body)
    request = _parsed(body, signal.request)
    for i, of_resource in enumerate(shallow_request.resources):
        # Pieces of one message, joined, are the message.
        resource = b"".join(of_resource.resource)
        scopes = request and getattr(getattr(request, signal.resources)[i], signal.scopes)
        if scopes is None:
            _refuse_unreadable(of_resource.resource, _WholeResource)
        for j, of_scope in enumerate(of_resource.scopes):
            source = Source(resource, b"".join(of_scope.scope))
            if scopes is not None:
                yield source, zip(getattr(scopes[j], signal.items), of_scope.items, strict=True)
            else:
                _refuse_unreadable(of_scope.scope, _WholeScope)
                yield source, _readable(of_scope.items, signal, refused)


def _request(body: bytes) -> Message:
    request = _parsed(body, _Request)
    if request is None:
        message = "not a request of OTLP"
        raise InvalidOTLPError(message)
    return request


def _readable(raws: Iterable[bytes], signal: _Signal, refused: Counter[str]) -> Iterator[tuple[Message, bytes]]:
    for raw in raws:
        item = _parsed(raw, signal.item)
        if item is not None:
            yield item, raw
        elif signal.is_too_deep(raw):
            refused[_TOO_DEEP] += 1
        else:
            message = "a span or a record is not one of OTLP"
            raise InvalidOTLPError(message)


def _refuse_unreadable(pieces: Iterable[bytes], kind: MessageType) -> None:
    if any(_parsed(piece, kind) is None for piece in pieces):
        message = "a resource or a scope is not one of OTLP, or is nested too deep"
        raise InvalidOTLPError(message)


def _parsed(raw: bytes, kind: MessageType) -> Message | None:
    try:
        return kind.FromString(raw)
    except DecodeError:
        return None


def _reasons(refused: Counter[str], noun: str) -> tuple[str, ...]:
    """Return ``2 spans have no valid trace id``, the most frequent reason first."""
    return tuple(_reason(count, noun, what) for what, count in refused.most_common())


def _reason(count: int, noun: str, what: str) -> str:
    return f"1 {noun} has {what}" if count == 1 else f"{count:,} {noun}s have {what}"
