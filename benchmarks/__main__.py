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
    from collections.abc import Callable, Container, Mapping, Sequence

    from ._interleaved import Key
    from .results import Results
    from .tools import Tool

_T = TypeVar("_T")

_AREAS = (
    "turns",
    "requests",
    "spans",
    "scopes",
    "exchanges",
    "propagation",
    "sampler",
    "throughput",
    "encoding",
    "imports",
)
_RESULTS = output.ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class _Amounts:
    """How much to run: rounds, and repetitions in each."""

    turns: tuple[int, int]
    requests: tuple[int, int]
    spans: tuple[int, int]
    scopes: tuple[int, int]
    throughput: tuple[int, int]
    encoding: tuple[int, int]
    wire: tuple[int, int]
    sessions: int
    open_things: int
    imports: int

    def __str__(self) -> str:
        return (
            f"Turns: {_times(self.turns)}; requests: {_times(self.requests)}; spans: {_times(self.spans)}; "
            f"scopes: {_times(self.scopes)}; headers and roots: {_times(self.wire)}; "
            f"exported spans: {_times(self.throughput)}; batches encoded: {_times(self.encoding)}; imports: {self.imports}."
        )


def _times(amounts: tuple[int, int]) -> str:
    rounds, repeats = amounts
    return f"{rounds} rounds of {repeats}"


_FULL = _Amounts(
    turns=(200, 50),
    requests=(200, 50),
    spans=(300, 60),
    scopes=(200, 100),
    throughput=(60, 600),
    encoding=(20, 1),
    wire=(200, 100),
    sessions=10_000,
    open_things=10_000,
    imports=20,
)
_QUICK = _Amounts(
    turns=(20, 5),
    requests=(20, 5),
    spans=(20, 20),
    scopes=(20, 50),
    throughput=(4, 600),
    encoding=(4, 1),
    wire=(20, 30),
    sessions=500,
    open_things=1_000,
    imports=4,
)


def main() -> int:
    """Measure everything and write the report, or some of it and print that."""
    arguments = _parsed()
    isolate(LANGFUSE_TRACING_ENABLED="false")
    amounts = _QUICK if arguments.quick else _FULL
    if arguments.only:
        _print_some(arguments.only, amounts)
        return 0
    results = _measured(amounts)

    from . import bars, overview, report, tables

    print(tables.promises(bars.of(results.figures)))
    with output.folder_of(arguments, _RESULTS) as folder:
        report.write(results, folder)
        overview.write(folder)
    return 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure what otel-sessions costs.")
    output.add_to(parser, _RESULTS)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=_AREAS,
        metavar="AREA",
        help=f"measure these areas, and of the tools those alone that something is promised of; print it and write "
        f"nothing: {', '.join(_AREAS)}",
    )
    return parser.parse_args()


def _print_some(areas: Sequence[str], amounts: _Amounts) -> None:
    from . import bars, scopes, tables, tools

    loaded, _ = tools.load(tools.IN_BARS)
    runs = _runs(loaded, amounts, scopes.IN_BARS)
    figures = {area: _told(area, runs[area]) for area in areas}
    promised = list(bars.of(figures))
    print(
        *([tables.promises(promised)] if promised else []),
        *(tables.OF[area](found) for area, found in figures.items()),
        sep="\n\n",
    )


def _measured(amounts: _Amounts) -> Results:
    # Here and not above: the environment is read at import.
    from . import imports, memory, sampler, scopes, tools
    from .results import Results

    loaded, missing = tools.load()
    present = loaded.values()
    return Results(
        figures={area: _told(area, run) for area, run in _runs(loaded, amounts, scopes.NAMES).items()},
        kept=_told("sessions", lambda: sampler.keep(amounts.sessions, 5)),
        memory=_told("memory", lambda: memory.run(present, amounts.open_things)),
        loaded=imports.loaded(),
        tools={tool.name: tool.how for tool in present},
        missing=missing,
        amounts=str(amounts),
    )


def _runs(
    loaded: Mapping[str, Tool], amounts: _Amounts, wanted_scopes: Container[str]
) -> dict[str, Callable[[], dict[Key, list[float]]]]:
    """Return what measures each area, by its name."""
    from . import encoding, exchanges, imports, propagation, requests, sampler, scopes, spans, throughput, turns

    present = loaded.values()
    return {
        "turns": lambda: turns.run(present, *amounts.turns),
        "requests": lambda: requests.run(*amounts.requests),
        "spans": lambda: spans.run(present, *amounts.spans),
        "scopes": lambda: scopes.run(*amounts.scopes, wanted_scopes),
        "exchanges": lambda: exchanges.run(*amounts.requests),
        "propagation": lambda: propagation.run(*amounts.wire),
        "sampler": lambda: sampler.run(*amounts.wire),
        "throughput": lambda: throughput.run(loaded, *amounts.throughput),
        "encoding": lambda: encoding.run(*amounts.encoding),
        "imports": lambda: imports.run(amounts.imports),
    }


def _told(what: str, run: Callable[[], _T]) -> _T:
    print(f"{what} …", end=" ", file=sys.stderr, flush=True)
    start = time.monotonic()
    found = run()
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    return found


if __name__ == "__main__":
    sys.exit(main())
