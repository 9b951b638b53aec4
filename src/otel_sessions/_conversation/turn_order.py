"""The last turn of each session in this process: the next trace is linked to it, and what is said of the session stands there."""

from __future__ import annotations

from collections import OrderedDict
from time import time_ns
from typing import NamedTuple

from opentelemetry.trace import SpanContext  # noqa: TC002  # of a field

from otel_sessions._forks import ForkSafeLock

MAX_SESSIONS = 4096
"""Most sessions whose last turn is remembered, some 400 bytes each."""


class LastTurn(NamedTuple):
    """The last turn of a session.

    Attributes:
        context: Its span.
        at: When it began, unix time in ns.
    """

    context: SpanContext
    at: int


_new = tuple.__new__  # what a named tuple does, in a third of the time


class TurnOrder:
    """The last turn of each session, of those that are in no other turn."""

    __slots__ = ("_last", "_lock")

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._last: OrderedDict[str, LastTurn] = OrderedDict()

    def last_of(self, session_id: str) -> LastTurn | None:
        """Return the last turn of a session, ``None`` where none is known."""
        return self._last.get(session_id)

    def note(self, session_id: str, turn: SpanContext) -> None:
        """Remember ``turn`` as the last one of its session, and forget the session that has had none for longest."""
        with self._lock.now:
            last = self._last
            if session_id in last:
                last.move_to_end(session_id)
            last[session_id] = _new(LastTurn, (turn, time_ns()))
            if len(last) > MAX_SESSIONS:
                last.popitem(last=False)

    def forget(self) -> None:
        """Forget all of it (for tests)."""
        self._last.clear()


ORDER = TurnOrder()
