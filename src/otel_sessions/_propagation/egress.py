"""Where an outgoing call goes, as far as its Context tells, and whether that host gets the session.

A propagator is told nothing of the destination. But instrumentations of clients start a CLIENT span
first, whose attributes name it (semantic conventions "HTTP Spans", ``url.full`` and ``server.address``,
and the older ``http.url`` and ``net.peer.name``). Where that is not where it really goes, or there is no
name, as of gRPC, who knows better has it injected once more, by `goes_to`. What is not such a call, a
message to a queue or an ``inject`` of the application's own, is the user's own doing. Whose an ``inject``
is `callers` tells: one of a library, and one into the headers of a client, goes by its destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import propagate
from opentelemetry.context import create_key, set_value
from opentelemetry.propagators.textmap import Setter, default_setter
from opentelemetry.trace import NonRecordingSpan, SpanKind, format_span_id

from otel_sessions._context.attribute_store import attributes_of
from otel_sessions._context.entry import get_current
from otel_sessions._context.guard import guards_in
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._settings.destinations import ALL, NONE

from . import callers, client_calls, mcp_target, message_calls, redirects
from .destinations import host_of_authority, host_of_url
from .trace_state import HOST_ATTRIBUTES, destination_of
from .withholding import items_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.context import Context

    from otel_sessions._settings.destinations import Destinations

OWN: Final = ""
"""Stands for no destination that could be told: the user's own doing."""
UNKNOWN: Final = "a destination that can't be told"
UNSAMPLED: Final = "a destination of a span that is not sampled"
OFF: Final = "a destination of a call whose tracer is switched off"
LATER: Final = "a destination that is told later"
"""Stands for a call that is injected once more when it is known: nothing is sent before, and nothing to be said of it."""

_TARGET_KEY = create_key("otel-sessions-target")
"""The Context key of the host that `goes_to` was told; it holds whatever the span says."""

_PLAIN_KEY = create_key("otel-sessions-plain")
"""The Context key that tells that `goes_to` was told of a call that is not encrypted."""

TOLD_LATER: set[str] = set()
"""Instrumentations whose calls are injected once more, below them, by the names of their modules."""

# What names a destination, and how to read it.
_NAMES: tuple[tuple[str, Callable[[object], str | None]], ...] = tuple(
    (name, host_of_url if "url" in name else host_of_authority) for name in HOST_ATTRIBUTES
)

_PLAIN_HTTP = "http://"
_PLAIN_LENGTH = len(_PLAIN_HTTP)

_UNTOLD = frozenset({UNKNOWN, UNSAMPLED, OFF})
_NO_CALL = frozenset({*_UNTOLD, OWN})
_COPIED_KEY = create_key("otel-sessions-copied")
"""The Context key that tells that the headers were made for another host."""


class Verdict(NamedTuple):
    """Whether a destination gets the session.

    Attributes:
        host: Where it goes: a host, `OWN`, `UNKNOWN`, `UNSAMPLED`, `OFF`, `LATER`, or MCP's `STDIO`.
        is_refused: It does not get the session.
        library: Which package injects, where nobody tells the destination.
        is_message: The carrier is a message, and so what `to_carrier` has written to it was not copied from another call.
        is_copied: The headers in the carrier were made for another host.
        is_of_request: The host is that of the request which a client has in hand, and no span tells it.
    """

    host: str
    is_refused: bool
    library: str = ""
    is_message: bool = False
    is_copied: bool = False
    is_of_request: bool = False


_ANYWHERE = Verdict(OWN, is_refused=False)


def judged(context: Context, carrier: Any, destinations: Destinations) -> Verdict:  # noqa: ANN401  # of any client
    """Tell where what is injected into ``carrier`` goes, and whether it may hold the session of ``context``."""
    if destinations.items == ALL.items:
        return _ANYWHERE
    redirects.watch(_hop)
    hosts = _hosts_in(context, carrier)
    if not hosts or (hosts[0] in _UNTOLD and _TARGET_KEY not in context):
        return _judged_by_caller(hosts[0] if hosts else OWN, carrier, destinations)
    if hosts[0] == OWN:
        return _judged_message(destinations)
    refused = _refused_of(hosts, destinations)
    if refused is None:
        return Verdict(hosts[0], is_refused=False)
    return Verdict(refused, is_refused=True, is_copied=_COPIED_KEY in context)


def _refused_of(hosts: Iterable[str], destinations: Destinations) -> str | None:
    """Return the first of the ``hosts`` that may not have the session, ``None`` for none."""
    for host in hosts:
        if host == UNKNOWN or not destinations.allows(host):
            return host
    return None


def goes_to(host: str, carrier: Any, setter: Setter[Any] = default_setter, *, is_plain: bool = False) -> None:  # noqa: ANN401
    """Inject once more what an instrumentation has injected into ``carrier``, for the ``host`` that it really goes to.

    Nothing is done where no instrumentation has, in the current Context. ``is_plain`` is a call that is not encrypted.
    """
    context = get_current()
    if _is_of(context, carrier) or _is_alone_below(context, tuple(TOLD_LATER)):
        propagate.inject(carrier, set_value(_TARGET_KEY, host, set_value(_PLAIN_KEY, is_plain, context)), setter)


