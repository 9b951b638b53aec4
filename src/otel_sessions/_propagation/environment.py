"""What this process was started with: the span and the baggage in its environment (OTel spec, "Environment Variables as Context Propagation Carriers").

It is not trusted: it is bounded and validated as any carrier is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import get_current_span, set_span_in_context

from otel_sessions import _diagnostics
from otel_sessions._context import baggage
from otel_sessions._context.origin import ORIGIN
from otel_sessions._context.resolution import named_in
from otel_sessions._session.ids import ENVIRON
from otel_sessions._settings.settings import environment, in_environment

from .carriers import context_in
from .ingress import CleanGetter
from .trace_state import known_as_caller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from otel_sessions._context.state import State
    from otel_sessions._settings.settings import Settings

_NAMES = ("traceparent", "tracestate", "baggage")

_NOTHING = (
    "otel_sessions: session_id is environ, and there is neither a session nor a span in the environment of this process "
    "(TRACEPARENT, BAGGAGE), so it has none of its own"
)
_NOT_TRUSTED = (
    "otel_sessions: session_id is environ, and what comes in is not trusted (OTEL_SESSION_TRUST_INCOMING), so the span of the "
    "environment is taken up, and no session"
)


class _VariableGetter(Getter["Mapping[str, str]"]):
    """Reads environment variables by the names of headers, but for W3C's, which are read before. That of the API is private."""

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        """Return what the variable for ``key`` holds, in a list; ``None`` where there is none, or nothing in it."""
        value = None if key.lower() in _NAMES else carrier.get(re.sub(r"[^A-Za-z0-9_]", "_", key).upper())
        return [value] if value else None

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        """Return the names of all variables."""
        return list(carrier)


def taken_up(settings: Settings | None) -> State | None:
    """Let this process come from what its environment names, if the ``settings`` ask for that, and return the session of it.

    It is read once: later on the program may have put there what it gives to others. Never raises.
    """
    if settings is None or settings.disabled or settings.session_id != ENVIRON:
        ORIGIN.let_go()
        return None
    context = _read() if ORIGIN.context is None else ORIGIN.context
    items = baggage.entries(context)
    ORIGIN.hold(context, baggage.others(items) if settings.trust_incoming else baggage.foreign(items))
    state = named_in(context)
    if state is None and not settings.trust_incoming and len(ORIGIN.items) < len(items):
        _diagnostics.inform_once("environment not trusted", _NOT_TRUSTED)
    elif state is None and ORIGIN.span is None:
        _diagnostics.inform_once("no environment", _NOTHING)
    return state


def _read() -> Context:
    """Return a Context with the span and the baggage of the environment; W3C's go before those of other propagators."""
    variables = environment()
    found = in_environment(*(name if name.upper() not in variables else name.upper() for name in _NAMES))
    context = context_in(found, _warn_of)
    if not get_current_span(context).get_span_context().is_valid:
        context = _by_propagators(context)
    caller = get_current_span(context)
    return set_span_in_context(known_as_caller(caller), context) if caller.get_span_context().is_valid else context


def _by_propagators(context: Context) -> Context:
    """Return ``context`` with what the propagators of this process find in the environment."""
    getter: Any = CleanGetter(_VariableGetter())
    try:
        return get_global_textmap().extract(environment(), context, getter)
    except Exception as error:  # noqa: BLE001  # remote input, and propagators of others
        _warn_of(f"what raised {type(error).__name__}")
        return context


def _warn_of(what: str) -> None:
    _diagnostics.count("dropped carrier entry")
    _diagnostics.warn_once(
        ("environment", what), "otel_sessions: in the environment of this process %s was found, and is left out", what
    )
