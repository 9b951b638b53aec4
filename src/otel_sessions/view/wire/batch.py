"""A request of OTLP, taken apart as far as storing it needs: who sent what of which trace, still in its own bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Signal: TypeAlias = Literal["traces", "logs"]


class Source(NamedTuple):
    """Who sent a span or a record, in the bytes of the wire, so that equal ones are equal.

    Attributes:
        resource: A serialized ``opentelemetry.proto.resource.v1.Resource``.
        scope: A serialized ``opentelemetry.proto.common.v1.InstrumentationScope``.
    """

    resource: bytes
    scope: bytes


class RawSpan(NamedTuple):
    """A span as it came.

    Attributes:
        trace_id: 16 bytes, not all zero.
        span_id: 8 bytes, not all zero.
        parent_span_id: 8 bytes, or none for a root.
        start: Unix time in ns.
        end: The same; 0 where it has not ended.
        source: Its place among the sources of its batch.
        raw: The serialized ``opentelemetry.proto.trace.v1.Span``.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start: int
    end: int
    source: int
    raw: bytes


class RawLog(NamedTuple):
    """A log record as it came.

    Attributes:
        trace_id: 16 bytes, or none for a record outside of any trace.
        span_id: 8 bytes, or none.
        time: Unix time in ns; that of its observation where it has no other.
        source: Its place among the sources of its batch.
        raw: The serialized ``opentelemetry.proto.logs.v1.LogRecord``.
    """

    trace_id: bytes
    span_id: bytes
    time: int
    source: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What is good in one request, and what is not.

    Attributes:
        sources: What ``source`` of a span or a record counts into.
        spans: The good spans, in the order of the wire.
        logs: The good records, in the order of the wire.
        size: The bytes of the request, after it was unpacked.
        rejected: How many spans or records were refused.
        reasons: Why, each reason once with its number, as a person reads it: ``"2 spans have no trace id"``.
    """

    sources: Sequence[Source] = ()
    spans: Sequence[RawSpan] = ()
    logs: Sequence[RawLog] = ()
    size: int = 0
    rejected: int = 0
    reasons: Sequence[str] = field(default=())


def joined(batches: Iterable[Batch]) -> Batch:
    """Return several batches as one: what is good in them, in their order, without what was refused."""
    sources: dict[Source, int] = {}
    spans: list[RawSpan] = []
    logs: list[RawLog] = []
    size = 0
    for batch in batches:
        places = [sources.setdefault(source, len(sources)) for source in batch.sources]
        if places == [*range(len(places))]:
            spans += batch.spans
            logs += batch.logs
        else:
            spans += [span._replace(source=places[span.source]) for span in batch.spans]
            logs += [log._replace(source=places[log.source]) for log in batch.logs]
        size += batch.size
    return Batch(sources=tuple(sources), spans=spans, logs=logs, size=size)
