"""A chat with several users, sessions and processes, shown as a backend sees it. Needs the extra ``demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._standin import StandIn

__all__ = ["StandIn", "run"]


def run(*, opens_page: bool = False) -> int:
    """Run the demo, print what was received, and return an exit status: 0 if every span has both ids.

    Args:
        opens_page: Whether the page is served and opened then, until Ctrl-C, where there is a browser.
    """
    # Imported here: the processes of the chat import this package too, and need neither servers nor a view.
    from ._run import run as _run  # noqa: PLC0415

    return _run(opens_page=opens_page)


def __getattr__(name: str) -> object:
    if name == "StandIn":
        from ._standin import StandIn  # noqa: PLC0415  # as above

        return StandIn
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
