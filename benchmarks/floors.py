"""What the least code takes that could be called by the same name, beside ours and the peer that a promise names.

The least promises nothing else: it checks no id, finds no span again, and lets a block end where it likes. So it tells
how low a bar could be met by any code, in the same run and on the same machine.

Run as ``python -m benchmarks.floors``: it prints the table, and writes `results/floors.md`.
"""

from __future__ import annotations

import argparse
import hashlib
from contextlib import nullcontext
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import baggage
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import SpanKind, get_current_span

from harness import output, pages
from harness.environment import here
from harness.isolation import isolate
from harness.pipelines import attached, tracer_with
from harness.samples import over, ratio
from otel_sessions import set_session
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._pipeline.sampler import parentbased_session_ratio
from otel_sessions.sdk import SessionSpanProcessor

from . import exchanges, requests, sampler, scopes, spans, turns
from . import tools as known
from ._interleaved import Case, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.sdk.trace import Span
    from opentelemetry.trace import Tracer
    from typing_extensions import Self

    from ._interleaved import Key

    Burst = Callable[[int], object]
    Scope = Callable[[str], AbstractContextManager[object]]
    Inside = Callable[[], AbstractContextManager[object]]

_RESULTS = output.ROOT / "benchmarks" / "results"
_SESSION, _USER = known.IDS
(_BAGGAGE_KEY,) = baggage.set_baggage("any", "thing", Context())

_PAGE = """\
# Floors

{date}, {python}, {system}, {cores} cores. {rounds} rounds of {repeats}. Written by `python -m benchmarks.floors`.

What the least code takes that could be called by the same name, beside ours, both as a ratio to what a promise compares
with. The least promises nothing else: it checks no id, finds no span again for a session that comes late, and lets a
block end where it likes.
What a no-op processor takes for the same spans is taken off wherever the promise does so. Medians; all were measured in
turn in one run.

{table}
"""


class _Row(NamedTuple):
    """One promise: ``below`` is taken off from ours and the least, ``below_peer`` from the peer, where there is something."""

    what: str
    bar: float
    peer: Burst
    ours: Burst
    least: Burst
    below: Burst | None = None
    below_peer: Burst | None = None
    inside: Inside = nullcontext


class _Stamping(SpanProcessor):
    """Puts two ids of the baggage into the store of a span."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        entries: Any = (get_current() if parent_context is None else parent_context).get(_BAGGAGE_KEY)
        if entries:
            _put(span, entries)


class _FromParent(SpanProcessor):
    """Puts the two ids of the parent span there, where it has them."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        parent = (get_current() if parent_context is None else parent_context).get(SPAN_KEY)
        if parent is not None and _SESSION in (entries := _store_of(parent)._dict):  # noqa: SLF001  # see `attribute_store`
            _put(span, entries)


def _put(span: object, entries: Mapping[str, Any]) -> None:
    store = _store_of(span)
    with store._lock:  # noqa: SLF001  # as above
        kept = store._dict  # noqa: SLF001  # as above
        kept[_SESSION] = entries[_SESSION]
        kept[_USER] = entries[_USER]


def _store_of(span: Any) -> Any:
    return span._attributes  # noqa: SLF001  # as above


class _Scope:
    """Attaches one dict of baggage."""

    __slots__ = ("_session_id", "_token")

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id

    def __enter__(self) -> Self:
        context = get_current()
        entries = {**context.get(_BAGGAGE_KEY, {}), _SESSION: self._session_id, _USER: known.USER_ID}  # type: ignore[dict-item]
        self._token = attach(Context({**context, _BAGGAGE_KEY: entries}))
        return self

    def __exit__(self, *_: object) -> None:
        detach(self._token)


class _Known:
    """Attaches a Context that was made before, where it is entered in the same one again."""

    __slots__ = ("_token",)
    _made: tuple[Context, Context] | None = None

    def __init__(self, _: str) -> None:
        """Take an id, which is always the same."""

    def __enter__(self) -> Self:
        context = get_current()
        made = _Known._made
        if made is None or made[0] is not context:
            with _Scope(known.SESSION_ID):
                made = _Known._made = context, get_current()
        self._token = attach(made[1])
        return self

    def __exit__(self, *_: object) -> None:
        detach(self._token)


