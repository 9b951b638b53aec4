"""The command ``python -m trials.fuzz``."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._run import Tally

_OUTPUT = Path(__file__).parent.parent / "results" / "fuzz.md"


def main() -> int:
    """Run, write the page, and tell whether all was right."""
    arguments = _parsed()
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]  # before the import: some are read there

    from . import _guided, _page, _run

    start = time.monotonic()
    tallies = _run.merged(_played(arguments))
    guided = _guided.run(arguments.guided, arguments.seed) if arguments.guided else {}
    page = _page.text(tallies, guided, arguments.seed, time.monotonic() - start)
    print(page)
    for title, tally in (*tallies.items(), *guided.items()):
        for shown in tally.shown:
            print(f"not right: {title}: {shown!a}", file=sys.stderr)
        print(f"slowest: {title}: {tally.slowest_case[:300]!a}", file=sys.stderr)
    if arguments.output is not None:
        arguments.output.write_text(page, encoding="utf-8")
    return 1 if _page.problems(tallies, guided) else 0


def _played(arguments: argparse.Namespace) -> list[dict[str, Tally]]:
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


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m trials.fuzz", description=sys.modules[__package__ or ""].__doc__)
    parser.add_argument("--cases", type=int, default=2_000_000, help="that many in all (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1500, help="but for no more seconds than that (%(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="at a time (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the dice")
    parser.add_argument("--guided", type=int, default=0, help="and that many by atheris, if it is installed")
    parser.add_argument(
        "--output", type=Path, help=f"file for the page, such as {_OUTPUT.name}; nothing is written without"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