def is_unencrypted(host: str, context: Context) -> bool:
    """Tell whether the call of ``context`` to ``host`` is known not to be encrypted."""
    if _PLAIN_KEY in context:
        return context[_PLAIN_KEY] is True
    span: Any = context.get(SPAN_KEY)
    urls = {} if span is None else attributes_of(span)
    url = urls.get("url.full", urls.get("http.url"))
    return isinstance(url, str) and url[:_PLAIN_LENGTH].lower() == _PLAIN_HTTP and host_of_url(url) == host


def _hop(url: str, headers: Any) -> None:  # noqa: ANN401  # whatever the client has for headers
    """Guard one request of a client that may have been redirected."""
    context = get_current()
    is_injected = _is_of(context, headers)
    host, named = host_of_url(url) or UNKNOWN, _hosts_in(context, headers)
    is_named = bool(named) and _NO_CALL.isdisjoint(named)
    if host in named or not (is_named or client_calls.was_sent(headers)):
        return
    context = set_value(_COPIED_KEY, True, set_value(_TARGET_KEY, host, context))
    if is_named and is_injected:
        propagate.inject(headers, context, _REPLACING)
        return
    # Baggage alone, or beside a form of the trace that we can't read.
    every: Any = guards_in(propagate.get_global_textmap())
    for guard in every:
        guard.guard_copy(headers, context, _REPLACING)


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


def _is_alone_below(context: Context, modules: tuple[str, ...]) -> bool:
    """Tell whether there is no span in ``context``, which a tracer that is off has left so, and one of the ``modules`` calls."""
    span: Any = context.get(SPAN_KEY)
    return span is not None and not span.get_span_context().is_valid and callers.is_below(modules)


def _hosts_in(context: Context, carrier: Any) -> list[str]:  # noqa: ANN401  # as above
    """Return the destination of what is sent in ``context``, by all that is said of it; nothing where nothing is."""
    told = context.get(_TARGET_KEY)
    if isinstance(told, str):
        return [told]
    span: Any = context.get(SPAN_KEY)
    if span is None:
        return []
    kind = getattr(span, "kind", None)
    if kind is not None and not isinstance(span, NonRecordingSpan):
        attributes = attributes_of(span)
    else:
        span_context = span.get_span_context()
        if span_context.is_remote or not span_context.is_valid:
            return []
        seen = destination_of(span_context)
        if seen is None:  # it may be a call of anything
            return [OFF if span_context.trace_flags.sampled else UNSAMPLED]
        kind, attributes = seen.kind, seen.attributes
    if kind is SpanKind.CLIENT:
        return _named(attributes) or [UNKNOWN]
    return [OWN] if kind is SpanKind.PRODUCER and callers.is_plain(carrier) else []


def _named(attributes: Mapping[str, Any]) -> list[str]:
    """Return the hosts that a CLIENT span names: one, unless they contradict each other."""
    hosts = []
    for name, read in _NAMES:
        if name in attributes:
            host = read(attributes[name]) or UNKNOWN
            if host not in hosts:
                hosts.append(host)
    return hosts


def _judged_by_caller(host: str, carrier: Any, destinations: Destinations) -> Verdict:  # noqa: ANN401  # as above
    """Judge what goes to a ``host`` that no span tells; `OWN` where there is no span of a call at all.

    Without a tracer (no SDK, or one that is disabled) clients and their instrumentations inject all the same. So it is
    the application's own doing only where it is the application that asks, and not into the headers of a client.
    """
    frame = callers.calling_frame()
    module = callers.module_of(frame)
    if mcp_target.is_of_mcp(module):
        return _judged_for_mcp(mcp_target.target_of(frame), module, destinations)
    if module in client_calls.CLIENTS and host in {OWN, OFF} and (found := client_calls.hosts_of(frame)):
        hosts = [each or UNKNOWN for each in found]
        refused = _refused_of(hosts, destinations)
        return Verdict(refused or hosts[0], is_refused=refused is not None, is_of_request=True)
    if TOLD_LATER and module.startswith(tuple(TOLD_LATER)):
        return Verdict(LATER, is_refused=True)
    is_message = host in {OWN, OFF} and message_calls.is_message(frame)
    if host != OWN and not is_message:
        is_of_library = host == OFF and callers.is_installed(frame)
        return Verdict(host, is_refused=True, library=_library_of(module) if is_of_library else "")
    if (callers.is_installed(frame) and not is_message) or not callers.is_plain(carrier):
        return Verdict(UNKNOWN, is_refused=True, library=_library_of(module))
    return _judged_message(destinations)


def _judged_message(destinations: Destinations) -> Verdict:
    """Judge a message, or an ``inject`` of the application's own."""
    return Verdict(UNKNOWN, is_refused=True, is_message=True) if destinations == NONE else _ANYWHERE


def _judged_for_mcp(host: str | None, module: str, destinations: Destinations) -> Verdict:
    """Judge a request of MCP, which is a message whatever carries it."""
    if host is None:
        is_later = module.startswith(mcp_target.INJECTED_AGAIN)
        return Verdict(LATER if is_later else UNKNOWN, is_refused=True, library=_library_of(module), is_message=True)
    is_allowed = destinations.allows_mcp() if host == mcp_target.STDIO else destinations.allows(host)
    return Verdict(host, is_refused=not is_allowed, is_message=True)


def _library_of(module: str) -> str:
    """Return the package that a ``module`` is of, as people know it."""
    parts = module.split(".")
    return ".".join(parts[:3] if "instrumentation" in parts else parts[:1])
