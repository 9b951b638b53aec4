"""Where an outgoing call goes, as far as its Context tells, and whether that host gets the session.

A propagator is told nothing of the destination. But instrumentations of clients start a CLIENT span
first, whose attributes name it (semantic conventions "HTTP Spans", ``url.full`` and ``server.address``,
and the older ``http.url`` and ``net.peer.name``). What is not such a call, a message to a queue or an
``inject`` of the application's own, is the user's own doing.
"""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import create_key
from opentelemetry.trace import NonRecordingSpan, SpanKind

from ._destinations import ALL, NONE, host_of_authority, host_of_url
from ._local_trace import SPAN_KEY
from ._trace_state import destination_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from ._destinations import Destinations

OWN: Final = ""
"""Stands for no destination that could be told: the user's own doing."""
UNKNOWN: Final = "a destination that can't be told"

TARGET_KEY = create_key("otel-sessions-target")
"""The Context key under which who makes a call tells where it goes, where the span does not: gRPC."""

_URLS = ("url.full", "http.url")
_HOSTS = ("server.address", "net.peer.name")

# What stands between an instrumentation and us.
_PASSED_OVER = ("otel_sessions", "opentelemetry.propagat", "opentelemetry.context")
_INSTRUMENTATION = "opentelemetry.instrumentation."


def refused(context: Context, destinations: Destinations) -> str | None:
    """Return what is not to get the session of ``context``, a host or `UNKNOWN`, and ``None`` where it may be sent."""
    if destinations == ALL:
        return None
    for host in _hosts_in(context):
        is_allowed = destinations != NONE if host == OWN else host != UNKNOWN and destinations.allows(host)
        if not is_allowed:
            return host or UNKNOWN
    return None


def _hosts_in(context: Context) -> list[str]:
    """Return the destination of what is sent in ``context``, by all that is said of it."""
    span: Any = context.get(SPAN_KEY)
    if span is None:
        return [_unsaid()]
    kind, attributes = getattr(span, "kind", None), getattr(span, "attributes", None)
    if isinstance(span, NonRecordingSpan) or kind is None:
        span_context = span.get_span_context()
        if span_context.is_remote or not span_context.is_valid:
            return [_unsaid()]
        seen = destination_of(span_context)
        if seen is None:  # it is not sampled, and may be a call of anything
            return [UNKNOWN]
        kind, attributes = seen.kind, seen.attributes
    if kind is SpanKind.CLIENT:
        return _named(attributes, context) or [UNKNOWN]
    return [OWN if kind is SpanKind.PRODUCER else _unsaid()]


def _named(attributes: Any, context: Context) -> list[str]:  # noqa: ANN401  # of a span of any SDK
    """Return the hosts that a CLIENT span names: one, unless they contradict each other."""
    # To copy is quick; to ask the view of an SDK span for a key that is not there is not.
    found: Mapping[str, Any] = attributes.copy() if isinstance(attributes, MappingProxyType) else attributes or {}
    urls = [host_of_url(found[name]) or UNKNOWN for name in _URLS if name in found]
    hosts = [host_of_authority(found[name]) or UNKNOWN for name in _HOSTS if name in found]
    if urls or hosts:
        return list(dict.fromkeys(urls + hosts))
    target = context.get(TARGET_KEY)
    return [host_of_authority(target) or UNKNOWN] if isinstance(target, str) else []


def _unsaid() -> str:
    """Return whose doing it is that there is no span of a call.

    Without a tracer (no SDK, or one that is disabled) the instrumentations of clients inject all the same.
    """
    frame = inspect.currentframe()
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if not module.startswith(_PASSED_OVER):
            return UNKNOWN if module.startswith(_INSTRUMENTATION) else OWN
        frame = frame.f_back
    return OWN
