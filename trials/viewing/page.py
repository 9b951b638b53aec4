"""The page of what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import pages
from harness.environment import here, told

if TYPE_CHECKING:
    from .hostile import Hostile
    from .kills import Kills
    from .orders import Orders

_WHAT = """\
# `otel-sessions view`: nothing lost, nothing twice, the same in every order, whatever comes

The same spans are sent in other orders and splits, some of them twice, without a root, with late and second ids, and every answer of the
API is compared. It is killed (`kill -9`) while three clients send, and what was not answered is sent again. And it is asked what nobody
should ask: real requests that are damaged in their protobuf, JSON, gzip or deflate, random bytes, values nested too deep, wrong methods,
paths, media types, encodings, hosts, origins and tokens, and questions to the API and the pages with random parameters.

Each of these has to be answered as the parsers of protobuf, JSON and zlib, and what was done to it, say: with the right status, the right
number of refused spans, and a body that can be read in the encoding of the request. Nothing may be raised, logged or written to stderr, and
memory may not grow. The application is asked in process, with the real intake before it and every fiftieth batch stored for real; some
requests go over sockets, where a tenth of the heads is damaged, too, and over gRPC, to a process of its own, which has to end well.
A request that seems slow is asked three times more, and its quickest time counts.

{python}, {packages}. Written by `make view-trials`.
"""


def problems(ordered: Orders, killed: Kills, asked: Hostile) -> list[str]:
    """Return what is not as it should be."""
    found = [
        (sum(ordered.different.values()), "answers differ by the order"),
        (killed.lost, "spans lost"),
        (killed.twice, "spans counted twice"),
        (len(killed.differs), "answers differ when the lists are made anew"),
    ]
    return [*(f"{count:,} {what}" for count, what in found if count), *asked.problems()]


def written(ordered: Orders, killed: Kills, asked: Hostile, seed: int) -> str:
    """Return the page."""
    what = _WHAT.format(python=here()["python"], packages=told(("protobuf", "starlette", "uvicorn", "grpcio")))
    return pages.page(
        what,
        pages.verdict(problems(ordered, killed, asked)),
        pages.table(("what was tried", "seen"), _rows(ordered, killed), pages.TEXT),
        "## Hostile requests",
        pages.table(("", "in process", "over sockets", "over gRPC"), _asked(asked)),
        f"Seed {seed}.",
    )


def _rows(ordered: Orders, killed: Kills) -> list[tuple[str, str]]:
    different = sum(ordered.different.values())
    lost = f"{killed.acknowledged:,} spans acknowledged, {killed.lost:,} lost, {killed.twice:,} counted twice"
    return [
        (
            f"{ordered.spans:,} spans in {ordered.orders} orders",
            f"{ordered.answers:,} answers of the API in each, {different:,} of them differ from those of the first order",
        ),
        (f"{killed.kills} times killed", lost),
        ("the file of that, its lists made anew", f"{len(killed.differs):,} answers differ"),
    ]


def _asked(asked: Hostile) -> list[tuple[str, ...]]:
    inside, wired = asked.asked, asked.wired
    memory = f"{wired.middle:.0f} → {wired.end:.0f}"
    statuses = ((f"answered with {status}", f"{count:,}", "", "") for status, count in sorted(inside.statuses.items()))
    return [
        ("requests", f"{inside.requests:,}", f"{wired.over_http:,}", f"{wired.over_grpc:,}"),
        ("of these with a damaged head", "", f"{wired.hostile_heads:,}", ""),
        *statuses,
        ("spans and records kept", f"{inside.kept:,}", "", ""),
        ("of these stored for real", f"{inside.stored:,}", "", ""),
        ("taken, though protobuf's reader of JSON does not", f"{inside.tolerated:,}", "", ""),
        (
            "faults: wrong answers, exceptions, what was logged or on stderr",
            f"{inside.faults:,}",
            f"{wired.faults:,}",
            "",
        ),
        ("slowest, ms", f"{inside.slowest:.0f}", "", ""),
        ("memory at the middle and at the end, MB", f"{inside.middle:.0f} → {inside.end:.0f}", memory, ""),
    ]
