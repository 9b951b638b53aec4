"""Binds a whole trace of this process to a session, late: what is open of it, and what is still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions import _diagnostics
from otel_sessions._session.session import EMPTY

from . import local_trace
from .changes import Start, StartNew
from .entry import get_current
from .events import EVENTS, emit_start
from .resolution import state_in

if TYPE_CHECKING:
    from otel_sessions._session.fields import Absent, Fields
    from otel_sessions._session.session import Session


def bound(session_id: str | Absent | None, fields: Fields) -> Session:
    """Bind the current trace to a session, and return that; ``None`` for the id is the current session, or a new one."""
    try:
        return _bound(session_id, fields)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        found = type(error).__name__
        _diagnostics.warn_caller("bind", "bind_session: binding raised %s: nothing is bound", found)
        return EMPTY


def _bound(session_id: str | Absent | None, fields: Fields) -> Session:
    context = get_current()
    outer = state_in(context)
    if session_id is None and outer is not None:
        session_id = outer.session.id
    change = StartNew(fields) if session_id is None else Start(session_id, fields)
    state = change.applied(outer)
    if not local_trace.bind(context, state):
        _diagnostics.warn_caller(
            "no trace",
            "bind_session: there is no current span, so nothing is bound; call it inside a span, or enter set_session()",
        )
    if state.is_new and EVENTS.is_on:
        emit_start(state.session, context)
    return state.session
