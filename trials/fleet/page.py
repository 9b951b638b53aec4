"""The page about what a fleet of Collectors takes. Pure."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING

from .cases import BY_SESSION, BY_SESSION_IN_MEMORY, BY_TRACE, BY_TRACE_IN_MEMORY, CASES, OTHERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BAR = 0.9

_WHAT = """\
# A fleet of Collectors

{date}, Linux x86_64, {cores} cores. OpenTelemetry Collector {version}. Written by `python -m trials.fleet`.

Spans per second of the CPU of one Collector, by configuration: requests of 512 spans made by our SDK, over OTLP/HTTP, uncompressed. The spans are the chat turns of
`make bench`, of a server, a model call and an HTTP client ({size:.0f} bytes a span). The sender and what is behind the Collector are not counted. {rounds} rounds of {spans:,} spans; in each round every configuration in turn, in another order. Medians, with
quartiles. Absolute figures depend on the machine; sender, sinks and all Collectors shared these cores.
"""


def text(
    found: Mapping[str, Sequence[float]],
    of_small: Mapping[str, Sequence[float]],
    facts: Mapping[str, object],
    in_memory: float,
    on_disk: float,
) -> str:
    """Return the page."""
    parts = [
        _WHAT.format(**facts),
        _table(("configuration", "does", "spans per CPU-second", "quartiles"), _rows(found)),
        "## By session, and by trace",
        _routing(found, of_small, facts),
        "## What is held",
        f"A span that waits in the memory of `gateway-session-tail.yaml`: **{in_memory:,.0f} bytes** of resident memory.",
        f"A span that waits on the disk of `agent.yaml`, its gateways away: **{on_disk:,.0f} bytes**.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _rows(found: Mapping[str, Sequence[float]]) -> list[tuple[str, ...]]:
    return [
        (name, what, f"{median(found[name]):,.0f}", _quartiles(found[name]))
        for name, what in ({case.name: case.what for case in CASES} | OTHERS).items()
        if name in found
    ]


def _routing(
    found: Mapping[str, Sequence[float]], of_small: Mapping[str, Sequence[float]], facts: Mapping[str, object]
) -> str:
    rows = [
        _ratio(f"{spans}, {facts[size]:.0f} bytes each; queue {where}", samples[by_session], samples[by_trace])
        for spans, size, samples in (("chat turns", "size", found), ("small spans", "small", of_small))
        for where, by_session, by_trace in (
            ("on disk, as it stands", BY_SESSION, BY_TRACE),
            ("in memory", BY_SESSION_IN_MEMORY, BY_TRACE_IN_MEMORY),
        )
    ]
    return _table(("throughput by session to that by trace id", "ratio", "quartiles", "bar", "verdict"), rows)


def _ratio(what: str, by_session: Sequence[float], by_trace: Sequence[float]) -> tuple[str, ...]:
    ratios = [session / trace for session, trace in zip(by_session, by_trace, strict=True)]
    value = median(by_session) / median(by_trace)
    low, _, high = quantiles(ratios, n=4)
    return what, f"{value:.2f}", f"{low:.2f} to {high:.2f}", f"≥ {_BAR:.2f}", "met" if value >= _BAR else "**not met**"


def _quartiles(samples: Sequence[float]) -> str:
    low, _, high = quantiles(samples, n=4)
    return f"{low:,.0f} to {high:,.0f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))
