"""What was made lately and is to be found by a key, which is looked up in few programs: until somebody looks it only waits.

To know each by its key would take a tenth of the cost of a bind. What is gone by then was never looked up.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import ref

from otel_sessions._forks import ForkSafeLock, after_fork_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 1024
"""How many wait, at most, before those that are still there are sorted in."""


class Lately:
    """Weak references to what waits.

    Attributes:
        waiting: The references, the oldest first. Each is added in one step, by whatever thread.
    """

    __slots__ = ("_sorting", "_take", "waiting")

    def __init__(self, take: Callable[[Any], None]) -> None:
        """Wait with what is added; ``take`` makes one of it, which is still there, known by its key."""
        self.waiting: deque[ref[Any]] = deque()
        self._take = take
        self._sorting = ForkSafeLock()  # who looks meanwhile has to wait, as one that is in neither place is not found
        after_fork_in_child(self.waiting.clear)

    def add(self, made: Any) -> None:  # noqa: ANN401  # a span of any SDK
        """Let ``made`` wait."""
        self.waiting.append(ref(made))
        if len(self.waiting) >= MOST:
            self.sort_in()

    def sort_in(self) -> None:
        """Make all that waits known."""
        waiting = self.waiting
        if not waiting:
            return
        with self._sorting.now:
            while waiting:
                oldest = waiting[0]
                made = oldest()
                if made is not None:
                    self._take(made)
                if (
                    waiting and waiting[0] is oldest
                ):  # else what the garbage collector has ended meanwhile has sorted in, too
                    waiting.popleft()
