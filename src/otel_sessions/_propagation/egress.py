"""Where an outgoing call goes, as far as its Context tells, and whether that host gets the session.

A propagator is told nothing of the destination. But instrumentations of clients start a CLIENT span
first, whose attributes name it (semantic conventions "HTTP Spans", ``url.full`` and ``server.address``,
and the older ``http.url`` and ``net.peer.name``). Where that is not where it really goes, or there is no
name, as of gRPC, who knows better has it injected once more, by `goes_to`. What is not such a call, a
message to a queue or an ``inject`` of the application's own, is the user's own doing.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import propagate
from opentelemetry.context import create_key, set_value
from opentelemetry.propagators.textmap import Setter, TextMapPropagator, default_setter
from opentelemetry.trace import NonRecordingSpan, SpanKind, format_span_id

from otel_sessions._context.attribute_store import attributes_of
from otel_sessions._context.entry import get_current
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._settings.hosts import ALL, NONE

from . import redirects
from .destinations import host_of_authority, host_of_url
from .guard import guards_in
from .trace_state import HOST_ATTRIBUTES, destination_of
from .withholding import items_of, withhold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from opentelemetry.context import Context

    from otel_sessions._settings.hosts import Destinations

OWN: Final = ""
"""Stands for no destination that could be told: the user's own doing."""
UNKNOWN: Final = "a destination that can't be told"
UNSAMPLED: Final = "a destination of a span that is not sampled"
LATER: Final = "a destination that is told later"
"""Stands for a call that is injected once more when it is known: nothing is sent before, and nothing to be said of it."""

_TARGET_KEY = create_key("otel-sessions-target")
"""The Context key of the host that `goes_to` was told; it holds whatever the span says."""

TOLD_LATER: set[str] = set()
"""Instrumentations whose calls are injected once more, below them, by the names of their modules."""

# What names a destination, and how to read it.
_NAMES: tuple[tuple[str, Callable[[object], str | None]], ...] = tuple(
    (name, host_of_url if "url" in name else host_of_authority) for name in HOST_ATTRIBUTES
)

# What stands between an instrumentation and us.
_PASSED_OVER = ("otel_sessions", "opentelemetry.propagat", "opentelemetry.context")
_INSTRUMENTATION = ".instrumentation."
"""Stands in the names of instrumentations: of ``opentelemetry.instrumentation.*`` and ``openinference.instrumentation.*``."""
# What calls other hosts, and injects by itself.
_LIBRARIES = ("mcp.", "fastmcp.")
_UNTOLD = frozenset({UNKNOWN, UNSAMPLED, LATER})


def refused(context: Context, destinations: Destinations) -> str | None:
    """Return what is not to get the session of ``context``, and ``None`` where it may be sent.

    That is a host, `UNKNOWN`, `UNSAMPLED` or `LATER`.
    """
    if destinations.items == ALL.items:
        return None
    redirects.watch(_hop)
    for host in _hosts_in(context):
        if host == OWN:
            if destinations == NONE:
                return UNKNOWN
        elif host in _UNTOLD or not destinations.allows(host):
            return host
    return None


def goes_to(host: str, carrier: Any, setter: Setter[Any] = default_setter) -> None:  # noqa: ANN401
    """Inject once more what an instrumentation has injected into ``carrier``, for the ``host`` that it really goes to.

    Nothing is done where no instrumentation has, in the current Context.
    """
    context = get_current()
    if _is_of(context, carrier):
        propagate.inject(carrier, set_value(_TARGET_KEY, host, context), setter)


def _hop(url: str, headers: Any) -> None:  # noqa: ANN401  # whatever the client has for headers
    """Guard one request of a client that may have been redirected."""
    context = get_current()
    is_injected = _is_of(context, headers)
    host, named = host_of_url(url) or UNKNOWN, _hosts_in(context)
    if host in named or OWN in named or not _UNTOLD.isdisjoint(named):
        return
    if is_injected:
        goes_to(host, headers, _REPLACING)
    elif _is_refused(
        set_value(_TARGET_KEY, host, context)
    ):  # baggage alone, or beside a form of the trace that we can't read
        withhold(headers, {}, lambda name, value: _REPLACING.set(headers, name, value))


