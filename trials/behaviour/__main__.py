"""The command ``python -m trials.behaviour``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.isolation import stay_on_this_machine

from . import _cells, _hops, _page, _peers, _rows
from ._outcome import Verdict
from ._tools import OtelSessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._outcome import Outcome
    from ._scenario import Scenario
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
    rows = [_ROWS[name] for name in arguments.rows or _ROWS]
    return _run(rows, tools, _output(arguments))


def _parsed() -> argparse.Namespace:
    what = "See what otel-sessions does where session ids get lost, next to other tools."
    parser = argparse.ArgumentParser("python -m trials.behaviour", description=what)
    parser.add_argument("--output", type=Path, help="the page to write (trials/results/behaviour.md)")
    parser.add_argument("--only", nargs="+", choices=_CALLED, metavar="TOOL", help="print these columns alone")
    parser.add_argument("--rows", nargs="+", choices=_ROWS, metavar="ROW", help="print these rows alone")
    parser.add_argument("--cell", choices=_ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--receive", choices=_CALLED, help=argparse.SUPPRESS)
    return parser.parse_args()


def _output(arguments: argparse.Namespace) -> Path | None:
    """Return where to write: nowhere if only a part is run and no file is named."""
    is_whole = not arguments.only and not arguments.rows
    return arguments.output or (_PAGE if is_whole else None)


def _run(rows: Sequence[Scenario], tools: Sequence[Tool], output: Path | None) -> int:
    outcomes = _cells.run_all(rows, tools, jobs=os.cpu_count() or 1)
    print(_page.table(outcomes, tools))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(_page.page(outcomes, tools), encoding="utf-8")
        print(f"written to {output}", file=sys.stderr)
    failing = _failing(outcomes)
    for name in failing:
        print(f"{_OURS.name} fails: {name}", file=sys.stderr)
    for name in _OURS.known_limits:
        if (name, _OURS.name) in outcomes and outcomes[name, _OURS.name].is_pass:
            print(f"{_OURS.name} passes, so it is no limit any more: {name}", file=sys.stderr)
    return 1 if failing else 0


def _failing(outcomes: Mapping[tuple[str, str], Outcome]) -> list[str]:
    return [
        row
        for (row, tool), outcome in outcomes.items()
        if tool == _OURS.name and outcome.verdict is Verdict.FAILS and row not in _OURS.known_limits
    ]


if __name__ == "__main__":
    sys.exit(main())
