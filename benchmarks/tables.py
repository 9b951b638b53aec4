"""The tables of the report, in Markdown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import workloads
from harness.bars import COLUMNS
from harness.pages import table
from harness.samples import over, ratio, spread

from . import (
    encoding,
    exchanges,
    imports,
    memory,
    propagation,
    requests,
    sampler,
    scopes,
    spans,
    throughput,
    tools,
    turns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from harness.bars import Bar
    from harness.samples import Samples

    from ._interleaved import Key
    from .results import Results


def promises(bars: Iterable[Bar]) -> str:
    """Return the table of the bars."""
    return table(("promise", "measured", *COLUMNS), [bar.row() for bar in bars])


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
    contrib = found.get((turns.NEW_IDS, tools.CONTRIB))
    known = _of(found, turns.KNOWN_ID)
    rows = [
        (name, _ns(samples), spread(samples).quartiles(",.0f"), _ratio_text(samples, contrib), _ns(known[name]))
        for name, samples in _of(found, turns.NEW_IDS).items()
        if name != tools.NO_OP
    ]
    header = ("tool", f"ns per turn, {turns.NEW_IDS}", "quartiles", "ratio to contrib", f"ns, {turns.KNOWN_ID}")
    return table(header, rows)


def request_costs(found: Mapping[Key, Samples]) -> str:
    """Return the table of requests, next to their spans."""
    rows = [
        (what, spans, _ns(samples), _ratio_text(samples, found[spans, requests.SPANS]))
        for (spans, what), samples in found.items()
    ]
    return table(("ns of a request", "three spans", "ns", "ratio to the spans themselves"), rows)


def exchange_costs(found: Mapping[Key, Samples]) -> str:
    """Return the table of scopes with a turn, next to spans by hand."""
    plain = found[exchanges.NO_SESSION, exchanges.BY_HAND]
    rows = [(ids, what, _ns(samples), _ratio_text(samples, plain)) for (ids, what), samples in found.items()]
    return table(("around it", "what", "ns", "ratio to the last"), rows)


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


def export_stages(found: Mapping[Key, Samples]) -> str:
    """Return the table of what the exporter does, without ids and with them."""
    rows = [
        row
        for workload in workloads.ALL
        for stage in encoding.STAGES
        if (workload.title, stage, encoding.WITH) in found
        for row in [_stage(found, workload.title, stage)]
    ]
    header = ("µs per span", "stage", encoding.WITHOUT, encoding.WITH, "more")
    return f"{table(header, rows)}\n\nHow protobuf runs here: `{encoding.IMPLEMENTATION}`."


def _stage(found: Mapping[Key, Samples], workload: str, stage: str) -> Sequence[str]:
    ours, base = found[workload, stage, encoding.WITH], found.get((workload, stage, encoding.WITHOUT))
    if base is None:
        return workload, stage, "", f"{spread(ours).value / 1e3:.2f}", ""
    more = spread(over(ours, base)).value / 1e3
    return workload, stage, f"{spread(base).value / 1e3:.2f}", f"{spread(ours).value / 1e3:.2f}", f"{more:.2f}"


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
    api = found[imports.API,]
    rows = [
        (title, f"{spread(found[title,]).value / 1e6:.1f}", _ratio_text(found[title,], api)) for title in imports.TIMED
    ]
    return table(("statement", "ms of CPU", f"ratio to {imports.API}"), rows)


def what_was_run(results: Results) -> str:
    """Return the list of tools with what of them was run."""
    return "\n".join(f"- **{name}**: {how}." for name, how in (*results.tools.items(), *results.missing.items()))


def all_spans(found: Mapping[Key, Samples]) -> str:
    """Return both tables of single spans."""
    return f"### With two ids\n\n{span_costs(found)}\n\n### By situation\n\n{span_situations(found)}"


OF: dict[str, Callable[[Mapping[Key, Samples]], str]] = {
    "turns": turn_costs,
    "requests": request_costs,
    "spans": all_spans,
    "scopes": scope_costs,
    "exchanges": exchange_costs,
    "propagation": wire_costs,
    "sampler": sampler_costs,
    "throughput": exported_spans,
    "encoding": export_stages,
    "imports": import_times,
}
"""The table of each area of what is measured."""


def _of(found: Mapping[Key, Samples], first: str) -> dict[str, Samples]:
    return {key[1]: samples for key, samples in found.items() if key[0] == first}


def _ns(samples: Samples | None) -> str:
    return "" if samples is None else f"{spread(samples).value:,.0f}"


def _bytes(value: float | None) -> str:
    return "" if value is None else f"{abs(value):,.0f}"


def _ratio_text(above: Samples, below: Samples | None) -> str:
    return "" if below is None else f"{ratio(above, below).value:.2f}"
