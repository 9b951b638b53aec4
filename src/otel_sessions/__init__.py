"""Sessions for every OpenTelemetry pipeline: ``session.id`` and ``user.id`` on every span.

This package needs ``opentelemetry-api`` alone; what needs the SDK is in `otel_sessions.sdk`.
"""

from ._api import bind_session, clear_session, end_session, get_session, set_session, step, update_session
from ._carriers import from_carrier, to_carrier
from ._scope import SessionScope
from ._session import Session

__all__ = [
    "Session",
    "SessionScope",
    "bind_session",
    "clear_session",
    "end_session",
    "from_carrier",
    "get_session",
    "set_session",
    "step",
    "to_carrier",
    "update_session",
]
