"""Keeps or drops whole sessions: every trace of a session, in every service, gets the same verdict.

By consistent probability sampling (OpenTelemetry specification, "TraceState: Probability Sampling"): a span
is kept where its randomness is at least the threshold. The randomness is taken from the session id instead
of the trace id, and goes with the trace in ``tracestate``, as ``ot=rv:…``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from functools import lru_cache
from math import frexp
from typing import TYPE_CHECKING, Any, SupportsFloat

from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Span, TraceState

from otel_sessions import _diagnostics
from otel_sessions._context.entry import get_current
from otel_sessions._context.local_trace import SPAN_KEY
from otel_sessions._context.resolution import state_in
from otel_sessions._context.state import ENTRY_KEY
from otel_sessions._propagation.trace_state import (
    HEX_DIGITS,
    at_root,
    destination_for,
    is_marked,
    member_at_root,
    randomness_in,
    randomness_of,
    with_decision,
    with_destination,
)
from otel_sessions._settings import settings

from .dropping import remembered, with_remembering_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanContext, SpanKind
    from opentelemetry.util.types import Attributes

    from otel_sessions._context.state import State
    from otel_sessions._propagation.trace_state import Destination

_ALL = 1 << 4 * HEX_DIGITS
_PRECISION = 4  # hex digits: what the specification recommends to SDKs, and a Collector's default
_NEVER = "g"  # above all hex digits
_EMPTY = TraceState()
# Looked up once: a member of an enum takes as long as a call.
_DROP, _KEEP = Decision.DROP, Decision.RECORD_AND_SAMPLE
_ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"


class SessionRatioSampler(Sampler):
    """Keeps this share of the sessions, each of them whole; without a session, this share of the traces.

    What decides, in this order: the ``rv`` in the tracestate of the parent, which is never replaced; the
    session of the Context that the span starts in; the trace id. The threshold ``th`` is in the tracestate
    of sampled spans only. Nothing else in it, and none of the attributes that a span starts with, is lost.

    A session has to be known where its trace begins: by a scope, by inbound baggage, or by an incoming
    header (``OTEL_SESSION_INCOMING_HEADERS``), which is the remedy where a handler would set it, after the
    framework has started its span. A session that is set inside a trace can't change the verdict on spans
    that have started. With this form each later span is decided by its own session, as long as no parent
    has an ``rv``; below a `ParentBased` and in `ParentBasedSessionRatio` the first verdict holds for all.

    Thresholds are rounded to 4 hex digits, as a Collector's ``probabilistic_sampler`` does by default in
    its modes ``proportional`` and ``equalizing``: with the same ``rv`` it keeps the same sessions.

    Args:
        ratio: The share to keep, from 0 to 1. Anything else warns and keeps all: a sampler must not
            raise into the application, and what was kept in error can still be dropped.
    """

    # Where a span is dropped, its tracestate remembers where it would have gone. Somebody else's sampler for
    # dropped parents, such as that of an SDK `ParentBased` around this one, would hand that on to the
    # children, as if they went there. So only a sampler that decides on those too may remember it.
    _is_asked_for_all = False
    _remembers = False

    def __init__(self, ratio: SupportsFloat) -> None:
        known = _ratio_of(ratio)
        if known is None:
            _diagnostics.warn_caller("ratio", "the ratio of a sampler is not a number from 0 to 1: everything is kept")
        self._ratio = 1.0 if known is None else known
        self._threshold = _threshold_of(self._ratio)
        self._digits = _digits_of(self._threshold)
        self._kept_by_trace_id = with_decision(_EMPTY, self._digits, None)

    def __repr__(self) -> str:
        """Show the ratio."""
        return f"{type(self).__name__}({self._ratio})"

    def get_description(self) -> str:
        """Return the name and the ratio, in the form of the SDK's samplers."""
        return f"SessionRatioSampler{{{self._ratio}}}"

    def keeps_session(self, session_id: str) -> bool:
        """Tell whether what begins in this session is kept."""
        return _verdict_on(session_id, self._digits)[0]

    def should_sample(  # noqa: PLR0913, PLR0917  # the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,  # noqa: ARG002
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002
        trace_state: TraceState | None = None,  # noqa: ARG002  # never given: opentelemetry-python#5578
    ) -> SamplingResult:
        """Decide on a span; without a ``parent_context`` it is a child of the current one."""
        try:
            context = get_current() if parent_context is None else parent_context
            span: Any = context.get(SPAN_KEY)
            parent = None if span is None else _context_of(span)
            if parent is not None and parent.trace_state:
                return self._below(parent, context, trace_id, kind, attributes)
            entry: Any = context.get(ENTRY_KEY)
            if span is None and entry is not None and entry.is_plain:
                carried: State = entry.state  # as `state_in`, for what begins inside a scope
                session_id = carried.session.id if carried.items else None  # as `_id_of`
            else:
                session_id = _session_id_in(context)
            if session_id is None:
                is_kept, member = self._keeps(trace_id), None
            else:
                is_kept, member = _verdict_on(session_id, self._digits)
            if is_kept:
                state = self._kept_by_trace_id if member is None else at_root(member, None)
                return SamplingResult(_KEEP, attributes, state)
            seen = self._seen(parent, kind, attributes)
            state = with_destination(_EMPTY, seen) if member is None else at_root(member, seen)
            return self._dropped(state, context)
        except Exception as error:  # noqa: BLE001  # it would reach the application's start_span
            _warn_of(error)
            return self._by_trace_id(trace_id, attributes)

    def _below(
        self, parent: SpanContext, context: Context, trace_id: int, kind: SpanKind | None, attributes: Attributes
    ) -> SamplingResult:
        """Decide below a parent with a tracestate."""
        inherited = parent.trace_state
        randomness, is_ours = randomness_in(inherited), is_marked(inherited)
        session_id = None if randomness is not None else _session_id_in(context)
        if session_id is not None:
            randomness, is_ours = randomness_of(session_id), True
        is_kept = self._keeps(trace_id if randomness is None else int(randomness, 16))
        state = with_decision(inherited, self._digits if is_kept else None, randomness, is_marked=is_ours)
        if is_kept:
            return SamplingResult(_KEEP, attributes, state)
        return self._dropped(with_destination(state, self._seen(parent, kind, attributes)), context)

    def _remembering(self) -> Sampler:
        """Return this one as it is for a provider whose dropped spans are to remember their session."""
        if self._remembers:
            return self
        sampler = copy(self)
        sampler._remembers = True  # noqa: SLF001  # of this class
        return sampler

    def _dropped(self, state: TraceState, context: Context) -> SamplingResult:
        return SamplingResult(_DROP, None, remembered(state, context, is_new=True) if self._remembers else state)

    def _seen(self, parent: SpanContext | None, kind: SpanKind | None, attributes: Attributes) -> Destination | None:
        """Return the destination for a dropped span to remember."""
        is_dropped_here = parent is not None and not parent.is_remote and not parent.trace_flags.sampled
        return destination_for(kind, attributes) if self._is_asked_for_all or is_dropped_here else None

    def _keeps(self, randomness: int) -> bool:
        """Decide by the low 56 bits (OTel specification, "Randomness Value"), which of an ``rv`` are all."""
        return randomness & _ALL - 1 >= self._threshold

    def _by_trace_id(self, trace_id: int, attributes: Attributes) -> SamplingResult:
        if not self._keeps(trace_id):
            return SamplingResult(_DROP)
        known = attributes if isinstance(attributes, Mapping) else None
        return SamplingResult(_KEEP, known, self._kept_by_trace_id)


