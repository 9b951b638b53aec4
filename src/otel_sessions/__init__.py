"""Sessions for every OpenTelemetry pipeline: ``session.id`` and ``user.id`` on every span.

This package needs ``opentelemetry-api`` alone; what needs the SDK is in `otel_sessions.sdk`.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from ._context.calls import clear_session, get_session, set_session, step, update_session
from ._context.scope import SessionScope
from ._session.session import Session

if TYPE_CHECKING:
    from ._context.late_calls import bind_session, end_session
    from ._context.log_lines import SessionLogFilter, add_session_ids
    from ._conversation.checks import check, check_equals, check_includes, check_json, check_regex, feedback
    from ._conversation.evaluations import Check
    from ._conversation.log import log
    from ._conversation.turn import Turn, turn
    from ._propagation.carriers import from_carrier, to_carrier
    from ._propagation.gateways import session_headers

_WHEN_ASKED_FOR = {
    "SessionLogFilter": "._context.log_lines",
    "add_session_ids": "._context.log_lines",
    "bind_session": "._context.late_calls",
    "end_session": "._context.late_calls",
    "Check": "._conversation.evaluations",
    "check": "._conversation.checks",
    "check_equals": "._conversation.checks",
    "check_includes": "._conversation.checks",
    "check_json": "._conversation.checks",
    "check_regex": "._conversation.checks",
    "feedback": "._conversation.checks",
    "from_carrier": "._propagation.carriers",
    "log": "._conversation.log",
    "session_headers": "._propagation.gateways",
    "to_carrier": "._propagation.carriers",
    "Turn": "._conversation.turn",
    "turn": "._conversation.turn",
}
"""The names whose modules are loaded when a program asks for one: a program that sets sessions needs none of them."""

_IN_SDK = frozenset(
    {
        "DialectSpanExporter",
        "ParentBasedSessionRatio",
        "PhoenixAnnotationExporter",
        "SessionLogRecordProcessor",
        "SessionPropagator",
        "SessionRatioSampler",
        "SessionSpanProcessor",
        "Stats",
        "instrument",
        "stats",
        "uninstrument",
    }
)
"""The names of `otel_sessions.sdk`, which is not imported here."""

__all__ = [
    "Check",
    "Session",
    "SessionLogFilter",
    "SessionScope",
    "Turn",
    "add_session_ids",
    "bind_session",
    "check",
    "check_equals",
    "check_includes",
    "check_json",
    "check_regex",
    "clear_session",
    "end_session",
    "feedback",
    "from_carrier",
    "get_session",
    "log",
    "session_headers",
    "set_session",
    "step",
    "to_carrier",
    "turn",
    "update_session",
]

if not TYPE_CHECKING:  # pragma: no branch  # else a type checker would take any name for one of these

    def __getattr__(name: str) -> object:
        """Load what is asked for; say of a name of `otel_sessions.sdk` where it is.

        ``from otel_sessions import instrument`` asks by ``hasattr`` first, in a function of `importlib`. What is no
        `AttributeError` there is what the statement raises; else Python would put a text of its own in its place.
        """
        where = _WHEN_ASKED_FOR.get(name)
        if where is not None:
            found: object = getattr(import_module(where, __name__), name)
            globals()[name] = found  # so that it is asked for once
            return found
        message = f"module {__name__!r} has no attribute {name!r}"
        if name not in _IN_SDK:
            raise AttributeError(message)
        message = f"{message}: it is in otel_sessions.sdk; from otel_sessions.sdk import {name}"
        if sys._getframe(1).f_code.co_name == "_handle_fromlist":  # noqa: SLF001  # as `inspect.currentframe`
            raise ImportError(message, name=__name__, path=__file__)
        raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
