"""The page about what a fleet of Collectors takes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.bars import COLUMNS, Bar
from harness.pages import TEXT, page, table
from harness.samples import ratio, spread

from .cases import BY_SESSION, BY_SESSION_IN_MEMORY, BY_TRACE, BY_TRACE_IN_MEMORY, CASES, OTHERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BAR = 0.9

_WHAT = """\
# A fleet of Collectors

{date}, Linux x86_64, {cores} cores. OpenTelemetry Collector {version}. Written by `python -m trials.fleet`.

Spans per second of the CPU of one Collector, by configuration: requests of 512 spans made by our SDK, over OTLP/HTTP, uncompressed. The spans are the chat turns of
`make bench`, of a server, a model call and an HTTP client ({size:.0f} bytes a span). The sender and what is behind the Collector are not counted. {rounds} rounds of {spans:,} spans; in each round every configuration in turn, in another order. Medians, with
quartiles. Absolute figures depend on the machine; sender, sinks and all Collectors shared these cores. `GOGC={gogc}` is in the environment, as `deploy/` sets it.
"""


def text(
    found: Mapping[str, Sequence[float]],
    of_small: Mapping[str, Sequence[float]],
    facts: Mapping[str, object],
    in_memory: float,
    on_disk: float,
) -> str:
    """Return the page."""
    return page(
        _WHAT.format(**facts),
        table(("configuration", "does", "spans per CPU-second", "quartiles"), _rows(found), TEXT),
        "## By session, and by trace",
        _routing(found, of_small, facts),
        "## What is held",
        f"A span that waits in the memory of `gateway-session-tail.yaml`: **{in_memory:,.0f} bytes** of resident memory.",
        f"A span that waits on the disk of `agent.yaml`, its gateways away: **{on_disk:,.0f} bytes**.",
    )


def _rows(found: Mapping[str, Sequence[float]]) -> list[tuple[str, ...]]:
    spreads = {name: spread(samples) for name, samples in found.items()}
    return [
        (name, what, f"{spreads[name].value:,.0f}", spreads[name].quartiles(",.0f"))
        for name, what in ({case.name: case.what for case in CASES} | OTHERS).items()
        if name in found
    ]


def _routing(
    found: Mapping[str, Sequence[float]], of_small: Mapping[str, Sequence[float]], facts: Mapping[str, object]
) -> str:
    bars = [
        Bar(
            f"{spans}, {facts[size]:.0f} bytes each; queue {where}",
            ratio(samples[by_session], samples[by_trace]),
            _BAR,
            is_floor=True,
        )
        for spans, size, samples in (("chat turns", "size", found), ("small spans", "small", of_small))
        for where, by_session, by_trace in (
            ("on disk, as it stands", BY_SESSION, BY_TRACE),
            ("in memory", BY_SESSION_IN_MEMORY, BY_TRACE_IN_MEMORY),
        )
    ]
    return table(("throughput by session to that by trace id", "ratio", *COLUMNS), [bar.row() for bar in bars], TEXT)
