"""Guards what goes over the wire: to whom the session is sent, and from whom it is taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, create_key
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from . import _baggage, _diagnostics, _settings
from ._context import ENTRY_KEY, get_current
from ._egress import LATER, UNKNOWN, refused
from ._forks import ForkSafeLock
from ._guard import answers_probe, holds_guard
from ._headers import plain_spaces
from ._ingress import CleanGetter, texts_of, value_of
from ._local_trace import SPAN_KEY
from ._resolution import state_in
from ._session import SESSION_ID
from ._trace_state import is_from_session, marked, without_randomness
from ._withholding import withhold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._settings import Settings
    from ._state import State

_BAGGAGE, _TRACE_STATE = "baggage", "tracestate"
_MAX_HOSTS = 256
"""Most hosts that are told apart; an application that calls more has them made up."""
_OTHERS = "others"

_DECIDED = create_key("otel-sessions-decided")
"""The Context key that tells a propagator inside of another of these that all is done."""

_counting = ForkSafeLock()


class SessionPropagator(TextMapPropagator):
    """Sends the session to destinations that are allowed, and takes it from callers that are trusted.

    ::

        set_global_textmap(SessionPropagator(get_global_textmap()))

    It wraps the propagators that are there. What else they write and read stays as it is: the trace
    context, and baggage of others. Never raises.

    What is sent is the session of the Context (also one that the trace was bound to), first in the
    header. To whom, the current CLIENT span tells; one that names no host, and a span that is not sampled
    and is not remembered by a `SessionRatioSampler`, get nothing. What is sent outside of a CLIENT span, or
    in a PRODUCER span, is the user's own doing. A host that is not allowed does not get the session out
    of headers that a redirect has copied either, nor a randomness (``rv`` in ``tracestate``) that derives from it.

    Args:
        inner: The propagators that the application has.
        propagate_to: Destinations: ``private`` (the default), ``all``, ``none``, or host globs and CIDRs, as a comma
            list or a list. The environment variable is ``OTEL_SESSION_PROPAGATE_TO``.
        trust_incoming: Take the session of incoming requests. ``OTEL_SESSION_TRUST_INCOMING``.
        incoming_headers: Other request headers to take it from, as ``session.id=x-session-id``, where the
            baggage has none. ``OTEL_SESSION_INCOMING_HEADERS``.

    An argument that is not given is that of ``instrument()``, else that of the environment.
    """

    def __init__(
        self,
        inner: TextMapPropagator,
        *,
        propagate_to: object = None,
        trust_incoming: bool | None = None,
        incoming_headers: object = None,
    ) -> None:
        self.inner = inner
        self._given = _settings.parsed(
            propagate_to=propagate_to, trust_incoming=trust_incoming, incoming_headers=incoming_headers
        )
        self._merged: tuple[Settings, Settings] | None = None
        self._refusals: Counter[str] = Counter()
        self._holds_another = holds_guard(inner)

    def __repr__(self) -> str:
        """Show the settings."""
        return f"{type(self).__name__}({self.settings()})"

    @property
    def fields(self) -> set[str]:
        """The names that are written."""
        return self.inner.fields

    def settings(self) -> Settings:
        """Return what holds: the arguments, over what holds in this process."""
        process = _settings.in_process()
        if not self._given:
            return process
        if self._merged is None or self._merged[0] is not process:
            self._merged = process, replace(process, **self._given)
        return self._merged[1]

    def refusals(self) -> dict[str, int]:
        """Return how many calls to which host were sent without their session."""
        with _counting:
            return dict(self._refusals)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write ``context``, ``None`` for the current one, to ``carrier`` (OTel spec, "TextMap Inject")."""
        try:
            here = get_current() if context is None else context
            settings = self.settings()
            if answers_probe(here, self):
                return
            if settings.disabled or _DECIDED in here:
                self.inner.inject(carrier, here, setter)
            else:
                self._inject(carrier, here, setter, settings)
        except Exception as error:  # noqa: BLE001  # telemetry must not break the application
            _warn_raised("inject", error)

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return ``context`` with what ``carrier`` brings (OTel spec, "TextMap Extract")."""
        if isinstance(getter, CleanGetter) or self.settings().disabled:
            return self.inner.extract(carrier, context, getter)
        try:
            received = self.inner.extract(carrier, context, CleanGetter(getter))
            return self._received(received, context, carrier, getter)
        except Exception as error:  # noqa: BLE001  # remote input, and telemetry must not break the application
            _warn_raised("extract", error)
            return Context() if context is None else context

    def _inject(self, carrier: Any, context: Context, setter: Setter[Any], settings: Settings) -> None:  # noqa: ANN401
        state = state_in(context)
        host = refused(context, settings.propagate_to)
        written = self._written(_outgoing(context, state if host is None else None, is_allowed=host is None))
        if host is None:
            header = written.get(_BAGGAGE)
            if header is not None and "+" in header:
                written[_BAGGAGE] = plain_spaces(header, settings.own_keys)
        else:
            self._withhold(carrier, context, setter, written, state)
            if state is not None and state.items and host != LATER:
                self._refuse(host, state, settings)
        for name, value in written.items():
            setter.set(carrier, name, value)

    def _written(self, context: Context) -> dict[str, str]:
        """Return what the inner propagators write of ``context``."""
        if self._holds_another:
            context = Context({**context, _DECIDED: True})
        written: dict[str, str] = {}
        try:
            self.inner.inject(written, context)
        except Exception as error:  # noqa: BLE001  # such as a lone surrogate in an entry of somebody else
            _warn_raised("inject", error)
            written = {}
            self.inner.inject(written, _without_unreadable(context))
        return written

    def _withhold(  # of one injection
        self,
        carrier: Any,  # noqa: ANN401
        context: Context,
        setter: Setter[Any],
        written: dict[str, str],
        state: State | None,
    ) -> None:
        header = written.get(_TRACE_STATE)
        if header is not None and "rv:" in header:
            span: Any = context.get(SPAN_KEY)
            trace_state = span.get_span_context().trace_state
            if is_from_session(trace_state, None if state is None else state.session.id):
                written[_TRACE_STATE] = without_randomness(trace_state).to_header()
                if not written[_TRACE_STATE]:
                    del written[_TRACE_STATE]
        withhold(carrier, written, lambda name, value: setter.set(carrier, name, value))

    def _refuse(self, host: str, state: State, settings: Settings) -> None:
        """Count a refusal, and say the first one of each host, with the remedy."""
        if any(str(value) in host for value in state.items.values()):
            host = UNKNOWN  # a name made of an id is one
        with _counting:
            if host not in self._refusals and len(self._refusals) >= _MAX_HOSTS:
                host = _OTHERS
            self._refusals[host] += 1
        if host != _OTHERS:
            _diagnostics.inform_once(
                ("refused", host),
                "otel_sessions: calls to %s are sent without the session, which OTEL_SESSION_PROPAGATE_TO (%s) does not "
                "allow; if it is yours, add its name there",
                host,
                settings.propagate_to,
            )

    def _received(self, received: Context, context: Context | None, carrier: Any, getter: Getter[Any]) -> Context:  # noqa: ANN401
        settings = self.settings()
        items = _baggage.entries(received)
        if items:
            received = _with_marked_span(received, items.get(SESSION_ID))
        if not settings.trust_incoming:
            return _as_before(received, items, context)
        if not settings.incoming_headers:
            return received
        given = {
            key: value
            for key, header in settings.incoming_headers
            if key not in items and (value := value_of(key, texts_of(getter, carrier, header))) is not None
        }
        return _baggage.with_baggage(received, {**given, **items}) if given else received


def session_baggage(
    *,
    propagate_to: object = None,
    trust_incoming: bool | None = None,
    incoming_headers: object = None,
    **others: object,
) -> SessionPropagator:
    """Return W3C Baggage, guarded: the propagator ``session_baggage`` of ``OTEL_PROPAGATORS``, to stand last there.

    An OpenTelemetry configuration file may have options for it, those of `SessionPropagator`. One that there is
    not is a warning: what raises here stops all instrumentations.
    """
    for name in others:
        _diagnostics.warn_once(
            ("option", name), "otel_sessions: session_baggage has no option %r, which is left out", name[:60]
        )
    return SessionPropagator(
        W3CBaggagePropagator(),
        propagate_to=propagate_to,
        trust_incoming=trust_incoming,
        incoming_headers=incoming_headers,
    )


def _outgoing(context: Context, state: State | None, *, is_allowed: bool) -> Context:
    """Return ``context`` with the baggage that is sent: the session first, and what is not of a session."""
    items = _baggage.entries(context)
    ours: Mapping[str, object] = {} if state is None else state.items
    if items is ours or not (items or ours):
        return context
    others = _baggage.others(items) if is_allowed else _baggage.foreign(items)
    wanted = {**ours, **others}
    return context if [*wanted.items()] == [*items.items()] else _baggage.with_baggage(context, wanted)


def _without_unreadable(context: Context) -> Context:
    """Return ``context`` without baggage that can't be written."""
    return _baggage.with_baggage(
        context, {key: value for key, value in _baggage.entries(context).items() if _is_readable(key, value)}
    )


