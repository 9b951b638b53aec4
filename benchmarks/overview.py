"""Writes the page that puts the runs on several Pythons beside each other, from the figures that each has left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.pages import FIGURES, TEXT, table

from . import picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Figures = Mapping[str, Any]

_ALONE = "two ids / no-op processor"

_PAGE = """\
# Benchmarks

What otel-sessions costs, beside other ways to get a session id on spans. What counts are the ratios: they were measured
in one run, each thing in turn with the others, and the absolute figures depend on the machine.

![Cost of a chat turn and of a span, by tool](cost.svg)

In a service each turn has an id that was not seen before, so that is what counts. Langfuse's whole processor does more
than stamping, so it is in the tables and not in the picture.

## Promises

What is not met is bold. The quartiles, and all other figures, are on the page of each Python.

{promises}

## What keeps it from the bars

Floors are what the least code takes that could be called by the same name; they were counted in instructions on CPython
3.11 with `valgrind --tool=callgrind`, above the same work with a processor that does nothing.

- **A turn.** A scope that only attaches two entries of baggage, and a processor that only puts two ids into the store of a
  span, take 26,500 instructions: 0.21 of contrib's 126,000. Ours takes 73,900, which is 0.58. The rest is what the least
  does not do: ids are checked, a late `bind_session` finds the spans of its trace, ids that a framework sets late are seen,
  a block ends where it ends. By time the ratio is worse than by instructions, and two `set_attribute` calls for each span,
  without any scope, are 0.43 of contrib already, so a bar of 0.50 leaves next to nothing for a scope.
- **A scope.** Attaching two entries takes 10,100 instructions, 0.49 of what `using_attributes` takes. Ours takes 29,100: 2,100
  of the rest check the id, 6,400 make the `Session` and what the Context carries, 5,000 make the scope and read its
  arguments, and the entry, by which a block ends where it ends, takes most of what remains.
- **No session.** Contrib takes 4,700 to 5,500 instructions to find that there is none. Ours takes 3,700 in an empty context, and
  8,400 for the child of a span, 6,700 where the same provider has made both: it joins the record of its trace, so that a later bind finds it, looks whether its parent shows a
  session, and looks at its end for the ids of a call. Noting alone would take 1,000 and 1,600.

## Runs

{runs}

A machine that is slow or shared makes the ratios worse for ours: on 3.11 a turn with an id not seen before was 1.18 on
2026-12-01, when a span by the SDK alone took 13.7 µs, and 0.93 on the day before, when it took 9.6.

`make bench-view` measures the local page, and writes [a page of its own](view.md).

`make bench-all` writes all of this in a quarter of an hour, on a machine that does nothing else; `make bench PYTHON=python3.13
VENV=.venv-bench-13` runs one Python and leaves the others as they are; `python -m benchmarks --only scopes spans` measures
some of it, and writes nothing.

## How

- A round runs a short burst of each case, in random order; a figure is the median over the rounds.
- A cost is the difference to the no-op processor in the same round; a ratio is the ratio of two medians. The quartiles
  of a ratio are those of the same ratio in ten blocks of successive rounds.
- An id that was not seen before is one of 20,000, more than anybody keeps ready, taken in turn.
- The garbage collector runs between the rounds and not in the bursts, for all alike; for the spans per second it runs
  as it likes.
- Before anything is measured, a span of each case is looked at: it has to have the two ids, or none.
- Nothing leaves the machine.
"""


def write(folder: Path) -> None:
    """Write the page and the picture into ``folder``, of all the runs that are there."""
    runs = sorted((_read(path) for path in folder.glob("python-*.json")), key=_minor)
    (folder / "README.md").write_text(
        _PAGE.format(promises=_promises(runs), runs=_runs(runs)),
        encoding="utf-8",
    )
    picture.draw(runs[-1], folder)


def _read(path: Path) -> Figures:
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _version(run: Figures) -> str:
    return run["environment"]["python"].split()[1].rpartition(".")[0]  # type: ignore[no-any-return]


def _minor(run: Figures) -> int:
    return int(_version(run).rpartition(".")[2])


def _promises(runs: Sequence[Figures]) -> str:
    by_run = [{bar["what"]: bar for bar in run["bars"]} for run in runs]
    newest = by_run[-1]
    rows: list[Sequence[str]] = [
        (what, f"{'≥' if bar['is_floor'] else '≤'} {bar['limit']:.2f}", *(_cell(bars.get(what)) for bars in by_run))
        for what, bar in newest.items()
    ]
    what = "`import otel_sessions` loads the SDK, a server, a client or a command line"
    rows.append((what, "no", *(f"**{', '.join(run['unwanted'])}**" if run["unwanted"] else "no" for run in runs)))
    return table(("promise", "bar", *map(_version, runs)), rows, FIGURES)


def _cell(bar: Figures | None) -> str:
    if bar is None or bar["measured"] is None:
        return ""
    value = f"{bar['measured']['value']:.2f}"
    return value if bar["met"] else f"**{value}**"


def _runs(runs: Sequence[Figures]) -> str:
    return table(("Python", "when", "on", "a span by the SDK alone", "amounts"), list(map(_run, runs)), TEXT)


def _run(run: Figures) -> Iterator[str]:
    about = run["environment"]
    yield f"[{about['python']}](python-{_version(run)}.md)"
    yield about["date"]
    yield f"{about['system']}, {about['cores']} cores"
    yield f"{run['ns']['spans'][_ALONE]['value'] / 1000:.1f} µs"
    yield about["amounts"]
