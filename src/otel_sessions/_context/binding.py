"""Binds a whole trace of this process to a session, late: what is open of it, and what is still to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import set_span_in_context

from otel_sessions import _diagnostics
from otel_sessions._session.session import EMPTY
from otel_sessions._settings.settings import is_sdk_disabled

from . import lives, unstamped
from .changes import Start, StartNew, begun, is_bare
from .entry import get_current
from .entry_spans import open_behind
from .events import EVENTS, emit_start
from .local_trace import SPAN_KEY
from .providers import AWAITED, PROVIDERS, look_again
from .resolution import state_in

if TYPE_CHECKING:
    from otel_sessions._session.fields import Absent, Fields
    from otel_sessions._session.session import Session

    from .state import State

_WHY_NOT = {
    "no provider": (
        "bind_session: no TracerProvider of the SDK is set, so that no span is recorded and nothing is bound; call "
        "opentelemetry.trace.set_tracer_provider() first, and otel_sessions.sdk.instrument()"
    ),
    "no trace": (
        "bind_session: the current span belongs to no trace, as one of a tracer that is switched off, so nothing is bound; "
        "call it inside a span that is recorded, or enter set_session()"
    ),
    "no span": "bind_session: there is no current span, so nothing is bound; call it inside a span, or enter set_session()",
    "over": (
        "bind_session: the current span has ended or is of another process, as in a worker that was started inside a "
        "request; nothing is bound, as others may be below that span, too; enter set_session() for the job, or call "
        "bind_session inside a span of the job"
    ),
}


def bound(session_id: str | Absent | None, fields: Fields, plain: State | None = None) -> Session:
    """Bind the current trace to a session, and return that; ``None`` for the id is the current session, or a new one.

    A ``plain`` state of `changes.plain_start` stands for all else.
    """
    try:
        return _bound(session_id, fields, plain)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        found = type(error).__name__
        _diagnostics.warn_caller("bind", "bind_session: binding raised %s: nothing is bound", found)
        return EMPTY


def _bound(session_id: str | Absent | None, fields: Fields, plain: State | None) -> Session:
    if AWAITED:
        look_again()
    context, outer = get_current(), None
    if not is_bare(context):
        behind = open_behind(context.get(SPAN_KEY))
        if behind is not None:
            context = set_span_in_context(behind, context)
        outer = state_in(context)
    if plain is not None:
        state = begun(plain, outer)
    else:
        if session_id is None and outer is not None:
            session_id = outer.session.id
        change = StartNew(fields) if session_id is None else Start(session_id, fields)
        state = change.applied(outer)
    unstamped.look_at(context.get(SPAN_KEY), state)
    why_not: str = lives.bind(context, state)
    if why_not == "no trace":
        why_not = _why_no_trace()
    if why_not:
        _diagnostics.warn_caller(f"bind: {why_not}", _WHY_NOT[why_not])
    if state.is_new and EVENTS.is_on:
        emit_start(state.session, context)
    return state.session


def _why_no_trace() -> str:
    """Return why there is none inside of a span; nothing where that is on purpose."""
    if PROVIDERS.takes_spans():
        return "" if is_sdk_disabled() else "no trace"
    return "no provider"
