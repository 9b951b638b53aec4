"""The page of what was measured of `otel-sessions view`."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from harness.environment import here, told

from .queries import QUESTIONS
from .servers import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        ours = median(figure[0] for figure in by_server[OURS])
        for server, all_figures in by_server.items():
            spans = median(figure[0] for figure in all_figures)
            megabytes = median(figure[1] for figure in all_figures)
            ratio = "1" if server == OURS else f"{ours / spans:,.1f}"
            lines.append(f"| {case} | {server} | {spans:,.0f} | {megabytes:,.1f} | {ratio} |")
    return "\n".join(lines)


def _answers(milliseconds: Mapping[str, float]) -> str:
    lines = ["| question | p95, ms | promised |", "|---|---:|---:|"]
    lines += [f"| {each.name} | {milliseconds[each.name]:.1f} | {each.bar:.0f} |" for each in QUESTIONS]
    return "\n".join(lines)
