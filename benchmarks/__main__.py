"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from harness import output
from harness.isolation import isolate

if TYPE_CHECKING:
    from collections.abc import Callable

    from .results import Results

_T = TypeVar("_T")

_RESULTS = output.ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class _Amounts:
    """How much to run: rounds, and repetitions in each."""

    spans: tuple[int, int]
    scopes: tuple[int, int]
    turns: tuple[int, int]
    throughput: tuple[int, int]
    wire: tuple[int, int]
    sessions: int
    open_things: int
    imports: int

    def __str__(self) -> str:
        return (
            f"Spans: {_times(self.spans)}; scopes: {_times(self.scopes)}; "
            f"turns: {_times(self.turns)}; requests and roots: {_times(self.wire)}; exported spans: {_times(self.throughput)}; imports: {self.imports}."
        )


def _times(amounts: tuple[int, int]) -> str:
    rounds, repeats = amounts
    return f"{rounds} rounds of {repeats}"


_FULL = _Amounts(
    spans=(600, 60),
    scopes=(200, 200),
    turns=(300, 30),
    throughput=(60, 1_000),
    wire=(300, 150),
    sessions=10_000,
    open_things=10_000,
    imports=20,
)
_QUICK = _Amounts(
    spans=(20, 20),
    scopes=(20, 50),
    turns=(20, 5),
    throughput=(4, 600),
    wire=(20, 30),
    sessions=500,
    open_things=1_000,
    imports=4,
)


def main() -> int:
    """Measure everything and write the report."""
    arguments = _parsed()
    isolate(LANGFUSE_TRACING_ENABLED="false")
    amounts = _QUICK if arguments.quick else _FULL
    results = _measured(amounts)

    from . import report, tables

    print(tables.promises(results))
    with output.folder_of(arguments, _RESULTS) as folder:
        report.write(results, folder)
    return 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure what otel-sessions costs.")
    output.add_to(parser, _RESULTS)
    return parser.parse_args()


def _measured(amounts: _Amounts) -> Results:
    # Here and not above: the environment is read at import.
    from . import imports, memory, propagation, sampler, scopes, spans, throughput, tools, turns
    from .results import Results

    loaded, missing = tools.load()
    present = loaded.values()
    return Results(
        spans=_told("spans", lambda: spans.run(present, *amounts.spans)),
        scopes=_told("scopes", lambda: scopes.run(*amounts.scopes)),
        turns=_told("turns", lambda: turns.run(present, *amounts.turns)),
        propagation=_told("propagation", lambda: propagation.run(*amounts.wire)),
        sampler=_told("sampler", lambda: sampler.run(*amounts.wire)),
        kept=_told("sessions", lambda: sampler.keep(amounts.sessions, 5)),
        throughput=_told("throughput", lambda: throughput.run(loaded, *amounts.throughput)),
        memory=_told("memory", lambda: memory.run(present, amounts.open_things)),
        imports=_told("imports", lambda: imports.run(amounts.imports)),
        loaded=imports.loaded(),
        tools={tool.name: tool.how for tool in present},
        missing=missing,
        amounts=str(amounts),
    )


def _told(what: str, run: Callable[[], _T]) -> _T:
    print(f"{what} …", end=" ", file=sys.stderr, flush=True)
    start = time.monotonic()
    found = run()
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
