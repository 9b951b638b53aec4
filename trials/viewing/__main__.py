"""The command ``python -m trials.viewing``."""

from __future__ import annotations

from trials._command import parser_of, tell


def main() -> None:
    """Try it, and say what was seen; the exit status is 1 where anything was wrong."""
    from . import hostile, kills, orders, page

    parser = parser_of(__package__ or "trials.viewing")
    parser.add_argument("--spans", type=int, default=100_000, help="in each order (%(default)s)")
    parser.add_argument("--orders", type=int, default=20, help="%(default)s")
    parser.add_argument("--kills", type=int, default=20, help="%(default)s")
    parser.add_argument("--requests", type=int, default=1_000_000, help="hostile ones (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3_600, help="for these, at most (%(default)s)")
    arguments = parser.parse_args()
    ordered = orders.run(arguments.spans, arguments.orders, arguments.seed)
    killed = kills.run(arguments.kills, arguments.seed)
    asked = hostile.run(arguments.requests, arguments.seconds, arguments.seed)
    tell(page.written(ordered, killed, asked, arguments.seed), asked.shown(), arguments.output)
    raise SystemExit(bool(page.problems(ordered, killed, asked)))


if __name__ == "__main__":
    main()
