"""The session of this process, for what has no other: the exception that somebody has to ask for (``OTEL_SESSION_ID``).

Nothing is attached to any Context: it is what is found where nothing else is, in every thread and task, and in a
forked child. Where nobody has asked for it, that is one look at `HELD`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions._session import ids
from otel_sessions._session.session import Session
from otel_sessions._settings.reading import AUTO

from .state import State, state_of

if TYPE_CHECKING:
    from otel_sessions._settings.settings import Settings


class _Held:
    """What this process holds.

    Attributes:
        asked_for: The id that was asked for, or ``auto``; ``None`` for none.
        state: Its session; ``None`` for none.
    """

    __slots__ = ("asked_for", "state")

    def __init__(self) -> None:
        self.asked_for: str | None = None
        self.state: State | None = None


HELD = _Held()


def follow(settings: Settings | None) -> Session | None:
    """Let the process have the session that ``settings`` ask for, and return that if an id was made for it.

    Asked again, a session with such an id stays the same. ``None`` ends it.
    """
    asked_for = None if settings is None or settings.disabled else settings.session_id
    if asked_for is None:
        HELD.asked_for = HELD.state = None
        return None
    is_known = asked_for == HELD.asked_for and HELD.state is not None
    session = HELD.state.session if is_known and HELD.state is not None else _session_of(asked_for)
    HELD.asked_for, HELD.state = asked_for, state_of(session)  # again: as the settings show it that hold now
    return session if asked_for == AUTO and not is_known else None


def _session_of(asked_for: str) -> Session:
    return Session(ids.new_id() if asked_for == AUTO else asked_for)
