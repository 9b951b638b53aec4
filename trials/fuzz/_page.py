"""The page about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import pages
from harness.environment import here, told

from ._run import SLOW, SPUN_OUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._run import Tally

_WHAT = """\
# Fuzzing

Hostile input for everything that reads what others have sent or named: baggage headers (one or several), carriers in any form,
other request headers, tracestates, and the URLs and hosts of client spans. The input comes of a grammar: members good and bad,
percent-encodings, delimiters, controls, surrogates, other scripts, values at and over the limits, all spliced and then damaged, up to
90,000 characters. Hypothesis draws the fragments and a seed, and each draw is spun out into {spun} cases; a case is one request, one carrier,
one URL or one tracestate that a target is given. How many of them are distinct is counted too.

After each case must hold: nothing was raised; ids on exported spans are 1 to 200 characters of printable ASCII, names and paths
are printable; a good id that stands last is the one that counts; an untrusted caller leaves nothing of a session; what is sent on is
well-formed W3C Baggage, ours first, and the next service reads the same; an id goes only where each of four URL parsers that can read
the URL sees a host that is allowed; a parent's `rv` is kept and decides, and neither it nor one of the session is sent to a
host that is not allowed. Nothing of OpenTelemetry logs anything, and no log record shows a value that may be an id. The one exception,
counted apart: where foreign baggage, once encoded anew, is over the limits of the API's propagator, that says so, with the name of the entry.

The slowest case is the time of the processor that its quickest of four repetitions took; over {slow:.0f} ms counts as a fault.

{python}, {packages}. Written by `python -m trials.fuzz`.
"""


def problems(*runs: Mapping[str, Tally]) -> list[str]:
    """Return what is not as it should be."""
    return [
        f"{title}: {problem}" for tallies in runs for title, tally in tallies.items() for problem in tally.problems()
    ]


def text(tallies: Mapping[str, Tally], guided: Mapping[str, Tally], seed: int, seconds: float) -> str:
    """Return the page."""
    what = _WHAT.format(
        spun=SPUN_OUT,
        slow=SLOW,
        python=here()["python"],
        packages=told(("opentelemetry-sdk", "hypothesis")),
    )
    verdict = pages.verdict(problems(tallies, guided))
    parts = [what, verdict, _table(tallies), f"Seed {seed}, {seconds:.0f} s in all."]
    if guided:
        parts += ["## Guided by coverage", _GUIDED, _table(guided)]
    return pages.page(*parts)


_GUIDED = """\
The same targets, with input that atheris (libFuzzer) makes of octets, and keeps where it reaches new lines of the library."""

_HEAD = (
    "target",
    "cases",
    "distinct",
    "a session came through",
    "exceptions",
    "invalid ids on spans",
    "log records that show a secret",
    "other log records",
    "other faults",
    "over the limits of the API",
    "slowest case, ms",
)


def _table(tallies: Mapping[str, Tally]) -> str:
    counts = {title: _counts(tally) for title, tally in tallies.items()}
    rows = [(title, *counts[title], f"{tally.slowest:.1f}") for title, tally in tallies.items()]
    slowest = max(tally.slowest for tally in tallies.values())
    total = ("in all", *map(sum, zip(*counts.values(), strict=True)), f"{slowest:.1f}")
    return pages.table(_HEAD, [list(map(_shown, row)) for row in (*rows, total)])


def _counts(tally: Tally) -> tuple[int, ...]:
    counts = tally.counts
    records = counts["of OpenTelemetry"] + counts["errors"] + counts["raised inside"]
    return (
        tally.cases,
        len(tally.distinct),
        tally.seen,
        counts["exceptions"],
        counts["wrong ids"],
        counts["secrets"],
        records,
        counts["others"],
        counts["limits"],
    )


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
