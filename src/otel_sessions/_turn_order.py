"""Which turn came before which, in each session of this process: for the link from one trace to the next."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ._forks import ForkSafeLock

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

MAX_SESSIONS = 4096
"""Most sessions whose last turn is remembered, some 300 bytes each; of the others the next one has no link."""


class TurnOrder:
    """The last turn of each session, of those that begin a trace."""

    __slots__ = ("_last", "_lock")

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._last: OrderedDict[str, SpanContext] = OrderedDict()

    def last_of(self, session_id: str) -> SpanContext | None:
        """Return the last turn of a session, ``None`` where none is known."""
        return self._last.get(session_id)

    def note(self, session_id: str, turn: SpanContext) -> None:
        """Remember ``turn`` as the last one of its session, and forget the session that has had none for longest."""
        with self._lock:
            self._last[session_id] = turn
            self._last.move_to_end(session_id)
            if len(self._last) > MAX_SESSIONS:
                self._last.popitem(last=False)

    def forget(self) -> None:
        """Forget all of it (for tests)."""
        self._last.clear()


ORDER = TurnOrder()
