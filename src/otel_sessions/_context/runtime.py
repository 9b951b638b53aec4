"""What keeps the current Context: the API's own, or what somebody has put in its place (``OTEL_PYTHON_CONTEXT``)."""

from __future__ import annotations

import contextlib
import contextvars
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, create_key, detach
from opentelemetry.context import attach as api_attach
from opentelemetry.context import get_current as api_get_current
from opentelemetry.trace import get_current_span, set_span_in_context

from otel_sessions import _diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = create_key("otel-sessions-kept")

_LOSES = (
    "otel_sessions: what keeps the current Context of this process (OTEL_PYTHON_CONTEXT) keeps no values of others, and "
    "baggage beyond the block in which it is set, so no session is carried; ddtrace puts it there: unset "
    "DD_TRACE_OTEL_ENABLED, and set up an SDK TracerProvider (docs/how-to/other-tools.md)"
)


def quickest() -> tuple[Callable[[], Context], Callable[[Context], Any]]:
    """Return the quickest functions that read the current Context and that attach one.

    Those are ``get`` and ``set`` of the context variable behind the API, which a token names. With a runtime
    context of another make they are the API's own functions; and with one that does not keep what is
    attached, nothing is: a session would not be found again, and its baggage not be taken away.
    """
    var = contextvars.Context().run(_variable)
    fresh = contextvars.Context()
    with contextlib.suppress(LookupError):  # it has no default, so the API does more than to read it
        if isinstance(var, contextvars.ContextVar) and fresh.run(var.get) is fresh.run(api_get_current):
            return var.get, var.set
    return api_get_current, api_attach if contextvars.Context().run(_is_kept) else _attach_span


def _variable() -> object:
    token = api_attach(Context())
    detach(token)
    return getattr(token, "var", None)


def _is_kept() -> bool:
    """Tell whether what is attached is what is current then."""
    token = api_attach(Context({_KEPT: True}))
    try:
        return _KEPT in api_get_current()
    finally:
        detach(token)


def _attach_span(context: Context) -> None:
    """Attach the span of ``context`` alone, which such a runtime context keeps, and say so, once."""
    _diagnostics.warn_once("runtime context", _LOSES)
    current, span = api_get_current(), get_current_span(context)
    if span.get_span_context() != get_current_span(current).get_span_context():
        api_attach(set_span_in_context(span, current))
