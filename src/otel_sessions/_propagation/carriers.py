"""The session, and the trace, through anything that takes strings: queues, subprocesses, MCP's ``_meta``.

The forms are W3C Baggage (https://www.w3.org/TR/baggage/) and W3C Trace Context
(https://www.w3.org/TR/trace-context/), written and read by the API's own propagators. What comes in
is not trusted: it is bounded and validated here and in `baggage`, and never raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import TraceFlags, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_sessions import _diagnostics
from otel_sessions._context import baggage
from otel_sessions._context.changes import Carry
from otel_sessions._context.entry import settled
from otel_sessions._context.origin import as_message, below
from otel_sessions._context.resolution import remote_in, state_in
from otel_sessions._context.scope import scope_of
from otel_sessions._context.state import NOTHING, as_whole
from otel_sessions._context.unstamped import look
from otel_sessions._settings.settings import in_process

from .headers import fitted, is_simple, read_simple, well_formed
from .pairs import FIELDS, tell_of_inside, texts_in
from .recent import Recent
from .trace_state import known_as_caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Span

    from otel_sessions._context.scope import SessionScope
    from otel_sessions._context.state import State

    from .pairs import Carrier, Complain

_TRACEPARENT, _BAGGAGE = "traceparent", "baggage"

_handed = Recent()
"""The baggage that `to_carrier` has written."""

_trace_context = TraceContextTextMapPropagator()
_w3c_baggage = W3CBaggagePropagator()


def to_carrier(*, environ: bool = False, level: Literal[1, 2] = 2) -> dict[str, str]:
    """Return the current session and span as strings, for a message, a header or a child process.

    ::

        queue.put({"body": body, "headers": to_carrier()})
        subprocess.run(command, env={**os.environ, **to_carrier(environ=True)})

    The keys are ``traceparent`` and ``tracestate`` (W3C Trace Context) where there is a span, and
    ``baggage`` (W3C Baggage) where there is a session or other baggage. Whoever gets the carrier
    gets the ids. Metadata and tags stay in this process.

    Args:
        environ: Give the names of the environment (OTel spec, "Environment Variables as Context
            Propagation Carriers"): ``TRACEPARENT``, ``TRACESTATE`` and ``BAGGAGE``, all three, empty where
            there is nothing, so that a child does not get what this process was given itself.
        level: Of W3C Trace Context, for ``traceparent``. In level 1 the flags are ``00`` or ``01``; in level 2 (the
            default, what OpenTelemetry writes) ``02`` and ``03`` tell besides that the trace id is random. Give 1 to who
            takes these for invalid, as Codex CLI does.
    """
    carrier: dict[str, str] = {}
    try:
        context = settled()
        look(context)
        carrier = carrier_in(below(context))
        if _is_first_level(level) and _TRACEPARENT in carrier:
            carrier[_TRACEPARENT] = _of_first_level(carrier[_TRACEPARENT])
        if _BAGGAGE in carrier:
            _handed.add(carrier[_BAGGAGE])
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _diagnostics.warn_caller("to_carrier", "to_carrier: writing raised %s", type(error).__name__)
    return {name.upper(): carrier.get(name, "") for name in FIELDS} if environ else carrier


def _is_first_level(level: object) -> bool:
    is_known = isinstance(level, int) and not isinstance(level, bool) and level in {1, 2}
    if not is_known:
        _diagnostics.warn_caller("level", "level: expected 1 or 2, of W3C Trace Context, so it is taken as 2")
    return is_known and level == 1


def _of_first_level(traceparent: str) -> str:
    """Return ``traceparent`` with the flag that level 1 knows, sampled, and no other (W3C Trace Context, section 3.2.2.5)."""
    head, _, flags = traceparent.rpartition("-")
    return f"{head}-{int(flags, 16) & TraceFlags.SAMPLED:02x}"


def is_handed(header: str) -> bool:
    """Tell whether a baggage ``header`` is one that `to_carrier` has written of late: the application's own doing."""
    return header in _handed


def carrier_in(context: Context) -> dict[str, str]:
    """Return the session and the span of ``context`` as `to_carrier` does."""
    carrier: dict[str, str] = {}
    _trace_context.inject(carrier, context)
    _inject_baggage(carrier, context)
    return carrier


def from_carrier(carrier: Carrier) -> SessionScope:
    """Return a scope of the session, and of the trace, that `to_carrier` has written elsewhere.

    ::

        with from_carrier(message["headers"]):
            work(message["body"])

        with from_carrier(os.environ):
            main()

    Inside, spans continue the trace of the carrier (where the current span is of that trace
    already, as under an instrumentation, they stay below it), and the session is that of the
    carrier: without one there is none, and ``as session`` gives a `Session` whose ``id`` is ``None``. Names are
    found in upper and lower case.

    Args:
        carrier: A mapping or pairs of names and values: `str`, `bytes`, or a list of them; HTTP, Kafka
            or AMQP headers, attributes of a message of SQS or SNS as boto3 or an event of Lambda has them, the environ
            of WSGI, ``os.environ``, or the ``_meta`` of an MCP request, which may be ``None``. Where they are
            had by a method, as ``headers`` of confluent-kafka's messages, call it: ``from_carrier(message.headers())``.
            Of a whole message it warns, and names the part to pass.

    What is not well-formed is left out; then it warns, once, without the value.
    """
    context = context_in(carrier, _warn_ill_formed)
    if not context:
        tell_of_inside(carrier)
    items = baggage.entries(context)
    found = remote_in(items)
    if not in_process().trust_incoming:
        items = baggage.foreign(items)
    state = NOTHING if found is None else as_whole(found)  # a user alone joins no session
    return scope_of(Carry(state), _continuing(known_as_caller(get_current_span(context)), items))


def _inject_baggage(carrier: dict[str, str], context: Context) -> None:
    state = state_in(context)
    header = _header_of(_without_unfit(context) if state is None else _sending(state, context))
    if header is None:  # by a foreign entry that no header can hold: ours go alone
        header = None if state is None else _header_of(_sending(state, Context()))
    if header:
        carrier[_BAGGAGE] = fitted(header)


def _sending(state: State, context: Context) -> Context:
    """Return ``context`` with all of ``state`` that travels first in its baggage."""
    return baggage.with_baggage(context, {**state.items, **baggage.others(baggage.entries(context))})


def _without_unfit(context: Context) -> Context:
    """Return ``context`` without entries of a session, of which none is valid here."""
    items = baggage.entries(context)
    kept = items if in_process().disabled else baggage.others(items)
    return context if kept is items else baggage.with_baggage(context, kept)


def _header_of(context: Context) -> str | None:
    carrier: dict[str, str] = {}
    try:
        _w3c_baggage.inject(carrier, context)
    except Exception:  # noqa: BLE001  # a lone surrogate, or a value that can't be shown
        return None
    return carrier.get(_BAGGAGE, "").replace("+", "%20")  # a form's space (opentelemetry-python#5566)


def _continuing(span: Span, items: Mapping[str, object]) -> Callable[[Context], Context]:
    """Return what makes the Context of a carrier from the current one."""
    remote = span.get_span_context()

    def continued(context: Context) -> Context:
        if not remote.is_valid:
            context = as_message(context)
        elif get_current_span(context).get_span_context().trace_id != remote.trace_id:
            context = set_span_in_context(span, context)
        return baggage.with_entries(context, items)

    return continued


def context_in(carrier: Carrier, complain: Complain) -> Context:
    """Return a Context with the span and the baggage of ``carrier``, and nothing else. Never raises.

    Args:
        carrier: As for `from_carrier`.
        complain: Is told what is not well-formed, and is left out.
    """
    fields = _fields_of(carrier, complain)
    context = _extracted(fields, complain)
    if _TRACEPARENT in fields and not get_current_span(context).get_span_context().is_valid:
        complain("a traceparent that is not well-formed")
    return context


def _extracted(fields: Mapping[str, str], complain: Complain) -> Context:
    try:
        context = _trace_context.extract(fields, Context()) if _TRACEPARENT in fields else Context()
        header = fields.get(_BAGGAGE)
        if header is not None and is_simple(header, in_process().own_keys):
            return baggage.with_entries(context, read_simple(header))  # the common case
        return _w3c_baggage.extract(fields, context)
    except Exception as error:  # noqa: BLE001  # remote input
        complain(type(error).__name__)
        return Context()


def _fields_of(carrier: Carrier, complain: Complain) -> dict[str, str]:
    """Return what `FIELDS` name in ``carrier``, well-formed."""
    fields = {key: _well_formed(key, texts, complain) for key, texts in texts_in(carrier, complain).items()}
    return {key: value for key, value in fields.items() if value}


def _well_formed(key: str, texts: list[str], complain: Complain) -> str:
    """Return headers of one name as one that is well-formed, and say if that is not all of them."""
    header, is_whole = well_formed(key, texts, in_process().own_keys)
    if not is_whole:
        complain(f"a {key} member that is not well-formed, or more members than allowed,")
    return header


def _warn_ill_formed(what: str) -> None:
    # The API's propagator would log the entry itself, which may hold an id.
    _diagnostics.count("dropped carrier entry")
    _diagnostics.warn_once(("carrier", what), "otel_sessions: from_carrier: %s was found, and is left out", what)
