"""What the doctor sees of a program that it runs: from inside, while it runs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from otel_sessions._setup.doctor.environment.look import sent_from_here
from otel_sessions._setup.doctor.finding import Finding, Report, in_order

from .covering import facts_of
from .judging import findings_in
from .merging import merged
from .running import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .merging import Seen
    from .running import Ran

_USAGE_ERROR = 2


def look_at_program(
    command: Sequence[str], *, sends: bool = False, seconds: float | None = None, leaves_stdout: bool = False
) -> Report:
    """Run ``command`` to its end, or for ``seconds``, and return what is wrong in its processes.

    Args:
        command: The program and its arguments.
        sends: Once it has ended, a marked test session goes to the exporter that the environment names.
        seconds: How long it may run.
        leaves_stdout: What it writes to its standard output goes to standard error.
    """
    ran = run(command, seconds, stdout=_instead() if leaves_stdout else None)
    if ran.status is None:
        sys.stderr.write(f"otel-sessions doctor: {command[0]} can't be started: {ran.problem}.\n")
        raise SystemExit(_USAGE_ERROR)
    seen = merged(ran.records)
    of_run, found = [*_of_run(ran, seen)], findings_in(seen) if seen.processes else []
    findings = [*of_run, *(each for each in found if not (of_run and each.code == "no-spans"))]
    facts = facts_of(seen)
    if sends:
        of_sending, facts["sent"] = sent_from_here()
        findings += of_sending
    return Report("program", in_order(findings), facts)


def _instead() -> Any:  # noqa: ANN401  # as `subprocess` has it
    """Return standard error, and where that is closed nothing."""
    return subprocess.DEVNULL if sys.stderr is None else sys.stderr


def _of_run(ran: Ran, seen: Seen) -> Iterator[Finding]:
    if ran.status and not ran.was_ended:
        yield Finding(
            code="program-failed",
            level="warning",
            what=f"The program ended with status {ran.status}."
            if ran.status > 0
            else f"The program was ended by signal {-ran.status}.",
            where="the command",
            why="What it would have done after that is not in this report.",
            remedy="Read what it has written above, and run it again.",
        )
    if not seen.processes:
        yield Finding(
            code="no-python",
            level="error",
            what="The doctor has got into no process of the program.",
            where="the command",
            why="It looks into processes of Python, and gets there by PYTHONPATH.",
            remedy="Name the Python program itself, without -I, -E or -S: otel-sessions doctor -- python app.py",
        )
