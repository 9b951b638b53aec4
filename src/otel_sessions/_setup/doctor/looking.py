"""Which look is taken: at the environment, at a program, or at source."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .finding import Report


def look(
    paths: Sequence[Path], command: Sequence[str], *, sends: bool, seconds: float | None, leaves_stdout: bool = False
) -> Report:
    """Look at ``paths``, else run ``command``, else look at the environment.

    With ``leaves_stdout``, what the command writes to its standard output goes to standard error.
    """
    # Each imports what it needs: source is read without an SDK.
    if paths:
        from .source.look import look_at_source  # noqa: PLC0415

        return look_at_source(paths)
    if command:
        from .program.look import look_at_program  # noqa: PLC0415

        return look_at_program(command, sends=sends, seconds=seconds, leaves_stdout=leaves_stdout)
    from .environment.look import look_at_environment  # noqa: PLC0415

    return look_at_environment(sends=sends)
