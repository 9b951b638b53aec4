"""Whether what was open before a handler sets its session has that session, too: what a scope does not reach.

A framework opens the span of a request before the handler knows of which session it is. `set_session` holds for what starts
inside, so that the span which backends show for the whole trace is left without; `bind_session` reaches it. That is said at
INFO, where it is sure that the span is of one request: where it is of a connection, of a consumer or of another session
already, there is nothing to mend. Of each trace the first session alone is looked at.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from otel_sessions import _diagnostics
from otel_sessions._session.session import SESSION_ID

from .attribute_store import attributes_of
from .local_trace import SPAN_KEY, local_root_of, note_of

if TYPE_CHECKING:
    from opentelemetry.context import Context

_SERVER, _CONSUMER = SpanKind.SERVER, SpanKind.CONSUMER

# Semantic conventions, "HTTP Spans", the stable names and those of before; a WebSocket is one request for all that is said.
_SCHEMES = ("url.scheme", "http.scheme", "url.full", "http.url")
_WEBSOCKET = re.compile(r"wss?(?:\Z|:)", re.IGNORECASE)
_NAMED_WEBSOCKET = re.compile(r"\bws\b|websocket", re.IGNORECASE)

_SAID = (
    "%s: the span that is open around this, the first of its trace in this process, has no session: backends that show a "
    "trace by that span do not find it; if all of the trace is of one session, as a request is, call bind_session() with the "
    "same id"
)


def notice_scope(context: Context) -> None:
    """Say it of a scope that opens a session in ``context``, which has none, inside the span of a server. Never raises."""
    with suppress(Exception):  # spans of others
        span = context.get(SPAN_KEY)
        root: Any = None if span is None else local_root_of(span)
        if getattr(root, "kind", None) is _SERVER:
            _notice("set_session", span, root)


def notice_turn(span: Any, root: Any) -> None:  # noqa: ANN401  # of any SDK
    """Say it of a turn in a session below ``span``: its ``root``, of whatever kind, shows the words of it. Never raises."""
    with suppress(Exception):  # as above
        if root is not None and _diagnostics.is_informing():
            _notice("turn", span, root)


def _notice(call: str, span: Any, root: Any) -> None:  # noqa: ANN401
    note = note_of(root)
    if note is None or note.stamp is None:  # nobody stamps it, or it is without a session on purpose
        return
    if getattr(note, "is_looked_at", False):
        return
    note.is_looked_at = True
    if SESSION_ID in attributes_of(root) or _CONSUMER in {span.kind, root.kind} or _is_connection(root):
        return
    _diagnostics.inform_caller("handler", _SAID, call)


def _is_connection(root: Any) -> bool:  # noqa: ANN401
    attributes = attributes_of(root)
    schemes = (attributes.get(name) for name in _SCHEMES)
    is_websocket = any(isinstance(scheme, str) and _WEBSOCKET.match(scheme) for scheme in schemes)
    return is_websocket or _NAMED_WEBSOCKET.search(root.name) is not None
