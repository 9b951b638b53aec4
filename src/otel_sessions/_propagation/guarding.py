"""What a propagator of ours does around others: to whom the session is sent, and from whom it is taken.

It is apart from `propagator`, whose class has a ``__getattr__``: where there is one, each look at an attribute takes much longer,
its own as well, and these are in each call.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

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
from otel_sessions._context.entry import get_current, settled
from otel_sessions._context.guard import PROBE, answer, guards_in
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._context.origin import ORIGIN, as_request, below
from otel_sessions._context.providers import AWAITED, look_again
from otel_sessions._context.resolution import state_in
from otel_sessions._context.unstamped import WATCHES, look
from otel_sessions._session.session import WIRE_KEYS
from otel_sessions._session.wire_room import MAX_BAGGAGE
from otel_sessions._settings.settings import Settings, in_process

from .carriers import is_handed
from .client_calls import note_sent
from .egress import LATER, OWN, judged
from .headers import MAX_MEMBERS, baggage_of, fitted, plain_spaces
from .ingress import CleanGetter, as_before, read_quickly, with_headers, with_shown_user
from .occurrences import occurrences_of
from .recent import Recent
from .refusals import Refusals
from .trace_state import is_from_session, known_as_caller, without_randomness
from .withholding import Withholding, items_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_sessions._context.state import State

    from .egress import Verdict

_BAGGAGE, _TRACE_STATE, _TRACE_PARENT = "baggage", "tracestate", "traceparent"

_NOTHING = Settings(disabled=True)

_DECIDED = create_key("otel-sessions-decided")
"""The Context key that tells a propagator inside of another of these that all is done."""


class Guard:
    """Sends the session to destinations that are allowed, and takes it from callers that are trusted. Never raises.

    Attributes:
        inner: The propagators that it stands around.
        given: The settings that it was given; all others are those of the process.
        is_off: Those of this class guard nothing, and let all through.
    """

    is_off: ClassVar = False

    def __init__(self, inner: TextMapPropagator, given: Mapping[str, Any]) -> None:
        self.inner = inner
        inside: Any = guards_in(inner)
        # A guard around others decides in their place, so by what they were given, too.
        self.given = {
            name: value for each in (*(guard.given for guard in inside), given) for name, value in each.items()
        }
        self._merged: tuple[Settings, Settings] | None = None
        self._refusals = Refusals()
        self._sent = Recent()
        self._holds_another = bool(inside)
        self._writes_w3c = _writes_w3c(inner)
        self._is_of_api = type(inner) is W3CBaggagePropagator  # reads and writes one header, and we know how
        self._clean = CleanGetter(default_getter)

    def part(self, inner: TextMapPropagator) -> Guard:
        """Return the guard of a part of what this one stands around, which counts as this one."""
        guard = type(self)(inner, {})
        guard.given |= self.given
        guard._refusals, guard._sent = self._refusals, self._sent  # noqa: SLF001  # of this class
        return guard

    def settings(self) -> Settings:
        """Return what holds: the arguments, over what holds in this process."""
        if self.is_off:
            return _NOTHING
        process = in_process()
        if not self.given:
            return process
        if self._merged is None or self._merged[0] is not process:
            self._merged = process, process.replaced(**self.given)
        return self._merged[1]

    def refusals(self) -> dict[str, int]:
        """Return how many calls to which host were sent without their session."""
        return self._refusals.hosts()

    def withheld(self) -> dict[str, int]:
        """Return how many entries under which key were left out of calls: ours, and those of other tools."""
        return self._refusals.keys()

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write ``context``, ``None`` for the current one, to ``carrier`` (OTel spec, "TextMap Inject")."""
        try:
            here = settled() if context is None else context
            if ORIGIN.span is not None:
                here = below(here)
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
        if AWAITED:
            look_again()
        settings = self.settings()
        if isinstance(getter, CleanGetter) or settings.disabled:
            return self.inner.extract(carrier, context, getter)
        try:
            clean = self._clean
            if clean.getter is not getter:  # those of frameworks are one for all requests
                clean = self._clean = CleanGetter(getter)
            quickly = read_quickly(getter, carrier, context) if self._is_of_api else None
            received: Context | None = self.inner.extract(carrier, context, clean) if quickly is None else quickly
            if received is None:  # so it is where there are no propagators (`OTEL_PROPAGATORS=none`)
                received = get_current() if context is None else context
            items = baggage.entries(received)
            span: Any = received.get(SPAN_KEY)
            if span is not None and (caller := known_as_caller(span)) is not span:
                received = set_span_in_context(caller, received)
            if settings.trust_incoming:
                if settings.incoming_headers:
                    received = with_headers(received, items, clean, carrier, settings)
                received = with_shown_user(received)
            else:
                received = as_before(received, items, context)
            return received if ORIGIN.span is None else as_request(received, context)
        except Exception as error:  # noqa: BLE001  # remote input, and telemetry must not break the application
            _warn_raised("extract", error)
            return Context() if context is None else context

    def _inject(self, carrier: Any, context: Context, setter: Setter[Any], settings: Settings) -> None:  # noqa: ANN401
        if WATCHES:
            look(context)
        state = state_in(context)
        verdict = judged(context, carrier, settings.propagate_to)
        if verdict.is_refused:
            written = self._written_without(carrier, context, setter, state, verdict)
            if state is not None and state.items and verdict.host != LATER:
                self._refusals.of_call(verdict, state, settings.propagate_to, context)
        else:
            written = self._written_with(context, state, settings)
            if verdict.host != OWN and state is not None and _TRACE_PARENT in written:
                self._sent.add(written[_TRACE_PARENT])
            if verdict.is_of_request:
                note_sent(carrier, written)
        for name, value in written.items():
            setter.set(carrier, name, value)

    def guard_copy(self, carrier: Any, context: Context, setter: Setter[Any]) -> None:  # noqa: ANN401  # of any client
        """Take the session out of headers that were copied from another call, if their host may not have it."""
        settings = self.settings()
        if settings.disabled:
            return
        verdict = judged(context, carrier, settings.propagate_to)
        if verdict.is_refused:
            state = state_in(context)
            found = items_of(carrier)
            sieve = self._sieve(found, context, state, verdict)
            sieve.out_of_carrier(carrier, found, {}, lambda name, value: setter.set(carrier, name, value))
            self._refusals.of_entries(sieve.keys, state)

    def _written_with(self, context: Context, state: State | None, settings: Settings) -> dict[str, str]:
        """Return what the inner propagators write of ``context``, with the session of ``state`` first in its baggage."""
        if self._writes_w3c and state is not None and state.items:
            if self._is_of_api and baggage.entries(context) is state.items:  # nothing of others to write
                written = {}
            else:
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

    def _written_without(  # of one injection
        self,
        carrier: Any,  # noqa: ANN401
        context: Context,
        setter: Setter[Any],
        state: State | None,
        verdict: Verdict,
    ) -> dict[str, str]:
        """Return what the inner propagators write of ``context`` without its session, and take that out of ``carrier``."""
        found, items = items_of(carrier), baggage.entries(context)
        sieve = self._sieve(found, context, state, verdict)
        kept = sieve.foreign(items)
        written = self._written(context if kept is items else baggage.with_baggage(context, kept))
        _leave_out_randomness(written, context, state)
        sieve.out_of_written(written)
        if found:
            sieve.out_of_carrier(carrier, found, written, lambda name, value: setter.set(carrier, name, value))
        if verdict.host != LATER:
            self._refusals.of_entries(sieve.keys, state)
        return written

    def _sieve(
        self, found: list[tuple[Any, Any]], context: Context, state: State | None, verdict: Verdict
    ) -> Withholding:
        """Return what takes the session of ``state`` out of a call, into whose carrier these headers were ``found``."""
        span: Any = context.get(SPAN_KEY)
        span_context = None if span is None else span.get_span_context()
        if verdict.is_message:
            return Withholding(occurrences_of(state), span_context, is_kept=is_handed)
        # The trace of a call that had the session, as who follows a redirect has it in what he sends again.
        is_copied = verdict.is_copied or any(
            name == _TRACE_PARENT and isinstance(value, str) and value in self._sent for name, value in found
        )
        return Withholding(occurrences_of(state), span_context, is_copied=is_copied)


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


def _leave_out_randomness(written: dict[str, str], context: Context, state: State | None) -> None:
    """Take out of what was ``written`` of ``context`` a randomness that derives from a session."""
    header = written.get(_TRACE_STATE)
    if header is None or "rv:" not in header:
        return
    span: Any = context.get(SPAN_KEY)
    trace_state = span.get_span_context().trace_state
    if is_from_session(trace_state, None if state is None else state.session.id):
        written[_TRACE_STATE] = without_randomness(trace_state).to_header()


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
