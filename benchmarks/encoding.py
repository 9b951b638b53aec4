"""Where the time of the OTLP exporter (http/protobuf) goes, and what of it two more attributes per span take.

Everything is done by the exporter's own public functions, on the thread that is timed. Beside it stands what the
protocol offers for values that many spans share: attributes of their instrumentation scope, written once for each.
"""

from __future__ import annotations

import gzip
from contextlib import ExitStack, nullcontext
from itertools import islice
from typing import TYPE_CHECKING

from google.protobuf.internal import api_implementation
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from harness import workloads
from harness.pipelines import provider_with
from harness.samples import over
from otel_sessions.sdk import SessionSpanProcessor

from . import receiver
from ._interleaved import Case, measure
from .tools import new_ids, our_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.workloads import Workload

    from ._interleaved import Key

WITHOUT = "without ids"
WITH = "two ids"

ENCODE = "make messages of the spans"
SERIALISE = "make bytes of the messages"
COMPRESS = "gzip, where it is asked for"
SEND = "the request"
SHARE = "ids as attributes of the instrumentation scope: copy the spans, make bytes"
HASH_5 = "in it, the hash of a resource of 5 attributes"
HASH_20 = "in it, the hash of a resource of 20 attributes"
STAGES = (ENCODE, HASH_5, HASH_20, SERIALISE, COMPRESS, SEND, SHARE)

IMPLEMENTATION = api_implementation.Type()
"""How protobuf runs: ``upb`` is the one in C."""

_BATCH = 510
"""Spans of a request: as many whole turns of each workload as go into the 512 of the batch processor."""


def run(rounds: int, repeats: int) -> dict[Key, list[float]]:
    """Return the nanoseconds per span, by workload, stage and ids."""
    with receiver.running() as url, ExitStack() as stack:
        exporter = OTLPSpanExporter(endpoint=url)
        stack.callback(exporter.shutdown)
        cases = [case for workload in workloads.ALL for case in _cases(workload, exporter)]
        samples = {key: [took / _BATCH for took in found] for key, found in measure(cases, rounds, repeats).items()}
    for (title, stage, ids), found in samples.items():
        if stage == SEND:
            before = (samples[title, each, ids] for each in (ENCODE, SERIALISE))
            samples[title, stage, ids] = over(over(found, next(before)), next(before))
    return samples


def _cases(workload: Workload, exporter: OTLPSpanExporter) -> Iterator[Case]:
    for ids in (WITHOUT, WITH):
        spans = _made(workload, with_ids=ids == WITH)
        messages = encode_spans(spans)
        text = messages.SerializePartialToString()
        stages: dict[str, Callable[[], object]] = {
            ENCODE: lambda spans=spans: encode_spans(spans),
            SERIALISE: messages.SerializePartialToString,
            COMPRESS: lambda text=text: gzip.compress(text),
            SEND: lambda spans=spans: exporter.export(spans),
        }
        if ids == WITH and workload is workloads.CHAT:
            stages |= {name: _hashes(size) for name, size in ((HASH_5, 5), (HASH_20, 20))}
            stages[SHARE] = lambda spans=spans: encode_spans(_sharing(spans)).SerializePartialToString()
        for stage, do in stages.items():
            yield Case((workload.title, stage, ids), _burst(do))


def _hashes(size: int) -> Callable[[], object]:
    """Return what finds the hash of a resource as often as the exporter asks for it: once for each span."""
    resource = Resource({f"k8s.pod.attribute.{number}": f"value-{number}-of-the-pod" for number in range(size)})
    return lambda: [hash(resource) for _ in range(_BATCH)]


def _burst(do: Callable[[], object]) -> Callable[[int], None]:
    def burst(count: int) -> None:
        for _ in range(count):
            do()

    return burst


def _made(workload: Workload, *, with_ids: bool) -> Sequence[ReadableSpan]:
    """Return a batch of spans, each turn in a session of its own."""
    kept = InMemorySpanExporter()
    provider = provider_with(*([SessionSpanProcessor()] if with_ids else []), SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("application")
    for session_id in islice(new_ids(), _BATCH // workload.spans):
        with our_scope(session_id) if with_ids else nullcontext():
            workload.turn(tracer)
    provider.shutdown()
    return kept.get_finished_spans()


def _sharing(spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """Return the spans with their ids on an instrumentation scope, which those of a session share."""
    scopes: dict[object, InstrumentationScope] = {}
    return [_copy(span, scopes) for span in spans]


def _copy(span: ReadableSpan, scopes: dict[object, InstrumentationScope]) -> ReadableSpan:
    attributes, own = dict(span.attributes or {}), span.instrumentation_scope
    assert own is not None
    ids = {key: attributes.pop(key) for key in ("session.id", "user.id")}
    scope = scopes.get(key := (own.name, *ids.values()))
    if scope is None:
        scope = scopes[key] = InstrumentationScope(own.name, own.version, own.schema_url, ids)
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=scope,
    )
