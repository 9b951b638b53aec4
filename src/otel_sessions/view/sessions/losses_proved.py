"""Causes that can't be otherwise: what a trace points to, or who made it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .causes import INTELLIGENT, is_probe_path
from .lost import Verdict
from .session_of_span import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lost import Lost
    from .sightings import Sighting

_SERVER, _CLIENT, _PRODUCER, _CONSUMER = 2, 3, 4, 5
"""``SpanKind`` of OTLP."""


def of_machines(lost: Lost) -> Verdict | None:
    """Return that it is a probe, by the path of its address or by who asks."""
    said = lost.root.attributes
    if lost.root.facts.span_kind != _SERVER or any(each.facts.kind in INTELLIGENT for each in lost.spans):
        return None
    path = str(said.get("http.route") or said.get("url.path") or said.get("http.target") or "").partition("?")[0]
    agent = str(said.get("user_agent.original") or said.get("http.user_agent") or "")
    if (path and is_probe_path(path)) or _PROBERS.match(agent):
        return Verdict("background")
    return None


_PROBERS = re.compile(r"kube-probe/|Prometheus/|GoogleHC/|ELB-HealthChecker/|Consul Health Check|Blackbox Exporter/")
"""How callers name themselves that look whether a server is there."""

_MOST_LINKING = 16
"""So many spans of a trace are asked for links."""


def of_links(lost: Lost) -> Verdict | None:
    """Return that it is work of a session in another process: it links to a span there."""
    links = frozenset[tuple[bytes, bytes]]().union(*(each.links for each in lost.spans[:_MOST_LINKING]))
    if not links:
        return None
    callers = [
        span
        for trace in lost.beside.linked(lost, sorted({trace_id for trace_id, _ in links}))
        for span in trace
        if any(span_id == span.facts.span_id for _, span_id in links)
    ]
    is_elsewhere = all(each.session and each.process.key != lost.root.process.key for each in callers)
    if is_elsewhere and len({each.session for each in callers}) == 1:
        return Verdict("context-lost-process")
    return None


def of_messages(lost: Lost) -> Verdict | None:
    """Return the same of what consumes a message that was sent in a session; else from where all are sent in sessions."""
    names = [(keys, name) for keys in (_MESSAGE, _DESTINATION) if (name := _first(lost.root, keys))]
    if lost.root.facts.span_kind != _CONSUMER or not names:
        return None
    traces = [*lost.beside.before(lost), *lost.beside.without(lost)]
    sent = [span for trace in traces for span in trace if span.facts.span_kind == _PRODUCER]
    for keys, name in names:
        senders = [each for each in sent if _first(each, keys) == name]
        if senders:
            is_lost = all(each.session and each.process.key != lost.root.process.key for each in senders)
            return Verdict("context-lost-process") if is_lost else None
    return None


_MESSAGE = ("messaging.message.id", "messaging.message_id")
_DESTINATION = ("messaging.destination.name", "messaging.destination")


def _first(span: Sighting, keys: Sequence[str]) -> object:
    return next((found for key in keys if (found := span.attributes.get(key))), None)


def of_services(lost: Lost) -> Verdict | None:
    """Return that nobody puts sessions on the spans of its service: calls come to it in sessions, and none has one."""
    service = lost.root.facts.service
    calls = False
    for trace in lost.beside.of_service(lost):
        spans = {each.facts.span_id: each for each in trace}
        for each in trace:
            if each.facts.service == service:
                if each.session:
                    return None
                above = spans.get(each.facts.parent_span_id)
                calls |= above is not None and bool(above.session) and _is_call(above, each)
    return Verdict("no-processor") if calls else None


def of_providers(lost: Lost) -> Verdict | None:
    """Return that nobody puts sessions on the spans of its scope: some are right below spans that have one."""
    service, scope = lost.root.facts.service, lost.root.facts.scope
    below = False
    for trace in lost.beside.of_service(lost):
        spans = {each.facts.span_id: each for each in trace}
        for each in trace:
            if (each.facts.service, each.facts.scope) == (service, scope):
                if each.session:
                    return None
                above = spans.get(each.facts.parent_span_id)
                below |= above is not None and _is_missed(each, above, trace)
    return Verdict("no-processor") if below else None


def _is_missed(span: Sighting, above: Sighting, trace: Sequence[Sighting]) -> bool:
    """Tell whether a span was started in a session, in the process of the one above it, and has none.

    What had ended with the session before that tells that it was set by then, and not late.
    """
    return (
        bool(above.session)
        and span.facts.span_kind not in ENTRIES
        and above.facts.span_kind not in (_CLIENT, _PRODUCER)
        and any(each.session and each.process == above.process and each.facts.end <= span.facts.start for each in trace)
    )


def _is_call(above: Sighting, entry: Sighting) -> bool:
    """Tell whether a server was called by HTTP or RPC, where baggage goes with the trace, from a process of ours."""
    return (
        entry.facts.span_kind == _SERVER
        and above.facts.span_kind == _CLIENT
        and above.process.key != entry.process.key
        and is_near(above)
    )


def is_near(call: Sighting) -> bool:
    """Tell whether a call went to this machine, where no guard holds a session back."""
    said = call.attributes
    host = said.get("server.address") or said.get("net.peer.name")
    if not host:
        host = _HOST.match(str(said.get("url.full") or said.get("http.url") or ""))
        host = host and (host[1] or host[2])
    return host in _NEAR


_HOST = re.compile(r"https?://(?:[^/@]*@)?(?:\[([^]]*)]|([^/:?#]*))")
_NEAR = frozenset(("localhost", "127.0.0.1", "::1"))


def of_late_sessions(lost: Lost) -> Verdict | None:
    """Return that a session was set while its server's span was open, for a trace of its own that links back."""
    if lost.root.facts.span_kind != _SERVER:
        return None
    ids = {(lost.trace_id, each.facts.span_id) for each in lost.spans}
    for trace in lost.beside.within(lost):
        for span in trace:
            if span.session and span.process.key == lost.root.process.key and not ids.isdisjoint(span.links):
                return Verdict("before-bind")
    return None
