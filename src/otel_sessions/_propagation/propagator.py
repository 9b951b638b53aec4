"""Guards what goes over the wire: to whom the session is sent, and from whom it is taken."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
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
from opentelemetry.trace import set_span_in_context

from otel_sessions import _diagnostics
from otel_sessions._context import baggage
from otel_sessions._context.entry import get_current
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._context.resolution import state_in
from otel_sessions._forks import ForkSafeLock
from otel_sessions._session.session import WIRE_KEYS
from otel_sessions._settings.hosts import NONE
from otel_sessions._settings.settings import in_process, parsed

from .egress import LATER, UNKNOWN, UNSAMPLED, refused
from .guard import PROBE, answer, guards_in
from .headers import MAX_BAGGAGE, MAX_MEMBERS, baggage_of, fitted, plain_spaces
from .ingress import CleanGetter, as_before, with_headers, with_shown_user
from .trace_state import is_from_session, known_as_caller, without_randomness
from .withholding import withhold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from otel_sessions._context.state import State
    from otel_sessions._settings.hosts import Destinations
    from otel_sessions._settings.settings import Settings

_BAGGAGE, _TRACE_STATE = "baggage", "tracestate"
_MAX_HOSTS = 256
"""Most hosts that are told apart; an application that calls more has them made up."""
_OTHERS = "others"
_HIDDEN = "a destination with an id in its name"

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
        incoming_headers: Other request headers to take it from, as ``session.id=x-session-id``, before
            baggage. ``OTEL_SESSION_INCOMING_HEADERS``.

    An argument that is not given is that of ``instrument()``, else that of the environment.
    """

    def __init__(
        self,
        inner: TextMapPropagator,
        *,
        propagate_to: str | Iterable[str] | None = None,
        trust_incoming: bool | None = None,
        incoming_headers: str | Mapping[str, str] | None = None,
    ) -> None:
        self.inner = inner
        inside: Any = guards_in(inner)
        # A guard around others decides in their place, so by what they were given, too.
        self._given = {name: value for guard in inside for name, value in guard._given.items()}  # noqa: SLF001  # ours
        self._given |= parsed(
            propagate_to=propagate_to, trust_incoming=trust_incoming, incoming_headers=incoming_headers
        )
        self._merged: tuple[Settings, Settings] | None = None
        self._refusals: Counter[str] = Counter()
        self._holds_another = bool(inside)
        self._writes_w3c = _writes_w3c(inner)
        self._clean = CleanGetter(default_getter)

    def __repr__(self) -> str:
        """Show the settings."""
        return f"{type(self).__name__}({self.settings()})"

    @property
    def fields(self) -> set[str]:
        """The names that are written."""
        return self.inner.fields

    def settings(self) -> Settings:
        """Return what holds: the arguments, over what holds in this process."""
        process = in_process()
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
            if PROBE in here:
                answer(here, self)
            elif settings.disabled or _DECIDED in here:
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
        settings = self.settings()
        if isinstance(getter, CleanGetter) or settings.disabled:
            return self.inner.extract(carrier, context, getter)
        try:
            clean = self._clean
            if clean.getter is not getter:  # those of frameworks are one for all requests
                clean = self._clean = CleanGetter(getter)
            received = self.inner.extract(carrier, context, clean)
            items = baggage.entries(received)
            span: Any = received.get(SPAN_KEY)
            if span is not None and (caller := known_as_caller(span)) is not span:
                received = set_span_in_context(caller, received)
            if not settings.trust_incoming:
                return as_before(received, items, context)
            if settings.incoming_headers:
                received = with_headers(received, items, clean, carrier, settings)
            return with_shown_user(received)
        except Exception as error:  # noqa: BLE001  # remote input, and telemetry must not break the application
            _warn_raised("extract", error)
            return Context() if context is None else context

    def _inject(self, carrier: Any, context: Context, setter: Setter[Any], settings: Settings) -> None:  # noqa: ANN401
        state = state_in(context)
        host = refused(context, settings.propagate_to)
        if host is None:
            written = self._written_with(context, state, settings)
        else:
            written = self._written(_without_session(context))
            self._withhold(carrier, context, setter, written, state)
            if state is not None and state.items and host != LATER:
                self._refuse(host, state, settings)
        for name, value in written.items():
            setter.set(carrier, name, value)

    def _written_with(self, context: Context, state: State | None, settings: Settings) -> dict[str, str]:
        """Return what the inner propagators write of ``context``, with the session of ``state`` first in its baggage."""
        if self._writes_w3c and state is not None and state.items:
            written = self._written(_with_others_alone(context, state))
            header = _joined(_header_of(state), written.get(_BAGGAGE))
            if header is not None:
                written[_BAGGAGE] = header
                return written
        written = self._written(_outgoing(context, state))
        header = written.get(_BAGGAGE)
        if header is not None and "+" in header:
            header = written[_BAGGAGE] = plain_spaces(header, settings.own_keys)
        if header is not None:
            written[_BAGGAGE] = fitted(header)
        return written

    def _written(self, context: Context) -> dict[str, str]:
        """Return what the inner propagators write of ``context``."""
        if self._holds_another:
            context = Context({**context, _DECIDED: True})
        written: dict[str, str] = {}
        try:
            self.inner.inject(written, context)  # pyright: ignore[reportArgumentType]  # its own default setter
        except Exception as error:  # noqa: BLE001  # such as a lone surrogate in an entry of somebody else
            _warn_raised("inject", error)
            written = {}
            self.inner.inject(written, _without_unreadable(context))  # pyright: ignore[reportArgumentType]  # its own default setter
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
        session, name = state.session, host.lower()
        ids = (
            session.id,
            session.user_id,
            session.previous_id,
        )  # as given: a host may be named after what is not shown
        if any(value and value.lower() in name for value in (*ids, *map(str, state.items.values()))):
            host = _HIDDEN
        with _counting:
            if host not in self._refusals and len(self._refusals) >= _MAX_HOSTS:
                host = _OTHERS
            self._refusals[host] += 1
        if host != _OTHERS:
            _diagnostics.inform_once(("refused", host), *_refusal(host, settings.propagate_to))


