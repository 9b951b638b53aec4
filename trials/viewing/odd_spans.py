"""The spans of a chat service as they really come: some twice, some without a root, with late, other and second ids."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from harness.chat_load import Load, requests_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SESSION = "session.id"


class Sent(NamedTuple):
    """A span, and who sends it: a `ResourceSpans` of one scope without spans."""

    source: ResourceSpans
    span: Span


def spans_of(count: int, seed: int) -> list[Sent]:
    """Return about ``count`` spans of about ``count / 50`` sessions, the odd ones among them."""
    dice = random.Random(seed)  # noqa: S311  # the same spans in each run
    spans: list[Sent] = []
    for request in requests_of(Load(count // 50), seed):
        for of_resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            source = ResourceSpans.FromString(of_resource.SerializeToString())
            del source.scope_spans[0].spans[:]
            spans += [Sent(source, span) for span in of_resource.scope_spans[0].spans]
    return [odd for sent in spans for odd in _odd(dice, sent)]


def split(dice: random.Random, spans: Sequence[Sent], most: int) -> Iterator[bytes]:
    """Give the spans in another order, in requests of 1 to ``most``."""
    order = dice.sample(spans, len(spans))
    first = 0
    while first < len(order):
        size = dice.randint(1, most)
        yield request_of(order[first : first + size])
        first += size


def request_of(spans: Sequence[Sent]) -> bytes:
    """Return one request, in which each source stands once."""
    request = ExportTraceServiceRequest()
    by_source: dict[bytes, ResourceSpans] = {}
    for source, span in spans:
        key = source.SerializeToString()
        if key not in by_source:
            by_source[key] = request.resource_spans.add()
            by_source[key].CopyFrom(source)
        by_source[key].scope_spans[0].spans.add().CopyFrom(span)
    return request.SerializeToString()


def _odd(dice: random.Random, sent: Sent) -> Iterator[Sent]:
    source, span = sent
    kept = dice.random()
    is_root = not span.parent_span_id
    if is_root and kept < 0.03:  # it never comes
        return
    if not is_root and kept < 0.2:
        _remove(span, _SESSION)
    elif kept < 0.21:
        _put(span, _SESSION, f"other-{dice.randrange(50)}")
    elif kept < 0.23:
        _put(span, "gen_ai.conversation.id", f"thread-{dice.randrange(50)}")
    elif kept < 0.24:
        span.parent_span_id = dice.randbytes(8)
    yield sent
    again = dice.random()
    if again < 0.05:
        yield Sent(source, span)
    elif again < 0.07:
        later = Span.FromString(span.SerializeToString())
        later.end_time_unix_nano += dice.choice([0, 10**6])
        _put(later, "app.try", "2")
        yield Sent(source, later)


def _remove(span: Span, key: str) -> None:
    kept = [attribute for attribute in span.attributes if attribute.key != key]
    del span.attributes[:]
    span.attributes.extend(kept)


def _put(span: Span, key: str, value: str) -> None:
    _remove(span, key)
    span.attributes.add(key=key).value.string_value = value