def _is_readable(key: object, value: object) -> bool:
    try:
        return bool(f"{key}{value}".encode())
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return False


def _as_before(received: Context, items: Mapping[str, object], context: Context | None) -> Context:
    """Return ``received`` with what it holds of a session as it was in the ``context`` before."""
    private = {key for key in items if _baggage.is_private(key)}
    if not private:
        return received
    if context is None:  # then W3C Baggage alone adds to the current one, and a composite begins with an empty one
        current = get_current()
        context = current if ENTRY_KEY in current and received.get(ENTRY_KEY) is current[ENTRY_KEY] else Context()
    before = _baggage.entries(context)
    kept = {key: before[key] for key in before if key in private}
    return _baggage.with_baggage(received, {**kept, **_baggage.foreign(items)})


def _with_marked_span(received: Context, session_id: object) -> Context:
    """Return ``received`` with a note on its span where the tracestate has a randomness that derives from the session."""
    span: Any = received.get(SPAN_KEY)
    if span is None or not isinstance(session_id, str):
        return received
    remote: SpanContext = span.get_span_context()
    if not remote.is_remote or "ot" not in remote.trace_state or not is_from_session(remote.trace_state, session_id):
        return received
    state = marked(remote.trace_state)
    known = SpanContext(remote.trace_id, remote.span_id, remote.is_remote, remote.trace_flags, state)
    return set_span_in_context(NonRecordingSpan(known), received)


def _warn_raised(call: str, error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once((call, found), "otel_sessions: %s of the propagators raised %s", call, found)
