"""What it costs to decide on a root span, next to the SDK's sampler by trace id; and that no session is split."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from harness.pipelines import tracer_with
from harness.workloads import HTTP_CLIENT
from otel_sessions import set_session
from otel_sessions._pipeline.sampler import _verdict_on, parentbased_session_ratio

from ._interleaved import Case, measure
from .tools import new_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.sdk.trace.sampling import Sampler

    from ._interleaved import Key

    Burst = Callable[[int], object]

RATIO = 0.1
LIMIT = 2.0
"""The bar: at most this ratio to the SDK's sampler, for a root span."""

OURS = "otel-sessions `parentbased_session_ratio`"
SDK = "SDK `ParentBased(TraceIdRatioBased)`"

ONE_SESSION = "one session"
NEW_SESSIONS = "a session not seen before for each root"
NO_SESSION = "no session"
ONE_CLIENT = "one session, client spans with 8 attributes"

DECISION = "`should_sample`"
DROPPED = "`start_span` and `end`, dropped"
KEPT = "`start_span` and `end`, kept"
"""What is measured: the decision alone at `RATIO`; and whole spans with nothing or everything kept, as a recording
span costs several times one that is dropped, and the two samplers keep different ones."""

_SAMPLERS: dict[str, Callable[[float], Sampler]] = {
    OURS: lambda share: parentbased_session_ratio(str(share)),
    SDK: lambda share: ParentBased(TraceIdRatioBased(share)),
}


def run(rounds: int, repeats: int) -> dict[Key, list[float]]:
    """Return the nanoseconds of one root span, by situation, by what of it, and by sampler."""
    return measure(list(_cases(repeats)), rounds, repeats)


def _cases(repeats: int) -> Iterator[Case]:
    ids = RandomIdGenerator()
    trace_ids = [ids.generate_trace_id() for _ in range(1_009)]  # a prime number, so that sessions meet them all
    many = [set_session(Context(), session_id).context for session_id in islice(new_ids(), repeats)]
    situations = {
        ONE_SESSION: (many[:1], SpanKind.SERVER, None),
        NEW_SESSIONS: (many, SpanKind.SERVER, None),
        NO_SESSION: ([Context()], SpanKind.SERVER, None),
        ONE_CLIENT: (many[:1], SpanKind.CLIENT, HTTP_CLIENT),
    }
    for situation, (contexts, kind, attributes) in situations.items():
        inside = forgetful if situation == NEW_SESSIONS else nullcontext
        for name, make in _SAMPLERS.items():
            decide = decisions(make(RATIO), trace_ids, contexts, kind, attributes)
            yield Case((situation, DECISION, name), decide, inside)
            yield Case((situation, DROPPED, name), _spans(make(0.0), contexts, kind, attributes), inside)
            yield Case((situation, KEPT, name), _spans(make(1.0), contexts, kind, attributes), inside)


@contextmanager
def forgetful() -> Iterator[None]:
    """Have no verdict ready: each session of a burst is new."""
    _verdict_on.cache_clear()
    yield


def decisions(
    sampler: Sampler, trace_ids: Sequence[int], contexts: Sequence[Context], kind: SpanKind, attributes: object
) -> Burst:
    should_sample = sampler.should_sample
    turns = zip(cycle(contexts), cycle(trace_ids), strict=False)  # goes on where the last burst has stopped

    def burst(count: int) -> None:
        for context, trace_id in islice(turns, count):
            should_sample(context, trace_id, "chat", kind, attributes, ())

    return burst


def _spans(sampler: Sampler, contexts: Sequence[Context], kind: SpanKind, attributes: object) -> Burst:
    start_span = tracer_with(sampler=sampler).start_span
    turns = cycle(contexts)

    def burst(count: int) -> None:
        for context in islice(turns, count):
            start_span("chat", context, kind, attributes).end()

    return burst


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run over three services has kept.

    Attributes:
        sessions: How many there were.
        kept: How many of them were kept, whole or in part.
        split: How many of those lack a span of any service.
    """

    sessions: int
    kept: int
    split: int


def keep(sessions: int, traces: int) -> Kept:
    """Send so many traces of each session through three services, and count what is kept.

    Between them go nothing but the W3C headers of the trace: each service decides by what it got.
    """
    services = [_service() for _ in range(3)]
    sizes = [sum(_sent(services, session_id) for _ in range(traces)) for session_id in islice(new_ids(), sessions)]
    whole = traces * len(services)
    return Kept(sessions, sum(map(bool, sizes)), sum(0 < size < whole for size in sizes))


def _service() -> Callable[[dict[str, str]], bool]:
    """Return what takes a request, whose headers it replaces by its own, and tells whether it has kept its span."""
    tracer, propagator = tracer_with(sampler=parentbased_session_ratio(str(RATIO))), TraceContextTextMapPropagator()

    def serve(headers: dict[str, str]) -> bool:
        context = propagator.extract(headers, None if not headers else Context())
        with tracer.start_as_current_span("serve", context or None) as span:
            propagator.inject(headers)
        return span.is_recording() or span.get_span_context().trace_flags.sampled

    return serve


def _sent(services: Sequence[Callable[[dict[str, str]], bool]], session_id: str) -> int:
    headers: dict[str, str] = {}
    first, *others = services
    with set_session(session_id):
        kept = first(headers)
    return kept + sum(service(headers) for service in others)
