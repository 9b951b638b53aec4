"""A chat with several users, sessions and processes, shown as a backend sees it. Needs the extra ``demo``."""

from __future__ import annotations

__all__ = ["run"]


def run() -> int:
    """Run the demo, print what was received, and return an exit status: 0 if every span has both ids."""
    # Imported here: the processes of the chat import this package too, and need neither servers nor a view.
    from ._run import run as _run  # noqa: PLC0415

    return _run()