def _is_refused(context: Context) -> bool:
    """Tell whether a guard of this process does not let the session go to the target of ``context``."""
    every: Any = guards_in(propagate.get_global_textmap())
    found = [guard.settings() for guard in every]
    return any(not each.disabled and refused(context, each.propagate_to) is not None for each in found)


class _Replacing(Setter[Any]):
    """Writes a header in place of one that has its name in other letters."""

    def set(self, carrier: Any, key: str, value: str) -> None:  # noqa: ANN401
        names = [name for name in carrier if isinstance(name, str) and name.lower() == key]
        carrier[names[0] if names else key] = value


_REPLACING = _Replacing()


def _is_of(context: Context, carrier: Any) -> bool:  # noqa: ANN401
    """Tell whether the span of ``context`` stands in ``carrier``: in ``traceparent``, or as other formats have it."""
    span: Any = context.get(SPAN_KEY)
    span_context = None if span is None else span.get_span_context()
    if span_context is None or not span_context.is_valid:
        return False
    span_ids = (format_span_id(span_context.span_id), str(span_context.span_id))  # Google Cloud and Datadog: decimal
    return any(isinstance(value, str) and each in value.lower() for _, value in items_of(carrier) for each in span_ids)


def _hosts_in(context: Context) -> list[str]:
    """Return the destination of what is sent in ``context``, by all that is said of it."""
    told = context.get(_TARGET_KEY)
    if isinstance(told, str):
        return [told]
    span: Any = context.get(SPAN_KEY)
    if span is None:
        return [_unsaid()]
    kind = getattr(span, "kind", None)
    if kind is not None and not isinstance(span, NonRecordingSpan):
        attributes = attributes_of(span)
    else:
        span_context = span.get_span_context()
        if span_context.is_remote or not span_context.is_valid:
            return [_unsaid()]
        seen = destination_of(span_context)
        if seen is None:  # it is not sampled, and may be a call of anything
            return [_untold(UNSAMPLED)]
        kind, attributes = seen.kind, seen.attributes
    if kind is SpanKind.CLIENT:
        return _named(attributes) or [_untold(UNKNOWN)]
    return [OWN if kind is SpanKind.PRODUCER else _unsaid()]


def _named(attributes: Mapping[str, Any]) -> list[str]:
    """Return the hosts that a CLIENT span names: one, unless they contradict each other."""
    hosts = []
    for name, read in _NAMES:
        if name in attributes:
            host = read(attributes[name]) or UNKNOWN
            if host not in hosts:
                hosts.append(host)
    return hosts


def _untold(otherwise: str) -> str:
    """Return what a call goes to whose span does not say it."""
    return LATER if TOLD_LATER and _asker().startswith(tuple(TOLD_LATER)) else otherwise


def _unsaid() -> str:
    """Return whose doing it is that there is no span of a call.

    Without a tracer (no SDK, or one that is disabled) the instrumentations of clients inject all the same.
    """
    asker = _asker()
    return UNKNOWN if _INSTRUMENTATION in f".{asker}." or asker.startswith(_LIBRARIES) else OWN


def _is_of_propagator(frame: FrameType) -> bool:
    """Tell whether ``frame`` is of a propagator around the guard: it is asked, and does not ask."""
    return frame.f_code.co_name == "inject" and isinstance(frame.f_locals.get("self"), TextMapPropagator)


def _asker() -> str:
    """Return the name of the module that injects."""
    frame, module = inspect.currentframe(), ""
    while frame is not None and (
        (module := str(frame.f_globals.get("__name__", ""))).startswith(_PASSED_OVER) or _is_of_propagator(frame)
    ):
        frame = frame.f_back
    return module
