"""``session.start`` and ``session.end``: log records that tell when a session began and when it is over.

Semantic conventions, "Session", section "Session Events" (Development):
https://opentelemetry.io/docs/specs/semconv/general/session/

Off unless asked for. Who makes a new id asks ``EVENTS.is_on`` first, and that is all it costs then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions import _diagnostics
from otel_sessions._session.session import Session

from .entry import get_current, settled
from .resolution import state_in
from .state import state_of

if TYPE_CHECKING:
    from opentelemetry.context import Context

START = "session.start"
END = "session.end"


class Events:
    """Whether there are events in this process.

    Attributes:
        is_on: Whether there are; not at first.
    """

    __slots__ = ("is_on",)

    def __init__(self) -> None:
        self.is_on = False


EVENTS = Events()


def emit_start(session: Session, context: Context | None = None) -> None:
    """Tell that ``session`` has begun, with an id that was made for it.

    Args:
        session: Its session; a ``previous_id`` says that it continues that one.
        context: Where it began: its span becomes that of the event; ``None`` is the current Context.
    """
    _emit(START, session, context)


def emit_end(session: Session, context: Context | None = None) -> None:
    """Tell that ``session`` is over. Arguments as in `emit_start`."""
    _emit(END, session, context)


def ended(session: Session | None = None) -> None:
    """Tell that ``session`` is over, ``None`` for the current one: for ``end_session``. Never raises."""
    if not EVENTS.is_on:
        return
    try:
        found = _current() if session is None else session
        if isinstance(found, Session) and found.id is not None:
            emit_end(found)
        else:
            _warn_no_session(session)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _warn_raised(END, error)


def _current() -> Session | None:
    state = state_in(get_current())
    return None if state is None else state.session


def _emit(name: str, session: Session, context: Context | None) -> None:
    """Write one event. The conventions name no severity and no body; it has that of a message that is no complaint."""
    if not EVENTS.is_on or session.id is None:
        return
    try:
        from .records import Draft, write  # noqa: PLC0415  # for the few who ask for events: it loads the API of logs

        base = settled() if context is None else context
        write(Draft(event_name=name), state_of(session), base)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _warn_raised(name, error)


def _warn_no_session(session: object) -> None:
    found = "there is no current session" if session is None else f"{type(session).__name__} is no session with an id"
    _diagnostics.warn_caller("end", "end_session: %s, so nothing ends; pass a Session with an id", found)


def _warn_raised(name: str, error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once(("event", name, found), "otel_sessions: writing the event %s raised %s", name, found)