class _Least(Sampler):
    """Decides by a hash of the session id."""

    def should_sample(self, parent_context: Context | None, trace_id: int, name: str, *args: Any, **_: Any) -> Any:  # noqa: ARG002
        session_id: Any = baggage.get_baggage(_SESSION, parent_context)
        is_kept = int.from_bytes(hashlib.sha256(session_id.encode()).digest()[:7], "big") < sampler.RATIO * 2**56
        decision = Decision.RECORD_AND_SAMPLE if is_kept else Decision.DROP
        return SamplingResult(decision, None, get_current_span(parent_context).get_span_context().trace_state)

    def get_description(self) -> str:
        return "the least"


class _Tracers(NamedTuple):
    """Of providers that have one processor each."""

    nothing: Tracer
    ours: Tracer
    contrib: Tracer
    stamping: Tracer
    from_parent: Tracer


def _rows() -> Iterator[_Row]:
    theirs = known.load({known.CONTRIB})[0][known.CONTRIB]
    processors = SpanProcessor(), SessionSpanProcessor(), theirs.processor(), _Stamping(), _FromParent()
    tracers = _Tracers(*map(tracer_with, processors))
    yield _of_turns(tracers, theirs.scope)
    yield from _of_requests(tracers)
    yield from _of_spans(tracers)
    yield from _of_scopes()
    yield _of_exchanges(tracers)
    yield _of_sampler()


def _of_turns(tracers: _Tracers, scope: Scope) -> _Row:
    alone = _turns(tracers.nothing, known.no_scope)
    bursts = _turns(tracers.contrib, scope), _turns(tracers.ours, known.our_scope), _turns(tracers.stamping, _Scope)
    return _Row("chat turn, id not seen before", 0.50, *bursts, alone, alone)


def _of_requests(tracers: _Tracers) -> Iterator[_Row]:
    alone = _request(tracers.nothing)
    ours, least = _request(tracers.ours, known.our_scope), _request(tracers.stamping, _Scope)
    yield _Row("request, `set_session` around it", 0.25, alone, ours, least, alone)
    ours, least = _request(tracers.ours, inside=requests.bind), _request(tracers.from_parent, inside=_bind)
    yield _Row("request, `bind_session` in it", 0.35, alone, ours, least, alone)


def _of_spans(tracers: _Tracers) -> Iterator[_Row]:
    """What is above a span of a provider without any."""

    def row(what: str, bar: float, context: Context, least: Tracer, peer_in: Context) -> _Row:
        peer, below_peer = (_in(peer_in, spans.burst_of(each, None)) for each in (tracers.contrib, tracers.nothing))
        bursts = (_in(context, spans.burst_of(each, None)) for each in (tracers.ours, least, tracers.nothing))
        return _Row(what, bar, peer, *bursts, below_peer)

    sent = known.with_baggage(known.IDS, Context())
    shown, bare = spans.context_of_span(known.IDS), spans.context_of_span()
    yield row("span, ids in the baggage of a request", 0.50, sent, tracers.stamping, sent)
    yield row("span, lost context", 0.66, shown, tracers.from_parent, sent)
    yield row("span, no session, empty context", 1.0, Context(), tracers.stamping, Context())
    yield row("span, no session, child of a span", 1.2, bare, tracers.from_parent, bare)


def _of_scopes() -> Iterator[_Row]:
    using, new, again = scopes.using_attributes_burst(), scopes.ours_with_new_ids(), scopes.ours()
    other = set_session(Context(), "another-session", user_id=known.USER_ID).context
    yield _Row("enter and leave, id not seen before", 1.2, using, new, _entered(_Scope), inside=_at(Context()))
    yield _Row("the same inside another session", 1.5, using, new, _entered(_Scope), inside=_at(other))
    yield _Row("enter and leave, known id", 0.85, using, again, _entered(_Known), inside=_at(Context()))


