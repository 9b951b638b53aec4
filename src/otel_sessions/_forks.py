"""What has to be made new in a forked child: locks above all, whoever held them in the parent."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


def after_fork_in_child(renew: Callable[[], None]) -> None:
    """Call ``renew`` in every child, where there are forks."""
    if hasattr(os, "register_at_fork"):  # pragma: no branch  # Windows has none
        os.register_at_fork(after_in_child=renew)


class ForkSafeLock:
    """A lock of a module, which lives as long as the process, for ``with``.

    Attributes:
        now: The lock that it is in this process, for ``with`` in what is called for each turn: it takes a sixth of the time.
    """

    __slots__ = ("now",)

    def __init__(self) -> None:
        self._renew()
        after_fork_in_child(self._renew)

    def __enter__(self) -> None:
        self.now.acquire()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.now.release()

    def _renew(self) -> None:
        # The thread that held it is not there in a child, and would hold it for ever. Re-entrant: the garbage
        # collector may end a generator at any moment, whose clean-up does what takes the lock, on the same thread.
        self.now = threading.RLock()
