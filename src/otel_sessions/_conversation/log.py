"""``log``: a message of the application in the session and the turn that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry._logs import SeverityNumber

from otel_sessions import _diagnostics
from otel_sessions._context.entry import settled
from otel_sessions._context.log_values import Room, logged
from otel_sessions._context.providers import PROVIDERS
from otel_sessions._context.records import Draft, is_quiet, write
from otel_sessions._context.resolution import state_in
from otel_sessions._context.unstamped import look
from otel_sessions._session.check_names import RESPONSE_ID
from otel_sessions._session.fields import clean_id, first_items

from .handles import target_of

if TYPE_CHECKING:
    from typing import Any

    from opentelemetry.context import Context
    from opentelemetry.util.types import AnyValue

    from otel_sessions._context.state import State

    from .handles import Judged

_ALSO = {"WARNING": SeverityNumber.WARN, "CRITICAL": SeverityNumber.FATAL}


def log(
    message: object,
    /,
    *,
    severity: str = "info",
    session: Judged = None,
    response_id: str | None = None,
    **attributes: Any,  # noqa: ANN401  # what a log record can hold, and what can be made of the rest
) -> None:
    """Write ``message`` as a log record of OpenTelemetry, with the ids of the session and of the span.

    ::

        log("plan chosen", plan="b", candidates=["a", "b"])
        log("no tool found", severity="warn", response_id=completion.id)

    It is of the current span and of the current session, where there are such. Never raises.

    Args:
        message: The body: a text, or a mapping or a list.
        severity: ``trace``, ``debug``, ``info``, ``warn``, ``error`` or ``fatal``, or another name of the
            specification ("Logs Data Model", SeverityNumber).
        session: Another session, or its id; or a turn, itself, by its handle or by a carrier of `to_carrier`.
        response_id: Of which answer of a model it is, as ``gen_ai.response.id``.
        attributes: What else it tells: at most 64 texts, numbers, or lists and mappings of these; of other
            objects their ``str``. ``None`` is left out. The names ``severity``, ``session`` and ``response_id`` are
            taken.

    Of a record 262,144 characters are kept.

    Without a logger provider of the SDK nothing is written, and it warns once.
    """
    try:
        context = settled()
        if not is_quiet(context):
            _warn_without_provider()
            look(context)
            state, base = _about(session, context)
            room = Room()  # of the whole record
            body = logged(message, room)
            draft = Draft(None, body, _severity_of(severity), _attributes(response_id, attributes, room))
            write(draft, state, base)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _diagnostics.warn_caller("log", "log: writing raised %s, so nothing is written", type(error).__name__)


def _about(session: Judged, context: Context) -> tuple[State | None, Context]:
    """Return the session of a message, and the Context whose span it is of: of a turn that is named that turn's."""
    outer = state_in(context)
    target = target_of(session, outer)
    if target is None:
        return outer, context
    return target.state, target.context if target.has_span else context


def _attributes(response_id: object, given: dict[str, object], room: Room) -> dict[str, AnyValue]:
    named = [(name, value) for name, value in given.items() if value is not None]
    attributes = {name: logged(value, room) for name, value in first_items("attributes", named)}
    if response_id is not None:
        cleaned = clean_id("response_id", response_id)
        attributes.update({RESPONSE_ID: cleaned} if isinstance(cleaned, str) else {})
    return attributes


def _severity_of(name: object) -> SeverityNumber:
    if isinstance(name, SeverityNumber):
        return name
    word = name.strip().upper() if isinstance(name, str) else ""
    found = _ALSO.get(word) or SeverityNumber.__members__.get(word)
    if found is None:
        _diagnostics.warn_caller(
            "severity", "severity: none of trace, debug, info, warn, error, fatal was given, so it is info"
        )
    return found or SeverityNumber.INFO


def _warn_without_provider() -> None:
    if not PROVIDERS.takes_logs():
        _diagnostics.warn_once(
            "no logger provider",
            "otel_sessions: log: there is no SDK LoggerProvider, so nothing is written; call "
            "opentelemetry._logs.set_logger_provider() first, or pass logger_provider to instrument()",
        )
