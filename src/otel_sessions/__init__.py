"""Sessions for every OpenTelemetry pipeline: ``session.id`` and ``user.id`` on every span.

This package needs ``opentelemetry-api`` alone; what needs the SDK is in `otel_sessions.sdk`.
"""

import sys
from typing import TYPE_CHECKING

from ._context.calls import (
    bind_session,
    clear_session,
    end_session,
    get_session,
    set_session,
    step,
    update_session,
)
from ._context.scope import SessionScope
from ._conversation.checks import check, check_equals, check_includes, check_json, check_regex, feedback
from ._conversation.evaluations import Check
from ._conversation.log import log
from ._conversation.turn import Turn, turn
from ._propagation.carriers import from_carrier, to_carrier
from ._propagation.gateways import session_headers
from ._session.session import Session

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
    "SessionScope",
    "Turn",
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
        """Say of a name of `otel_sessions.sdk` where it is.

        ``from otel_sessions import instrument`` asks by ``hasattr`` first, in a function of `importlib`. What is no
        `AttributeError` there is what the statement raises; else Python would put a text of its own in its place.
        """
        message = f"module {__name__!r} has no attribute {name!r}"
        if name not in _IN_SDK:
            raise AttributeError(message)
        message = f"{message}: it is in otel_sessions.sdk; from otel_sessions.sdk import {name}"
        if sys._getframe(1).f_code.co_name == "_handle_fromlist":  # noqa: SLF001  # as `inspect.currentframe`
            raise ImportError(message, name=__name__, path=__file__)
        raise AttributeError(message)
