"""Sessions for every OpenTelemetry pipeline: ``session.id`` and ``user.id`` on every span.

This package needs ``opentelemetry-api`` alone; what needs the SDK is in `otel_sessions.sdk`.
"""

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
