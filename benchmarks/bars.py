"""What the project has promised, next to what was measured. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import workloads
from harness.bars import Bar
from harness.samples import over, ratio

from . import exchanges, imports, propagation, requests, sampler, scopes, spans, throughput, tools, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.samples import Samples, Spread

    from ._interleaved import Key

    Found = Mapping[Key, Samples]

_CONTRIB = "`BaggageSpanProcessor`"
_USING = "openinference `using_attributes`"


def of(figures: Mapping[str, Found]) -> Iterator[Bar]:
    """Return the promises on what was measured, by the names of `OF`; the headline first."""
    for area, promises in OF.items():
        if area in figures:
            yield from promises(figures[area])


def _of_turns(found: Found) -> Iterator[Bar]:
    """A chat turn as services have it."""
    for ids, limit in ((turns.NEW_IDS, 0.50), (turns.KNOWN_ID, 0.50)):
        what = f"chat turn (enter, 3 spans with 8 attributes, leave), {ids}: to the same with {_CONTRIB}"
        yield Bar(what, _ratio(found, (ids, tools.OURS), (ids, tools.CONTRIB)), limit)


def _of_requests(found: Found) -> Iterator[Bar]:
    """What is added to a request, relative to what its spans cost."""
    for what, limit in ((requests.SET, 0.25), (requests.BIND, 0.35)):
        measured = _ratio(found, (requests.BARE, what), (requests.BARE, requests.SPANS))
        yield Bar(f"request of three spans, id not seen before: {what} adds, to the spans themselves", measured, limit)


def _of_spans(found: Found) -> Iterator[Bar]:
    """What a span costs, all above a no-op processor."""

    def against_contrib(situation: str, limit: float, theirs: str | None = None) -> Bar:
        with_theirs = "" if theirs is None else f" with {theirs}"
        measured = _ratio(found, (situation, tools.OURS), (theirs or situation, tools.CONTRIB))
        return Bar(f"span, {situation}: to {_CONTRIB}{with_theirs}", measured, limit)

    yield against_contrib(spans.TWO_IDS, 0.36)
    yield against_contrib(spans.FOREIGN_10, 0.50)
    own = _ratio(found, (spans.FOREIGN_10, tools.OURS), (spans.TWO_IDS, tools.OURS))
    yield Bar(f"span, {spans.FOREIGN_10}: to our own without them", own, 1.1)
    yield against_contrib(spans.REMOTE, 0.50)
    # Nobody else finds these ids. What it took before was 2.2 of what contrib's takes for ids that are at hand.
    yield against_contrib(spans.LOST, 0.66, spans.TWO_IDS)
    yield against_contrib(spans.NOTHING, 1.0)
    yield against_contrib(spans.BARE_PARENT, 1.2)
    yield against_contrib(spans.PARENT_WITH_8, 1.2)


def _of_scopes(found: Found) -> Iterator[Bar]:
    """What entering and leaving a scope costs, wherever it is."""

    def against_using(what: str, place: str, ours: str, limit: float) -> Bar:
        measured = _ratio(found, (place, ours), (place, scopes.USING_ATTRIBUTES))
        return Bar(f"enter and leave, {what}: to {_USING}", measured, limit)

    yield against_using("id not seen before", scopes.EMPTY, scopes.OURS_NEW_IDS, 1.2)
    yield against_using("id not seen before, inside another session", scopes.IN_SESSION, scopes.OURS_NEW_IDS, 1.5)
    yield against_using("known id, inside another session", scopes.IN_SESSION, scopes.OURS, 1.5)
    yield Bar(f"enter and leave, made id (`uuid4` not counted): to {_USING}", _without_uuid4(found), 1.5)
    yield against_using("known id", scopes.EMPTY, scopes.OURS, 0.85)


def _without_uuid4(found: Found) -> Spread:
    made = over(found[scopes.EMPTY, scopes.OURS_GENERATED], found[scopes.EMPTY, scopes.UUID4])
    return ratio(made, found[scopes.EMPTY, scopes.USING_ATTRIBUTES])


def _of_exchanges(found: Found) -> Iterator[Bar]:
    """What `turn` costs, beside a span that has the same attributes."""
    for ids in turns.IDS:
        alone = found[ids, exchanges.SCOPE]
        measured = ratio(*(over(found[ids, what], alone) for what in (exchanges.TURN, exchanges.BY_HAND)))
        yield Bar(f"`turn` in a session, {ids}: to {exchanges.BY_HAND} there", measured, 1.5)
    for ids in turns.IDS:
        measured = ratio(found[ids, exchanges.TURN], found[exchanges.NO_SESSION, exchanges.BY_HAND])
        yield Bar(f"scope and `turn`, {ids}: to {exchanges.BY_HAND}, {exchanges.NO_SESSION}", measured, 1.5)


def _of_propagation(found: Found) -> Iterator[Bar]:
    """What goes over the wire."""
    for situation in (propagation.TWO_IDS, propagation.FOREIGN_3):
        measured = _ratio(
            found,
            (situation, propagation.BOTH, propagation.OURS),
            (situation, propagation.BOTH, propagation.SDK),
        )
        yield Bar(f"{propagation.BOTH}, {situation}: to {propagation.SDK}", measured, propagation.LIMIT)


def _of_sampler(found: Found) -> Iterator[Bar]:
    for situation in (sampler.ONE_SESSION, sampler.NEW_SESSIONS):
        measured = _ratio(
            found, (situation, sampler.DECISION, sampler.OURS), (situation, sampler.DECISION, sampler.SDK)
        )
        yield Bar(f"{sampler.DECISION} of a root span, {situation}: to the {sampler.SDK}", measured, sampler.LIMIT)


def _of_throughput(found: Found) -> Iterator[Bar]:
    """What is left of the spans per second; a rate is the inverse of what a span takes."""
    for workload in workloads.ALL:
        by_hand, ours = ((workload.title, name, throughput.WALL) for name in (throughput.BY_HAND, throughput.WITH))
        what = f"spans per second through the batch OTLP exporter, {workload.name}: to two attributes set by hand"
        yield Bar(what, _ratio(found, by_hand, ours), 0.98, is_floor=True)


def _of_imports(found: Found) -> Iterator[Bar]:
    measured = _ratio(found, (imports.FIRST_USE,), (imports.API,))
    yield Bar(f"{imports.FIRST_USE}: to {imports.API}", measured, 1.3)


OF: dict[str, Callable[[Found], Iterator[Bar]]] = {
    "turns": _of_turns,
    "requests": _of_requests,
    "spans": _of_spans,
    "scopes": _of_scopes,
    "exchanges": _of_exchanges,
    "propagation": _of_propagation,
    "sampler": _of_sampler,
    "throughput": _of_throughput,
    "imports": _of_imports,
}
"""The promises on each area of what is measured."""


def _ratio(found: Found, above: Key, below: Key) -> Spread | None:
    return ratio(found[above], found[below]) if above in found and below in found else None