def _refusal(host: str, destinations: Destinations) -> tuple[str, ...]:
    """Return what is said of the first call to ``host`` without its session, as a format and its arguments."""
    said = "otel_sessions: calls to %s are sent without the session"
    if host == UNSAMPLED:
        remedy = "it names no host; OTEL_TRACES_SAMPLER=parentbased_session_ratio has such spans remember it"
        return f"{said}: {remedy}", host
    if destinations == NONE:
        return f"{said}: OTEL_SESSION_PROPAGATE_TO is none", host
    if host in {UNKNOWN, _HIDDEN}:
        return f"{said}, which OTEL_SESSION_PROPAGATE_TO (%s) does not allow", host, str(destinations)
    remedy = "which OTEL_SESSION_PROPAGATE_TO does not allow; if it is yours: OTEL_SESSION_PROPAGATE_TO=%s,%s"
    return f"{said}, {remedy}", host, str(destinations), host


def session_baggage(
    *,
    propagate_to: str | Iterable[str] | None = None,
    trust_incoming: bool | None = None,
    incoming_headers: str | Mapping[str, str] | None = None,
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


def _outgoing(context: Context, state: State | None) -> Context:
    """Return ``context`` with the baggage that is sent where the session may go: the session first."""
    items = baggage.entries(context)
    ours: Mapping[str, object] = {} if state is None else state.items
    if items is ours:  # the common case: a scope, and nothing of others
        return context
    wanted = {**ours, **baggage.others(items)}
    return context if [*wanted.items()] == [*items.items()] else baggage.with_baggage(context, wanted)


def _with_others_alone(context: Context, state: State) -> Context:
    """Return ``context`` with the baggage that is not ours."""
    items = baggage.entries(context)
    if not items:
        return context
    return baggage.with_baggage(context, {} if items is state.items else baggage.others(items))


def _header_of(state: State) -> str:
    """Return the session of ``state`` as members of a baggage header, made once."""
    header = state.header
    if header is None:
        header = state.header = baggage_of(state.items)
    return header


def _joined(ours: str, others: str | None) -> str | None:
    """Return a baggage header of both, ``None`` where it has not room for all."""
    header = ours if others is None else f"{ours},{others}"
    return header if len(header) <= MAX_BAGGAGE and header.count(",") < MAX_MEMBERS else None


def _writes_w3c(inner: TextMapPropagator) -> bool:
    """Tell whether ``inner`` writes each entry of ours to one W3C header, and to no other: then that can be made once."""
    items: dict[str, object] = dict.fromkeys(WIRE_KEYS, "a b")
    written: dict[str, str] = {}
    with suppress(Exception):  # what it raises it raises when it is used, too
        inner.inject(written, baggage.with_baggage(Context(), items))  # pyright: ignore[reportArgumentType]  # its own default setter
    return {name: plain_spaces(header, WIRE_KEYS) for name, header in written.items()} == {_BAGGAGE: baggage_of(items)}


def _without_session(context: Context) -> Context:
    """Return ``context`` with the baggage that is sent where the session may not go."""
    items = baggage.entries(context)
    kept = baggage.foreign(items)
    return context if len(kept) == len(items) else baggage.with_baggage(context, kept)


def _without_unreadable(context: Context) -> Context:
    """Return ``context`` without baggage that can't be written."""
    return baggage.with_baggage(
        context, {key: value for key, value in baggage.entries(context).items() if _is_readable(key, value)}
    )


def _is_readable(key: object, value: object) -> bool:
    try:
        return bool(f"{key}{value}".encode())
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return False


def _warn_raised(call: str, error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once((call, found), "otel_sessions: %s of the propagators raised %s", call, found)
