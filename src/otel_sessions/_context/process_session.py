"""The session and the user of this process, for what has no other: the exception that somebody has to ask for.

That is ``OTEL_SESSION_ID`` and ``OTEL_SESSION_USER_ID``, each alone or both. The user is also that of sessions that are
opened here without one, and never of one that a caller has sent: nor of the one that the process was started with
(``environ``), which goes with the trace that it was started with, where there is one.

Nothing is attached to any Context: it is what is found where nothing else is, in every thread and task, and in a
forked child. Where nobody has asked for it, that is one look at `HELD`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions._session import ids
from otel_sessions._session.ids import AUTO, ENVIRON, FRAMEWORK
from otel_sessions._session.session import Session

from .origin import ORIGIN, is_below
from .state import State, as_whole, state_of

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from otel_sessions._settings.settings import Settings


class _Held:
    """What this process holds.

    Attributes:
        asked_for: The session id that was asked for, ``auto`` or ``environ``; ``None`` for none.
        state: Its session, its user, or both; ``None`` for neither.
        elsewhere: The same for what is not below the span that it was started with, if its session is that of one.
        user_id: The user of what is opened here.
        is_of_trace: Its session is that of a trace.
        asks_frameworks: What agent frameworks carry goes before it.
        is_idle: There is neither: what an empty Context tells is all.
    """

    __slots__ = ("asked_for", "asks_frameworks", "elsewhere", "is_idle", "is_of_trace", "state", "user_id")

    def __init__(self) -> None:
        self.asked_for: str | None = None
        self.state: State | None = None
        self.elsewhere: State | None = None
        self.user_id: str | None = None
        self.asks_frameworks = self.is_of_trace = False
        self.is_idle = True

    def ask_frameworks(self, *, is_asked: bool) -> None:
        """Look from now on at what agent frameworks carry, or not."""
        self.asks_frameworks = is_asked
        self.is_idle = not is_asked and self.state is None


HELD = _Held()


def follow(settings: Settings | None, received: State | None = None) -> Session | None:
    """Let the process have the session and user that ``settings`` ask for, and return it if an id was made for it.

    Asked again, a session with such an id keeps it. ``None`` ends both, and frameworks are asked no more.

    Args:
        settings: What holds.
        received: What the process was started with, for settings that ask for that.
    """
    is_on = settings is not None and not settings.disabled
    asked_for, user_id = (settings.session_id, settings.user_id) if settings is not None and is_on else (None, None)
    begun = None
    HELD.user_id, HELD.elsewhere, HELD.is_of_trace = user_id, None, False
    if asked_for == ENVIRON:
        _hold_received(received, user_id)
    else:
        begun = _hold(asked_for, user_id)
    HELD.ask_frameworks(is_asked=settings is not None and is_on and FRAMEWORK in settings.provider_ids)
    return begun


def _hold(asked_for: str | None, user_id: str | None) -> Session | None:
    if asked_for is None and user_id is None:
        HELD.asked_for = HELD.state = None
        return None
    known_id = None if HELD.state is None or asked_for != HELD.asked_for else HELD.state.session.id
    session = Session(known_id or _id_of(asked_for), user_id)
    # Again: as the settings show it that hold now.
    HELD.asked_for, HELD.state = asked_for, state_of(session, user_is_of_process=True)
    return session if asked_for == AUTO and known_id is None else None


def _hold_received(received: State | None, user_id: str | None) -> None:
    """Let the process have what it was started with: the user of the process is not that of a caller's session."""
    alone = None if user_id is None else state_of(Session(user_id=user_id), user_is_of_process=True)
    HELD.asked_for, HELD.state = ENVIRON, alone if received is None else received
    if ORIGIN.span is not None:
        HELD.is_of_trace, HELD.elsewhere = True, alone


def held_in(context: Context) -> State | None:
    """Return what this process holds for a ``context`` that names nothing else."""
    return HELD.state if not HELD.is_of_trace or is_below(context) else HELD.elsewhere


def whole() -> State | None:
    """Return what this process holds for a carrier without a session, which has that of no trace; nothing of it is looked for elsewhere."""
    held = HELD.elsewhere if HELD.is_of_trace else HELD.state
    return None if held is None else as_whole(held)


def user_of_process() -> str | None:
    """Return the user of this process, for a session that is opened here without one; ``None`` for none."""
    return HELD.user_id


def is_of_process(key: str, value: object) -> bool:
    """Tell whether an attribute is as the process's own session or user shows it: what is named at all goes before that."""
    held = HELD.state
    return held is not None and value is not None and held.items.get(key) == value


def _id_of(asked_for: str | None) -> str | None:
    return ids.new_id() if asked_for == AUTO else asked_for
