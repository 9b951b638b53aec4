"""Writes what one run has measured: a page of tables, and the figures as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.environment import here, told, versions
from harness.samples import spread

from . import bars, imports, tables

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
# Benchmarks on {python}

{date}, {python}, {system}, {cores} cores. {amounts}
{packages}.

Written by `python -m benchmarks`; the [overview](README.md) tells how it is measured. What counts are the ratios.

## Promises

{promises}

## A turn of a chat

Nanoseconds of CPU for entering, for three spans inside of each other that start with 8 attributes (of a server, a model
call and an HTTP client), and for leaving, less those of the same spans with a processor that does nothing and without a scope.

{turns}

## A request to a service

Nanoseconds of CPU for a server span and two spans inside of it, with an id that was not seen before; what
otel-sessions does is above the spans themselves.

{requests}

## Cost per span

Nanoseconds of CPU for starting and ending a span, less those with a processor that does nothing.

{spans}

The ids are set in each tool's own way. Where a cell is empty the tool has nothing to do with the situation.

## Enter and leave a scope

{scopes}

## A turn that tells what was said

Nanoseconds of CPU for a scope with a `turn` inside, which has an input and an output.

{exchanges}

## Over the wire

Nanoseconds of CPU in the client span of a request to an own host, for both propagators alike.

{propagation}

## Sampling

{sampler}

With the sampler at 10 %, of {kept_sessions} sessions of 5 traces in 3 services each, {kept_share} were kept, and {split} split.

## Spans per second

One thread makes spans in short rounds and flushes each round; `BatchSpanProcessor` and `OTLPSpanExporter` (http/protobuf)
send them to a receiver in another process, over the loopback interface. Python runs one thread at a time, so making
and exporting add up, and two more attributes per span are encoded too, whoever sets them: the floor shows that part.
With otel-sessions and contrib there is a scope around each turn.

{throughput}

### Where the exporter's time goes

Microseconds of CPU per span of a batch of 510, each turn in a session of its own, on the thread that exports.

{encoding}

## Memory

{held_bytes}

## Import

In fresh interpreters, with byte code in place. `import otel_sessions` loads {modules} modules of its own and of
`opentelemetry-api`, or of the standard library.

{imports}

## What was run

{what_was_run}
"""


def write(results: Results, folder: Path) -> None:
    """Write the page and the figures into ``folder``."""
    name = f"python-{here()['python'].split()[1].rpartition('.')[0]}"  # type: ignore[attr-defined]
    (folder / f"{name}.md").write_text(_page(results), encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(_figures(results), indent=1) + "\n", encoding="utf-8")


def _page(results: Results) -> str:
    return _PAGE.format(
        **here(),
        **{area: tables.OF[area](found) for area, found in results.figures.items()},
        packages=told(_PACKAGES),
        amounts=results.amounts,
        modules=len(results.loaded),
        promises=tables.promises(bars.of(results.figures)),
        kept_sessions=f"{results.kept.sessions:,}",
        kept_share=f"{results.kept.kept / results.kept.sessions:.2%}",
        split=results.kept.split,
        held_bytes=tables.held_bytes(results.memory),
        what_was_run=tables.what_was_run(results),
    )


def _figures(results: Results) -> dict[str, Any]:
    return {
        "environment": {**here(), "packages": versions(_PACKAGES), "amounts": results.amounts},
        "bars": [{**asdict(bar), "met": bar.is_met} for bar in bars.of(results.figures)],
        "unwanted": imports.unwanted(results.loaded),
        "ns": {area: _nested(found) for area, found in results.figures.items()},
        "sampler_sessions": asdict(results.kept),
        "memory_bytes": {" / ".join(key): round(value) for key, value in results.memory.items()},
        "missing": dict(results.missing),
    }


def _nested(found: Mapping[Key, Samples]) -> dict[str, Any]:
    return {
        " / ".join(key): {name: round(figure) for name, figure in asdict(spread(samples)).items()}
        for key, samples in found.items()
    }
