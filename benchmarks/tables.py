"""The tables of the report, in Markdown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import workloads
from harness.bars import COLUMNS, VERDICTS
from harness.pages import table
from harness.samples import ratio, spread

from . import bars, imports, memory, propagation, sampler, scopes, spans, throughput, tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.bars import Bar
    from harness.samples import Samples

    from ._interleaved import Key
    from .results import Results


def promises(results: Results) -> str:
    """Return the table of the bars."""
    rows = [bar.row() for bar in all_bars(results)]
    return table(("promise", "measured", *COLUMNS), [*rows, _promise_on_imports(results)])


def all_bars(results: Results) -> Iterator[Bar]:
    """Return all bars that are ratios."""
    yield from bars.of_spans(results.spans)
    yield from bars.of_scopes(results.scopes)
    yield from bars.of_propagation(results.propagation)
    yield from bars.of_sampler(results.sampler)
    yield from bars.of_throughput(results.throughput)


def _promise_on_imports(results: Results) -> Sequence[str]:
    what = "`import otel_sessions` loads the SDK, a server, a client or a command line"
    unwanted = imports.unwanted(results.loaded)
    return what, ", ".join(unwanted) or "no", "", "no", VERDICTS[not unwanted]


def span_costs(found: Mapping[Key, Samples]) -> str:
    """Return the table of spans with two ids, next to contrib's processor."""
    contrib = found.get((spans.TWO_IDS, tools.CONTRIB))
    rows = [
        (name, _ns(samples), spread(samples).quartiles(",.0f"), _ratio_text(samples, contrib))
        for name, samples in _of(found, spans.TWO_IDS).items()
        if name != tools.NO_OP
    ]
    return table(("tool", "ns above no-op", "quartiles", "ratio to contrib"), rows)


def span_situations(found: Mapping[Key, Samples]) -> str:
    """Return the table of all situations by tool."""
    names = [name for name in tools.NAMES if any(name == tool for _, tool in found)]
    header = ("ns", *("whole span, no-op" if name == tools.NO_OP else name for name in names))
    rows = [(each.title, *(_ns(found.get((each.title, name))) for name in names)) for each in spans.SITUATIONS]
    return table(header, rows)


def scope_costs(found: Mapping[Key, Samples]) -> str:
    """Return the table of entering and leaving, by place."""
    peer = found.get((scopes.EMPTY, scopes.USING_ATTRIBUTES))
    rows = [
        (
            f"{name} ({scopes.NOTES[name]})" if name in scopes.NOTES else name,
            *(_ns(found[place, name]) for place in scopes.PLACES),
            _ratio_text(samples, peer),
        )
        for name, samples in _of(found, scopes.EMPTY).items()
    ]
    return table(("ns", *scopes.PLACES, "ratio to `using_attributes`, empty context"), rows)


def turn_costs(found: Mapping[Key, Samples]) -> str:
    """Return the table of chat turns, next to contrib's processor."""
    contrib = found.get((tools.CONTRIB,))
    rows = [
        (name, _ns(samples), spread(samples).quartiles(",.0f"), _ratio_text(samples, contrib))
        for (name,), samples in found.items()
        if name != tools.NO_OP
    ]
    return table(("tool", "ns per turn", "quartiles", "ratio to contrib"), rows)


def wire_costs(found: Mapping[Key, Samples]) -> str:
    """Return the table of writing and reading headers."""
    return _beside(found, propagation.OURS, propagation.SDK)


def sampler_costs(found: Mapping[Key, Samples]) -> str:
    """Return the table of root spans by sampler."""
    return _beside(found, sampler.OURS, sampler.SDK)


def _beside(found: Mapping[Key, Samples], ours: str, theirs: str) -> str:
    rows = [
        (
            situation,
            what,
            _ns(samples),
            _ns(found[situation, what, theirs]),
            _ratio_text(samples, found[situation, what, theirs]),
        )
        for (situation, what, name), samples in found.items()
        if name == ours
    ]
    return table(("situation", "ns of", ours, theirs, "ratio"), rows)


def exported_spans(found: Mapping[Key, Samples]) -> str:
    """Return the table of spans per second."""
    rows = [
        row
        for workload in workloads.ALL
        for name in throughput.PIPELINES
        if (workload.title, name, throughput.WALL) in found
        for row in [_exported(found, workload.title, name)]
    ]
    return table(("workload", "ids", "spans/s", "ratio", "quartiles", "ratio of CPU"), rows)


def _exported(found: Mapping[Key, Samples], workload: str, name: str) -> Sequence[str]:
    wall, cpu = found[workload, name, throughput.WALL], found[workload, name, throughput.CPU]
    rate = f"{1e9 / spread(wall).value:,.0f}"
    if name == throughput.WITHOUT:
        return workload, name, rate, "1", "", "1"
    by_wall = ratio(found[workload, throughput.WITHOUT, throughput.WALL], wall)
    by_cpu = ratio(found[workload, throughput.WITHOUT, throughput.CPU], cpu)
    return "", name, rate, f"{by_wall.value:.2f}", by_wall.quartiles(".2f"), f"{by_cpu.value:.2f}"


def held_bytes(found: Mapping[Key, float]) -> str:
    """Return the table of memory."""
    rows = [
        (name, *(_above(found, title, name) for title in memory.SPANS), _bytes(found.get((memory.SCOPE, name))))
        for name in dict.fromkeys(tool for _, tool in found)
    ]
    header = ("bytes", *(f"{title}, above no-op" for title in memory.SPANS), memory.SCOPE)
    return table(header, rows)


def _above(found: Mapping[Key, float], title: str, name: str) -> str:
    base = found[title, tools.NO_OP]
    return f"{base:,.0f} (whole)" if name == tools.NO_OP else _bytes(found[title, name] - base)


def import_times(found: Mapping[Key, Samples]) -> str:
    """Return the table of import times."""
    sdk = found[imports.SDK,]
    rows = [
        (f"`import {modules}`", f"{spread(found[modules,]).value / 1e6:.1f}", _ratio_text(found[modules,], sdk))
        for modules in imports.TIMED
    ]
    return table(("statement", "ms of CPU", f"ratio to `{imports.SDK}`"), rows)


def what_was_run(results: Results) -> str:
    """Return the list of tools with what of them was run."""
    return "\n".join(f"- **{name}**: {how}." for name, how in (*results.tools.items(), *results.missing.items()))


def _of(found: Mapping[Key, Samples], first: str) -> dict[str, Samples]:
    return {key[1]: samples for key, samples in found.items() if key[0] == first}


def _ns(samples: Samples | None) -> str:
    return "" if samples is None else f"{spread(samples).value:,.0f}"


def _bytes(value: float | None) -> str:
    return "" if value is None else f"{abs(value):,.0f}"


def _ratio_text(above: Samples, below: Samples | None) -> str:
    return "" if below is None else f"{ratio(above, below).value:.2f}"
