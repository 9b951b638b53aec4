"""The command ``python -m trials.soak``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.isolation import isolate
from trials._command import parser_of, tell

if TYPE_CHECKING:
    from argparse import Namespace


def main() -> int:
    """Run, write the page, and tell whether all was right."""
    arguments = _parsed()
    isolate()

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
    remarks = [f"not right: {each}" for each in (*problems, *result.oracle.shown)]
    tell(page, [*remarks, *(f"logged: {each}" for each in log.shown)], arguments.output)
    return 1 if problems else 0


def _parsed() -> Namespace:
    parser = parser_of("trials.soak")
    parser.add_argument("--seconds", type=float, default=60, help="run for at least that long (%(default)s)")
    parser.add_argument("--spans", type=int, default=1_000_000, help="and for at least that many spans (%(default)s)")
    parser.add_argument("--limit", type=float, default=300, help="but for no more seconds than that (%(default)s)")
    parser.add_argument("--threads", type=int, default=8, help="at a time (%(default)s)")
    parser.add_argument(
        "--traces",
        type=int,
        nargs="?",
        const=1_000_000,
        help="also the memory after that many bound traces (%(const)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