class ParentBasedSessionRatio(ParentBased):
    """Does as the parent of a span did; without one, keeps this share of the sessions as `SessionRatioSampler`.

    Its dropped spans remember where they would have gone, so that a session may go to an allowed host
    with a request that is not sampled.

    Args:
        ratio: The share to keep, as there.
    """

    def __init__(self, ratio: SupportsFloat) -> None:
        self._of_roots, dropped = _for_all_spans(ratio), _Dropped()
        super().__init__(self._of_roots, remote_parent_not_sampled=dropped, local_parent_not_sampled=dropped)

    def keeps_session(self, session_id: str) -> bool:
        """Tell whether what begins in this session is kept."""
        return self._of_roots.keeps_session(session_id)

    def _remembering(self) -> Sampler:
        """Return one that has such inside: see that of `SessionRatioSampler`."""
        return with_remembering_inside(self)

    def should_sample(  # noqa: PLR0913, PLR0917  # the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide on a span; without a ``parent_context`` it is a child of the current one."""
        context = get_current() if parent_context is None else parent_context
        if context.get(SPAN_KEY) is None:  # as the SDK does, but it takes long to see that there is no parent
            return self._of_roots.should_sample(context, trace_id, name, kind, attributes)
        return super().should_sample(context, trace_id, name, kind, attributes, links, trace_state)


class _Dropped(Sampler):
    """Drops what has a parent that was dropped, and remembers where it would have gone."""

    def get_description(self) -> str:
        """Return the name of the SDK's sampler that decides so."""
        return "AlwaysOffSampler"

    def should_sample(  # noqa: PLR0913, PLR0917  # the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,  # noqa: ARG002
        name: str,  # noqa: ARG002
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002
        trace_state: TraceState | None = None,  # noqa: ARG002
    ) -> SamplingResult:
        """Drop a span, with the tracestate of its parent, but for a ``th``."""
        try:
            context = get_current() if parent_context is None else parent_context
            parent = _context_of(context.get(SPAN_KEY))
            inherited = _EMPTY if parent is None else _unsampled(parent.trace_state)
            return SamplingResult(_DROP, None, with_destination(inherited, destination_for(kind, attributes)))
        except Exception as error:  # noqa: BLE001  # it would reach the application's start_span
            _warn_of(error)
            return SamplingResult(_DROP)


def session_ratio(argument: str | None) -> Sampler:
    """Make the sampler that ``OTEL_TRACES_SAMPLER=session_ratio`` asks for.

    Args:
        argument: The text of ``OTEL_TRACES_SAMPLER_ARG``, a number from 0 to 1. As for the SDK's own
            ``traceidratio``, without a good one everything is kept, with a warning.
    """
    return _for_all_spans(_ratio_in(argument))


def parentbased_session_ratio(argument: str | None) -> Sampler:
    """Make the sampler that ``OTEL_TRACES_SAMPLER=parentbased_session_ratio`` asks for; see `session_ratio`."""
    return ParentBasedSessionRatio(_ratio_in(argument))


def session_ratio_of_file() -> Sampler:
    """Make the sampler ``session_ratio`` of an OpenTelemetry configuration file.

    Its options do not come here, so the ratio is that of ``OTEL_TRACES_SAMPLER_ARG``, too. It may stand
    inside of a ``parent_based``, which does not ask it for all spans.
    """
    return SessionRatioSampler(_ratio_in(settings.sampler_argument()))


def parentbased_session_ratio_of_file() -> Sampler:
    """Make the sampler ``parentbased_session_ratio`` of an OpenTelemetry configuration file, likewise."""
    return parentbased_session_ratio(settings.sampler_argument())


def _for_all_spans(ratio: SupportsFloat) -> SessionRatioSampler:
    sampler = SessionRatioSampler(ratio)
    sampler._is_asked_for_all = True  # noqa: SLF001  # ours
    return sampler


def _ratio_in(argument: str | None) -> float:
    ratio = _ratio_of(argument)
    if ratio is None:
        _diagnostics.warn_once(
            (_ARGUMENT,), "otel_sessions: %s is not set to a number from 0 to 1: everything is kept", _ARGUMENT
        )
    return 1.0 if ratio is None else ratio


def _ratio_of(value: Any) -> float | None:  # noqa: ANN401  # whatever was given
    """Return ``value`` as a number from 0 to 1, ``None`` where it is none; NaN is between no two numbers."""
    with suppress(Exception):  # it may be of any class
        ratio = float(value)
        if 0.0 <= ratio <= 1.0:
            return ratio
    return None


def _threshold_of(ratio: float) -> int:
    """Return the rejection threshold, of 56 bits: (1 - ratio) * 2^56, rounded to 4 significant hex digits.

    Leading digits of 0 and f do not count as significant, so that ratios near 0 and 1 stay exact (OTel
    specification, "Converting floating-point probability to threshold value", and the Collector's pkg/sampling).
    """
    threshold = _ALL - round(ratio * _ALL)
    if threshold in {0, _ALL}:
        return threshold
    leading = max(-frexp(ratio)[1], -frexp(1 - ratio)[1]) // 4
    unit = 1 << 4 * max(HEX_DIGITS - _PRECISION - leading, 0)
    return (threshold + unit // 2) // unit * unit


def _digits_of(threshold: int) -> str:
    """Return what ``th`` says of ``threshold``: 14 hex digits without the zeros at the end ("`th`-value")."""
    return _NEVER if threshold == _ALL else f"{threshold:0{HEX_DIGITS}x}".rstrip("0") or "0"


@lru_cache(maxsize=1024)  # by session, an id of at most 200 characters
def _verdict_on(session_id: str, digits: str) -> tuple[bool, str]:
    """Return whether traces that begin in this session are kept, and their ``ot`` member.

    As texts of hex digits, a randomness and a threshold compare as they do as numbers: no zeros in front are cut.
    """
    randomness = randomness_of(session_id)
    is_kept = randomness >= digits
    return is_kept, member_at_root(digits if is_kept else None, randomness)


def _session_id_in(context: Context) -> str | None:
    return _id_of(state_in(context))


def _id_of(state: State | None) -> str | None:
    """Return the session id of ``state``, ``None`` also where the plug-in is off: then nothing of a session is sent."""
    return state.session.id if state is not None and state.items else None


def _context_of(span: object) -> SpanContext | None:
    """Return what is known of ``span`` as a parent, ``None`` where it is none."""
    parent = span.get_span_context() if isinstance(span, Span) else None
    return parent if parent is not None and parent.is_valid else None


def _unsampled(inherited: TraceState) -> TraceState:
    return with_decision(inherited, None, randomness_in(inherited), is_marked=is_marked(inherited))


def _warn_of(error: Exception) -> None:
    found = type(error).__name__
    _diagnostics.warn_once(("sampler", found), "otel_sessions: sampling raised %s: the trace id decides", found)
