"""The command ``python -m trials.fuzz``."""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from harness.isolation import isolate
from trials._command import parser_of, tell

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from ._run import Tally


def main() -> int:
    """Run, write the page, and tell whether all was right."""
    arguments = _parsed()
    isolate()

    from . import _guided, _page, _run

    start = time.monotonic()
    tallies = _run.merged(_played(arguments))
    guided = _guided.run(arguments.guided, arguments.seed) if arguments.guided else {}
    page = _page.text(tallies, guided, arguments.seed, time.monotonic() - start)
    tell(page, [*_remarks(tallies), *_remarks(guided)], arguments.output)
    return 1 if _page.problems(tallies, guided) else 0


def _remarks(tallies: dict[str, Tally]) -> Iterator[str]:
    for title, tally in tallies.items():
        yield from (f"not right: {title}: {shown!a}" for shown in tally.shown)
        yield f"slowest: {title}: {tally.slowest_case[:300]!a}"


def _played(arguments: Namespace) -> list[dict[str, Tally]]:
    from . import _run

    count = arguments.processes
    if count == 1:
        return [_run.run(arguments.cases, arguments.seconds, arguments.seed)]
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [
            pool.submit(_run.run, arguments.cases // count, arguments.seconds, arguments.seed * 100 + number)
            for number in range(count)
        ]
        return [job.result() for job in jobs]


def _parsed() -> Namespace:
    parser = parser_of("trials.fuzz")
    parser.add_argument("--cases", type=int, default=2_000_000, help="that many in all (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1500, help="but for no more seconds than that (%(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="at a time (%(default)s)")
    parser.add_argument("--guided", type=int, default=0, help="and that many by atheris, if it is installed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
