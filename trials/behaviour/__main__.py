"""The command ``python -m trials.behaviour``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.isolation import stay_on_this_machine

from . import _cells, _hops, _kept, _page, _peers, _rows
from ._outcome import Verdict
from ._tools import OtelSessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._kept import Outcomes
    from ._tools import Tool

_OURS = OtelSessions()
_TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        _OURS,
        _peers.Contrib(),
        _peers.OpenInference(),
        _peers.Logfire(),
        _peers.Traceloop(),
        _peers.Langfuse(),
    )
}
_CALLED = _TOOLS | {other.name: other for tool in _TOOLS.values() if tool.otherwise for _, other in [tool.otherwise]}
_ROWS = {row.name: row for row in _rows.ALL}
_PAGE = Path(__file__).parent.parent / "results" / "behaviour.md"


def main() -> int:
    """Run the table, or one cell of it; fail where otel-sessions does."""
    arguments = _parsed()
    if arguments.cell or arguments.receive:
        stay_on_this_machine()
    if arguments.receive:
        print(_hops.receive(_CALLED[arguments.receive]), flush=True)
        return 0
    tools = [_CALLED[name] for name in arguments.only or _TOOLS]
    if arguments.cell:
        _cells.run_here(_ROWS[arguments.cell], tools[0])
        return 0
    kept = _kept.read(arguments.output or _PAGE, _seen_with()) if arguments.keep else {}
    outcomes = _cells.run_all([_ROWS[name] for name in arguments.rows or _ROWS], tools, jobs=os.cpu_count() or 1)
    print(_page.table(outcomes, tools))
    if arguments.keep:
        _write({**kept, **outcomes}, arguments.output or _PAGE)
    elif not arguments.only and not arguments.rows:
        _write(outcomes, arguments.output or _PAGE)
    return _told(outcomes)


def _parsed() -> argparse.Namespace:
    what = "See what otel-sessions does where session ids get lost, next to other tools."
    parser = argparse.ArgumentParser("python -m trials.behaviour", description=what)
    parser.add_argument("--output", type=Path, help="the page to write, if it is whole (trials/results/behaviour.md)")
    parser.add_argument("--only", nargs="+", choices=_CALLED, metavar="TOOL", help="print these columns alone")
    parser.add_argument("--rows", nargs="+", choices=_ROWS, metavar="ROW", help="print these rows alone")
    parser.add_argument(
        "--keep", action="store_true", help="write the page, with what is not run as the last run had it"
    )
    parser.add_argument("--cell", choices=_ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--receive", choices=_CALLED, help=argparse.SUPPRESS)
    return parser.parse_args()


def _write(outcomes: Outcomes, page: Path) -> None:
    """Write the whole page, and keep what it says.

    Raises:
        KeyError: A cell was neither run nor kept.
    """
    whole = {(row, tool): outcomes[row, tool] for row in _ROWS for tool in _TOOLS}
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(_page.page(whole, list(_TOOLS.values())), encoding="utf-8")
    _kept.write(page, whole, _seen_with())
    print(f"written to {page}", file=sys.stderr)


def _seen_with() -> Mapping[str, str]:
    return _page.seen_with(list(_TOOLS.values()))


def _told(outcomes: Outcomes) -> int:
    """Tell where otel-sessions fails, and where it passes against its own word; return the exit status."""
    failing = _failing(outcomes)
    for name in failing:
        print(f"{_OURS.name} fails: {name}", file=sys.stderr)
    for name in _OURS.known_limits:
        if (name, _OURS.name) in outcomes and outcomes[name, _OURS.name].is_pass:
            print(f"{_OURS.name} passes, so it is no limit any more: {name}", file=sys.stderr)
    return 1 if failing else 0


def _failing(outcomes: Outcomes) -> list[str]:
    return [
        row
        for (row, tool), outcome in outcomes.items()
        if tool == _OURS.name and outcome.verdict is Verdict.FAILS and row not in _OURS.known_limits
    ]


if __name__ == "__main__":
    sys.exit(main())
