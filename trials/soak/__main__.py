"""The command ``python -m trials.soak``."""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_OUTPUT = Path(__file__).parent.parent / "results" / "soak.md"


def main() -> int:
    """Run, write the page, and tell whether all was right."""
    arguments = _parsed()
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]  # before the import: some are read there

    from . import _page, _run, _traces, _watch

    amounts = _run.Amounts(
        arguments.seconds,
        arguments.spans,
        arguments.threads,
        arguments.seed,
        max(arguments.limit, arguments.seconds),
    )
    log = _watch.Log()
    traces = [] if arguments.traces is None else _traces.run(arguments.traces)
    result = _run.run(amounts, log)
    problems = [
        *result.problems(amounts),
        *(f"{part.title}: {problem}" for part in traces for problem in part.problems),
        *([f"records at ERROR: {log.counts['errors']}"] if log.counts["errors"] else ()),
    ]
    page = _page.text(amounts, result, traces, log, problems)
    print(page)
    _tell("not right", [*problems, *result.oracle.shown, *log.shown])
    if arguments.output is not None:
        arguments.output.write_text(page, encoding="utf-8")
    return 1 if problems else 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m trials.soak", description=sys.modules[__package__ or ""].__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="run for at least that long (%(default)s)")
    parser.add_argument("--spans", type=int, default=1_000_000, help="and for at least that many spans (%(default)s)")
    parser.add_argument("--limit", type=float, default=300, help="but for no more seconds than that (%(default)s)")
    parser.add_argument("--threads", type=int, default=8, help="at a time (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the dice")
    parser.add_argument(
        "--traces",
        type=int,
        nargs="?",
        const=1_000_000,
        help="also the memory after that many bound traces (%(const)s)",
    )
    parser.add_argument(
        "--output", type=Path, help=f"file for the page, such as {_OUTPUT.name}; nothing is written without"
    )
    return parser.parse_args()


def _tell(title: str, lines: Sequence[str]) -> None:
    for line in lines:
        print(f"{title}: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
