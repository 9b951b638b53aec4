"""The session and the user of this process, for what has no other: the exception that somebody has to ask for.

That is ``OTEL_SESSION_ID`` and ``OTEL_SESSION_USER_ID``, each alone or both. The user is also that of sessions that are
opened here without one, and never of one that a caller has sent.

Nothing is attached to any Context: it is what is found where nothing else is, in every thread and task, and in a
forked child. Where nobody has asked for it, that is one look at `HELD`.
"""

from __future__ import annotations

from dataclasses import replace
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
        asked_for: The session id that was asked for, or ``auto``; ``None`` for none.
        state: Its session, its user, or both; ``None`` for neither.
    """

    __slots__ = ("asked_for", "state")

    def __init__(self) -> None:
        self.asked_for: str | None = None
        self.state: State | None = None


HELD = _Held()


def follow(settings: Settings | None) -> Session | None:
    """Let the process have the session and user that ``settings`` ask for, and return it if an id was made for it.

    Asked again, a session with such an id keeps it. ``None`` ends both.
    """
    asked_for = user_id = None
    if settings is not None and not settings.disabled:
        asked_for, user_id = settings.session_id, settings.user_id
    if asked_for is None and user_id is None:
        HELD.asked_for = HELD.state = None
        return None
    known_id = None if HELD.state is None or asked_for != HELD.asked_for else HELD.state.session.id
    session = Session(known_id or _id_of(asked_for), user_id)
    # Again: as the settings show it that hold now.
    HELD.asked_for, HELD.state = asked_for, state_of(session, user_is_of_process=True)
    return session if asked_for == AUTO and known_id is None else None


def whole() -> State | None:
    """Return what this process holds, for where nothing of it is looked for elsewhere."""
    held = HELD.state
    return held if held is None or held.is_whole else replace(held, is_whole=True)


def user_of_process() -> str | None:
    """Return the user of this process, for a session that is opened here without one; ``None`` for none."""
    held = HELD.state
    return None if held is None else held.session.user_id


def _id_of(asked_for: str | None) -> str | None:
    return ids.new_id() if asked_for == AUTO else asked_for
