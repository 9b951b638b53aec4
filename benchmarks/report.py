"""Writes what was measured: a page of tables, the figures as JSON, and a picture."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.environment import here, told, versions
from harness.samples import spread

from . import picture, tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.samples import Samples

    from ._interleaved import Key
    from .results import Results

_PACKAGES = (
    "otel-sessions",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-processor-baggage",
    "logfire",
    "openinference-instrumentation",
    "traceloop-sdk",
    "langfuse",
)


_PAGE = """\
# Benchmarks

{date}, {python}, {system}, {cores} cores. {amounts}
{packages}.

Written by `python -m benchmarks`. What counts are the ratios: they were measured in one run, each thing in
turn with the others, and the absolute figures depend on the machine.

![Cost per span with two ids, by tool](span-cost.svg)

Langfuse's whole processor does more than stamping, so it is in the tables and not in the picture.

## Promises

{promises}

## Cost per span

Nanoseconds of CPU for starting and ending a span, less those with a processor that does nothing.

### With two ids

{span_costs}

### By situation

{span_situations}

The ids are set in each tool's own way. Where a cell is empty the tool has nothing to do with the situation.

## Enter and leave a scope

{scope_costs}

## A turn of a chat

Nanoseconds of CPU for entering, for three spans inside (of a server, a model call and an HTTP client), and for leaving,
less those of the same spans with a processor that does nothing and without a scope.

{turn_costs}

## Over the wire

Nanoseconds of CPU in the client span of a request to an own host, for both propagators alike.

{wire_costs}

## Sampling

{sampler_costs}

With the sampler at 10 %, of {kept_sessions} sessions of 5 traces in 3 services each, {kept_share} were kept, and {split} split.

## Spans per second

One thread makes spans in short rounds and flushes each round; `BatchSpanProcessor` and `OTLPSpanExporter` (http/protobuf)
send them to a receiver in another process, over the loopback interface. Python runs one thread at a time, so making
and exporting add up, and two more attributes per span are encoded too, whoever sets them: the floor shows that part.
With otel-sessions and contrib there is a scope around each turn.

{exported_spans}

## Memory

{held_bytes}

## Import

In fresh interpreters, with byte code in place. `import otel_sessions` loads {modules} modules of its own and of
`opentelemetry-api`, or of the standard library.

{import_times}

## What was run

{what_was_run}

## How

- A round runs a short burst of each case, in random order; a figure is the median over the rounds.
- A cost is the difference to the no-op processor in the same round; a ratio is the ratio of two medians. The quartiles
  of a ratio are those of the same ratio in ten blocks of successive rounds.
- The garbage collector runs between the rounds and not in the bursts, for all alike; for the spans per second it runs
  as it likes.
- Before anything is measured, a span of each case is looked at: it has to have the two ids, or none.
- Nothing leaves the machine.
"""


def write(results: Results, folder: Path) -> None:
    """Write the page, the figures and the picture into ``folder``."""
    (folder / "README.md").write_text(_page(results), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps(_figures(results), indent=1) + "\n", encoding="utf-8")
    picture.draw(results.spans, folder)


def _page(results: Results) -> str:
    return _PAGE.format(
        **here(),
        packages=told(_PACKAGES),
        amounts=results.amounts,
        modules=len(results.loaded),
        promises=tables.promises(results),
        span_costs=tables.span_costs(results.spans),
        span_situations=tables.span_situations(results.spans),
        scope_costs=tables.scope_costs(results.scopes),
        turn_costs=tables.turn_costs(results.turns),
        wire_costs=tables.wire_costs(results.propagation),
        sampler_costs=tables.sampler_costs(results.sampler),
        kept_sessions=f"{results.kept.sessions:,}",
        kept_share=f"{results.kept.kept / results.kept.sessions:.2%}",
        split=results.kept.split,
        exported_spans=tables.exported_spans(results.throughput),
        held_bytes=tables.held_bytes(results.memory),
        import_times=tables.import_times(results.imports),
        what_was_run=tables.what_was_run(results),
    )


def _figures(results: Results) -> dict[str, Any]:
    return {
        "environment": {**here(), "packages": versions(_PACKAGES), "amounts": results.amounts},
        "bars": [{**asdict(bar), "met": bar.is_met} for bar in tables.all_bars(results)],
        "spans_ns": _nested(results.spans),
        "scopes_ns": _nested(results.scopes),
        "turns_ns": _nested(results.turns),
        "propagation_ns": _nested(results.propagation),
        "sampler_ns": _nested(results.sampler),
        "sampler_sessions": asdict(results.kept),
        "throughput_ns": _nested(results.throughput),
        "memory_bytes": {" / ".join(key): round(value) for key, value in results.memory.items()},
        "imports_ns": _nested(results.imports),
        "loaded": list(results.loaded),
        "missing": dict(results.missing),
    }


def _nested(found: Mapping[Key, Samples]) -> dict[str, Any]:
    return {" / ".join(key): asdict(spread(samples)) for key, samples in found.items()}
