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

`python -m benchmarks.floors` measures the least code that could be called by the same name, in one run with ours and
the peer: [floors](floors.md). The least is below each bar. So what keeps ours from some of them is what it does beside
that, and it was counted in instructions on CPython 3.11 with `valgrind --tool=callgrind`, above the same work with a
processor that does nothing, on 2026-12-01.

- **A turn.** Ours takes 63,100 instructions, contrib 116,300, the least 18,900. The scope takes 28,900 of them. Each
  span has a note, by which a late `bind_session` finds the spans of its trace; the record of a trace takes 4,400 with
  its first child, what finds a server span by its header 2,000; and at its end each is looked at for ids that a
  framework sets late. By time the ratio is worse than by instructions, 0.82 and 0.54 on 3.11: in simulated caches ours
  misses the first level as often as contrib with half its instructions, and the least a sixth as often.
- **A scope.** Ours takes 28,900 instructions for an id that was not seen before, `using_attributes` 20,500, the least
  13,400. 6,500 make the `Session` and what the Context carries, 2,400 check the id, 2,400 read the arguments, 2,800
  make the scope and the entry, by which a block ends where it ends. The least does none of that.
- **A bind.** It adds 104,100 instructions to a request of three spans, the least 22,500. It finds the record of the
  trace, puts the ids on what is open, and each span that follows looks whether there is a session since.
- **No session.** Contrib takes 4,700 to 5,600 instructions to find that there is none. Ours takes 5,400 in an empty
  context, and 6,700 to 9,800 for the child of a span: it joins the record of its trace, so that a later bind finds it,
  looks whether its parent shows a session, and looks at its end for the ids of a call. Noting alone would take 1,000
  and 1,600.
- **A root that is sampled.** Ours takes 23,100 instructions for a session that was not seen before, the SDK 15,700, and
  the least 19,200: 7,800 of them are SHA-256, and 4,000 the SDK's result.
- **Spans per second.** With the whole pipeline behind it a bare span takes 337,300 instructions with ours, and 333,600
  with two attributes set by hand; a span of a chat turn 671,900 and 673,900. So what is left to gain there is 1 %.

## Runs

{runs}

A machine that is slow or shared makes the ratios worse for ours.

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
