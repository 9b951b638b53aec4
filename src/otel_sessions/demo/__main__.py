"""``python -m otel_sessions.demo``: the demo; with ``first`` or ``second``, one of its two processes."""

from __future__ import annotations

import sys

from . import run

_USAGE_ERROR = 2


def main(arguments: list[str]) -> int:
    """Return an exit status."""
    if not arguments:
        return run()
    if arguments not in (["first"], ["second"]):
        sys.stderr.write("usage: python -m otel_sessions.demo\n")
        return _USAGE_ERROR
    from ._process import run_process  # noqa: PLC0415  # imports the chat, which is not for the demo itself

    return run_process(arguments[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
