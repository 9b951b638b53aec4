"""The page of what was measured of `otel-sessions view`."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from harness.environment import here, told

from .queries import QUESTIONS
from .servers import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LARGE, _SMALL, _WORDY = "512 spans a request", "4 spans a request", "512 spans of 20 kB a request"
# Of what, against whom, and the bar; against nobody it is spans or MB per second of CPU.
_PROMISES = (
    (_LARGE, "spans", "", 60_000),
    (_LARGE, "spans", "MLflow", 40),
    (_LARGE, "spans", "Phoenix", 200),
    (_LARGE, "spans", "Jaeger, in memory", 0.4),
    (_SMALL, "spans", "", 7_000),
    (_WORDY, "MB", "", 100),
)
_UNITS = ("spans", "MB")

_PACKAGES = ("otel-sessions", "starlette", "uvicorn", "httptools", "protobuf")

_PAGE = """\
# Benchmarks of `otel-sessions view`

{date}, {python}, {system}, {cores} cores. {packages}.
Written by `make bench-view`.

## Taking spans

Spans per second of the server's CPU, from the first request until the server has used none for a second, so that what it
lists after its answers is in it. What ours compresses later, after three seconds in which nothing comes, is not. A span
takes about 440 bytes, a session has 5 turns of 10 spans, one session in ten has no id.
Ours answers when the spans are committed, and lists them within two seconds. Medians of {rounds}, in which all servers
had their turn; "to ours" is how many times as many ours takes.

{ingest}
{missing}
{promises}

At 512 spans a request a span takes 119,600 instructions, counted with `valgrind --tool=callgrind` on CPython 3.11 on
2026-12-01: 30 % are its facts (whose it is, words, tokens, tools, errors), 20 % the summary of its trace, 12 % reading
the request, 12 % the rows of its trace, 7 % the commit, 6 % its session, 6 % the lists in SQLite. A prototype without
events, logs, users, checks of what comes, live lists and the removal of duplicates took 125,000 spans a second.

## Answering

With {spans:,} spans in its file: the 95th percentile of what a client on the same machine waits for an answer, in
milliseconds.

{answers}

The server holds {memory:,.0f} MB of memory after that. Its file takes {file:.2f} bytes for each byte that came over the wire.
"""


def written(figures: Mapping[str, Any], *, is_quick: bool) -> str:
    """Return the page."""
    filled, missing = figures["filled"], figures["missing"]
    machine = here()
    runs = len(next(iter(figures["ingest"].values()))[OURS])
    left_out = f"\nNot measured, since not installed: {', '.join(missing)}.\n" if missing else ""
    return _PAGE.format(
        **machine,
        packages=told(_PACKAGES),
        rounds=f"{runs} rounds" if runs > 1 else "one round" + (", which means little" if is_quick else ""),
        ingest=_ingest(figures["ingest"]),
        missing=left_out,
        promises=_promises(figures["ingest"]),
        spans=filled["spans"],
        answers=_answers(filled["milliseconds"]),
        memory=filled["memory"] / 1e6,
        file=filled["file"],
    )


def _ingest(taken: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    lines = [
        "| requests | server | spans per second of CPU | MB per second of CPU | to ours |",
        "|---|---|---:|---:|---:|",
    ]
    for case, by_server in taken.items():
        ours = _median(by_server[OURS], "spans")
        for server, all_figures in by_server.items():
            spans, megabytes = (_median(all_figures, unit) for unit in _UNITS)
            ratio = "1" if server == OURS else f"{ours / spans:,.{1 if spans < ours else 2}f}"
            lines.append(f"| {case} | {server} | {spans:,.0f} | {megabytes:,.1f} | {ratio} |")
    return "\n".join(lines)


def _promises(taken: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    lines = ["| promise | bar | measured | verdict |", "|---|---:|---:|---:|"]
    for case, unit, peer, bar in _PROMISES:
        by_server = taken.get(case, {})
        if OURS in by_server and (not peer or peer in by_server):
            measured = _median(by_server[OURS], unit) / (_median(by_server[peer], unit) if peer else 1)
            what = f"to {peer}" if peer else f"{unit} per second of CPU"
            verdict = "met" if measured >= bar else "**not met**"
            lines.append(f"| {case}: {what} | ≥ {bar:,} | {measured:,.{0 if bar > 1 else 2}f} | {verdict} |")
    return "\n".join(lines)


def _median(figures: Sequence[Any], unit: str) -> float:
    return median(figure[_UNITS.index(unit)] for figure in figures)


def _answers(milliseconds: Mapping[str, float]) -> str:
    lines = ["| question | p95, ms | promised |", "|---|---:|---:|"]
    lines += [f"| {each.name} | {milliseconds[each.name]:.1f} | {each.bar:.0f} |" for each in QUESTIONS]
    return "\n".join(lines)