def _of_exchanges(tracers: _Tracers) -> _Row:
    current, plain = exchanges.by_hand(exchanges.told_turn(tracers.ours))
    by_hand = exchanges.unscoped_burst(plain, tracers.ours)
    ours = exchanges.scoped_burst(exchanges.told_turn, known.new_ids(), tracers.ours)
    return _Row("scope and `turn`, id not seen before", 1.5, by_hand, ours, _exchanged(tracers.stamping, current))


def _turns(tracer: Tracer, scope: Scope) -> Burst:
    ids = known.new_ids()

    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            with scope(session_id):
                turns.three_spans(tracer)

    return burst


def _request(tracer: Tracer, scope: Scope | None = None, inside: Callable[[str], None] = requests.nothing) -> Burst:
    ids, request = known.new_ids(), requests.request_in(tracer, None, inside)

    def plain(count: int) -> None:
        for session_id in islice(ids, count):
            request(session_id)

    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            with scope(session_id):  # type: ignore[misc]
                request(session_id)

    return plain if scope is None else burst


def _bind(session_id: str) -> None:
    _put(get_current_span(), {_SESSION: session_id, _USER: known.USER_ID})


def _in(context: Context, burst: Burst) -> Burst:
    def inside(count: int) -> None:
        with attached(context):
            burst(count)

    return inside


def _at(context: Context) -> Inside:
    return lambda: attached(context)


def _entered(scope: Scope) -> Burst:
    ids = repeat(known.SESSION_ID) if scope is _Known else known.new_ids()

    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            with scope(session_id):
                pass

    return burst


def _exchanged(tracer: Tracer, exchange: Callable[[Tracer], object]) -> Burst:
    ids = known.new_ids()

    def burst(count: int) -> None:
        for session_id in islice(ids, count):
            with _Scope(session_id):
                exchange(tracer)

    return burst


def _of_sampler() -> _Row:
    contexts = [set_session(Context(), each).context for each in islice(known.new_ids(), 1_000)]
    trace_ids = [number * 0x9E3779B97F4A7C15 << 64 | number for number in range(1, 1_010)]
    peer, ours, least = (
        sampler.decisions(each, trace_ids, contexts, SpanKind.SERVER, None)
        for each in (
            ParentBased(TraceIdRatioBased(sampler.RATIO)),
            parentbased_session_ratio(str(sampler.RATIO)),
            _Least(),
        )
    )
    return _Row("`should_sample`, a session not seen before", 2.0, peer, ours, least, inside=sampler.forgetful)


def _cases(rows: Sequence[_Row]) -> Iterator[Case]:
    for row in rows:
        for name in ("peer", "ours", "least", "below", "below_peer"):
            burst: Burst | None = getattr(row, name)
            if burst is not None:
                yield Case((row.what, name), burst, row.inside)


def _told(row: _Row, samples: dict[Key, list[float]]) -> tuple[str, ...]:
    def above(name: str, base: str) -> list[float]:
        found = samples[row.what, name]
        return over(found, samples[row.what, base]) if getattr(row, base) is not None else found

    peer = above("peer", "below_peer")
    ours, least = (f"{ratio(above(name, 'below'), peer).value:.2f}" for name in ("ours", "least"))
    return row.what, f"{row.bar:.2f}", ours, least


def main() -> None:
    """Measure, print the page, and write it."""
    parser = argparse.ArgumentParser("python -m benchmarks.floors", description=__doc__)
    output.add_to(parser, _RESULTS)
    arguments = parser.parse_args()
    isolate()
    rounds, repeats = (3, 5) if arguments.quick else (200, 50)
    rows = list(_rows())
    samples = measure(list(_cases(rows)), rounds, repeats)
    told = pages.table(("promise", "bar", "ours", "the least"), [_told(row, samples) for row in rows])
    text = _PAGE.format(**here(), rounds=rounds, repeats=repeats, table=told)
    print(text)
    with output.folder_of(arguments, _RESULTS) as folder:
        (folder / "floors.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
