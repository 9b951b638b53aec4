"""What the project has promised, next to what was measured. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import workloads
from harness.bars import Bar
from harness.samples import ratio

from . import propagation, sampler, scopes, spans, throughput, tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.samples import Samples, Spread

    from ._interleaved import Key


def of_spans(found: Mapping[Key, Samples]) -> Iterator[Bar]:
    """Return the promises on the cost of a span, all above a no-op processor."""

    def against_contrib(situation: str, limit: float) -> Bar:
        what = f"cost per span, {situation}: to `BaggageSpanProcessor`"
        return Bar(what, _ratio(found, (situation, tools.OURS), (situation, tools.CONTRIB)), limit)

    yield against_contrib(spans.TWO_IDS, 0.80)
    yield against_contrib(spans.FOREIGN_10, 0.50)
    own = _ratio(found, (spans.FOREIGN_10, tools.OURS), (spans.TWO_IDS, tools.OURS))
    yield Bar(f"cost per span, {spans.FOREIGN_10}: to our own without them", own, 1.1)
    yield against_contrib(spans.NOTHING, 1.0)
    yield against_contrib(spans.BARE_PARENT, 3.0)
    yield against_contrib(spans.PARENT_WITH_8, 3.0)


def of_scopes(found: Mapping[Key, Samples]) -> Iterator[Bar]:
    """Return the promises on entering and leaving a scope."""
    measured = _ratio(found, (scopes.EMPTY, scopes.OURS), (scopes.EMPTY, scopes.USING_ATTRIBUTES))
    yield Bar("enter and leave with two ids: to openinference `using_attributes`", measured, 1.0)


def of_propagation(found: Mapping[Key, Samples]) -> Iterator[Bar]:
    """Return the promises on what goes over the wire."""
    for situation in (propagation.TWO_IDS, propagation.FOREIGN_3):
        measured = _ratio(
            found,
            (situation, propagation.BOTH, propagation.OURS),
            (situation, propagation.BOTH, propagation.SDK),
        )
        what = f"{propagation.BOTH}, {situation}: to {propagation.SDK}"
        yield Bar(what, measured, propagation.LIMIT)


def of_sampler(found: Mapping[Key, Samples]) -> Iterator[Bar]:
    """Return the promises on the sampler."""
    for situation in (sampler.ONE_SESSION, sampler.NEW_SESSIONS):
        measured = _ratio(
            found, (situation, sampler.DECISION, sampler.OURS), (situation, sampler.DECISION, sampler.SDK)
        )
        yield Bar(f"{sampler.DECISION} of a root span, {situation}: to the {sampler.SDK}", measured, sampler.LIMIT)


def of_throughput(found: Mapping[Key, Samples]) -> Iterator[Bar]:
    """Return the promises on the spans per second; a rate is the inverse of what a span takes."""
    title = workloads.CHAT.title
    without, with_us = (title, throughput.WITHOUT, throughput.WALL), (title, throughput.WITH, throughput.WALL)
    yield Bar(
        "spans per second through the batch OTLP exporter, chat turns: with to without",
        _ratio(found, without, with_us),
        0.95,
        is_floor=True,
    )


def _ratio(found: Mapping[Key, Samples], above: Key, below: Key) -> Spread | None:
    return ratio(found[above], found[below]) if above in found and below in found else None
