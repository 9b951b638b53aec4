"""The session, and the trace, through anything that takes strings: queues, subprocesses, MCP's ``_meta``.

The forms are W3C Baggage (https://www.w3.org/TR/baggage/) and W3C Trace Context
(https://www.w3.org/TR/trace-context/), written and read by the API's own propagators. What comes in
is not trusted: it is bounded and validated here and in `_baggage`, and never raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from . import _baggage, _diagnostics
from ._changes import Carry
from ._context import context_with, get_current
from ._resolution import remote_state, state_in
from ._scope import SessionScope
from ._session import EMPTY
from ._state import state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span


Text: TypeAlias = str | bytes
Carrier: TypeAlias = Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None
"""Names and values, as a mapping or as pairs; each a str, or bytes of UTF-8, a value also a list of those."""

_BAGGAGE = "baggage"
_FIELDS = frozenset({"traceparent", "tracestate", _BAGGAGE})
_MAX_ITEMS = 4096
"""Most names of a carrier that are looked at; an environment may have many."""
_MAX_HEADER = 8192
"""Longest value that is looked at, in characters (W3C Baggage, section 3.3.2: Limits)."""

_trace_context = TraceContextTextMapPropagator()
_w3c_baggage = W3CBaggagePropagator()

# No session in here, and none of a parent span; a bind inside counts, which `CLEARED` would not allow.
_NO_SESSION = state_of(EMPTY, is_whole=True)


def to_carrier(*, environ: bool = False) -> dict[str, str]:
    """Return the current session and span as strings, for a message, a header or a child process.

    ::

        queue.put({"body": body, "headers": to_carrier()})
        subprocess.run(command, env={**os.environ, **to_carrier(environ=True)})

    The keys are ``traceparent`` and ``tracestate`` (W3C Trace Context) where there is a span, and
    ``baggage`` (W3C Baggage) where there is a session or other baggage. Whoever gets the carrier
    gets the ids. Metadata and tags stay in this process.

    Args:
        environ: Give the names of the environment (OTel spec, "Environment Variables as Context
            Propagation Carriers"): ``TRACEPARENT``, ``TRACESTATE``, ``BAGGAGE``.
    """
    carrier: dict[str, str] = {}
    try:
        context = get_current()
        _trace_context.inject(carrier, context)
        _inject_baggage(carrier, context)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _diagnostics.warn_caller("to_carrier", "to_carrier: writing raised %s", type(error).__name__)
    return {name.upper(): value for name, value in carrier.items()} if environ else carrier


def from_carrier(carrier: Carrier) -> SessionScope:
    """Return a scope of the session, and of the trace, that `to_carrier` has written elsewhere.

    ::

        with from_carrier(message["headers"]):
            work(message["body"])

        with from_carrier(os.environ):
            main()

    Inside, spans continue the trace of the carrier (where the current span is of that trace
    already, as under an instrumentation, they stay below it), and the session is that of the
    carrier: without one there is none. Names are found in upper and lower case.

    Args:
        carrier: A mapping or pairs of names and values: `str`, `bytes`, or a list of them; HTTP, Kafka
            or AMQP headers, ``os.environ``, or the ``_meta`` of an MCP request, which may be ``None``.

    What is not well-formed is left out; then it warns, once, without the value.
    """
    fields = _fields_of(carrier)
    context = _extracted(fields)
    items = _baggage.entries(context)
    texts = _baggage.texts_in(items)
    state = (None if texts is None else remote_state(texts)) or _NO_SESSION
    return SessionScope(Carry(state), _continuing(get_current_span(context), items))


def _inject_baggage(carrier: dict[str, str], context: Context) -> None:
    state = state_in(context)
    if state is not None:
        context = context_with(state, context)
    try:
        _w3c_baggage.inject(carrier, context)
    except UnicodeEncodeError:  # a foreign entry that no header can hold: ours go alone
        _w3c_baggage.inject(carrier, Context() if state is None else context_with(state, Context()))
    if _BAGGAGE in carrier:
        carrier[_BAGGAGE] = carrier[_BAGGAGE].replace("+", "%20")  # a form's space (opentelemetry-python#5566)


def _continuing(span: Span, items: Mapping[str, object]) -> Callable[[Context], Context]:
    """Return what makes the Context of a carrier from the current one."""
    remote = span.get_span_context()

    def continued(context: Context) -> Context:
        if remote.is_valid and get_current_span(context).get_span_context().trace_id != remote.trace_id:
            context = set_span_in_context(span, context)
        return _baggage.with_entries(context, items)

    return continued


def _extracted(fields: Mapping[str, str]) -> Context:
    try:
        return _w3c_baggage.extract(fields, _trace_context.extract(fields, Context()))
    except Exception as error:  # noqa: BLE001  # remote input
        _warn_ill_formed(type(error).__name__)
        return Context()


def _fields_of(carrier: Carrier) -> dict[str, str]:
    """Return what `_FIELDS` name in ``carrier``."""
    fields: dict[str, str] = {}
    try:
        pairs = () if carrier is None else carrier.items() if isinstance(carrier, Mapping) else carrier
        for name, value in islice(pairs, _MAX_ITEMS):
            key = _text(name).lower()
            if key in _FIELDS:
                fields[key] = _joined(key, value)
    except Exception as error:  # noqa: BLE001  # remote input, and objects of other libraries
        _warn_ill_formed(type(error).__name__)
    return {key: value for key, value in fields.items() if value}


def _joined(key: str, value: object) -> str:
    """Return ``value`` as one header: members of several baggage headers together, of others the first."""
    texts = [_text(part) for part in value] if isinstance(value, (list, tuple)) else [_text(value)]
    if key != _BAGGAGE:
        return texts[0] if texts else ""
    header = ",".join(texts)
    if len(header) > _MAX_HEADER:
        _warn_ill_formed("a baggage header that is too long")
        return ""
    members = header.split(",")
    kept = [member for member in members if "=" in member and member.isascii() and member.isprintable()]
    if len(kept) < len([member for member in members if member.strip()]):
        _warn_ill_formed("a baggage entry that is not key=value in printable US-ASCII")
    return ",".join(kept)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else ""


def _warn_ill_formed(what: str) -> None:
    # The API's propagator would log the entry itself, which may hold an id.
    _diagnostics.count("dropped carrier entry")
    _diagnostics.warn_once(("carrier", what), "otel_sessions: from_carrier: %s was found, and is left out", what)
