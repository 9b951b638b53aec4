"""Measures what each configuration of collector-config/ takes: ``python -m trials.fleet``."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.environment import here
from harness.output import ROOT

from . import beside, held, page
from .cases import CASES, ROUTING, Fleet, Measured, of_go
from .others import started
from .payloads import BATCH, CHAT, SMALL
from .throughput import measure

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE = ROOT / "trials" / "results" / "fleet.md"


class Size(NamedTuple):
    """How much a run measures.

    Attributes:
        rounds: In which every Collector has its turn.
        requests: To each, in each round.
        at_a_time: So many Collectors at the same time.
    """

    rounds: int
    requests: int
    at_a_time: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it runs; writes nothing")
    parser.add_argument(
        "--beside", type=Path, metavar="FOLDER", help="only what differs from the files there, and both; writes nothing"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="with --beside: of these configurations")
    given = parser.parse_args()
    size = Size(2, 4, 100) if given.quick else Size(8, 40, 1)
    otelcol = subprocess.run([ROOT / "collector-config" / "build"], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    binary = otelcol.stdout.strip()
    if given.beside is not None:
        print(both(binary, given.beside, set(given.only or beside.changed(given.beside)), size))
        return
    written = everything(binary, size)
    print(written)
    if not given.quick:
        _PAGE.write_text(written)


def both(binary: str, folder: Path, names: set[str], size: Size) -> str:
    """Return the table of these configurations here and in ``folder``."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Fleet(binary, Path(directory)) as fleet,
        ExitStack() as running,
    ):
        started = beside.started(names, fleet, folder, Path(directory), running)
        found = measure(started, size.rounds, CHAT.requests(size.requests), size.at_a_time)
    return beside.text(found)


def everything(binary: str, size: Size) -> str:
    """Return the page of all configurations."""
    rounds, count, at_a_time = size
    chat, small = CHAT.requests(count), SMALL.requests(count)
    with tempfile.TemporaryDirectory() as directory, Fleet(binary, Path(directory)) as fleet:
        alone = {case.name: fleet.start(case) for case in CASES}
        collectors = {name: Measured(each, each) for name, each in alone.items()}
        with ExitStack() as running:
            others = started(fleet, Path(directory), running)
            found = measure({**collectors, **others}, rounds, chat, at_a_time)
        of_small = measure({name: collectors[name] for name in ROUTING}, rounds, small, at_a_time)
        in_memory, on_disk = held.bytes_in_memory(fleet, 4 * chat), held.bytes_on_disk(fleet, chat)
    facts = {
        **here(),
        "version": version_of(binary),
        "size": size_of(chat),
        "small": size_of(small),
        "rounds": rounds,
        "spans": count * BATCH,
        "gogc": of_go()["GOGC"],
    }
    return page.text(found, of_small, facts, in_memory, on_disk)


def size_of(requests: Sequence[bytes]) -> float:
    """Return the bytes of a span on the wire."""
    return sum(map(len, requests)) / (len(requests) * BATCH)


def version_of(otelcol: str) -> str:
    """Return the version that the binary tells."""
    done = subprocess.run([otelcol, "--version"], capture_output=True, text=True, check=True)  # noqa: S603  # our own
    return done.stdout.split()[-1]


if __name__ == "__main__":
    main()
