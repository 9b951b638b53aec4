"""Runs the cells: each in an interpreter of its own, as the tools keep global state and one may hang or crash."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from harness.isolation import clean_environment

from ._outcome import NoSuchCallError, Outcome, Verdict, fails
from ._stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._scenario import Scenario
    from ._tools import Tool

_SECONDS = 90
_MARK = "cell: "


def run_all(rows: Iterable[Scenario], tools: Iterable[Tool], jobs: int) -> Mapping[tuple[str, str], Outcome]:
    """Run every row with every tool; return the outcomes by row and tool."""
    wanted = [(row, tool) for row in rows for tool in tools]
    with ThreadPoolExecutor(jobs) as executor:
        outcomes = executor.map(lambda cell: _run_cell(*cell), wanted)
        return {(row.name, tool.name): outcome for (row, tool), outcome in zip(wanted, outcomes, strict=True)}


def _run_cell(row: Scenario, tool: Tool) -> Outcome:
    outcome = _run_apart(row, tool)
    if outcome.verdict is Verdict.FAILS and tool.otherwise is not None:
        how, other = tool.otherwise
        if _run_apart(row, other).is_pass:
            return fails(f"{outcome.evidence}; ✓ {how}")
    return outcome


def _run_apart(row: Scenario, tool: Tool) -> Outcome:
    command = [sys.executable, "-m", "trials.behaviour", "--cell", row.name, "--only", tool.name]
    environment = {**clean_environment(), **row.environment}
    try:
        result = subprocess.run(  # noqa: S603  # this program itself
            command, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return fails(f"no end in {_SECONDS} s")
    for line in result.stdout.splitlines():
        if line.startswith(_MARK):
            verdict, evidence = json.loads(line.removeprefix(_MARK))
            return Outcome(Verdict(verdict), evidence)
    print(result.stderr, file=sys.stderr)
    return fails(f"ends the interpreter, with {result.returncode}")


def run_here(row: Scenario, tool: Tool) -> None:
    """Run one cell in this interpreter and print the outcome."""
    outcome = _outcome(row, tool)
    print(f"\n{_MARK}{json.dumps([outcome.verdict.value, outcome.evidence])}", flush=True)


def _outcome(row: Scenario, tool: Tool) -> Outcome:
    try:
        return row.run(Stage(tool, row.first() if row.first else None))
    except NoSuchCallError as error:
        return Outcome(Verdict.NO_SUCH_CALL, str(error))
    except Exception as error:  # noqa: BLE001  # whatever reaches the application is the result
        package = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
        if package and package != "otel_sessions":
            return Outcome(Verdict.NOT_INSTALLED, "")
        return fails(f"raises {type(error).__name__}")
