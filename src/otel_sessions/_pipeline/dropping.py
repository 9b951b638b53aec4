"""Lets the spans that a sampler drops remember their session; the only place that changes the samplers of a provider.

``TracerProvider.sampler`` is public, and so is ``Tracer.sampler``; which tracers a provider has made already is not. Where
an SDK keeps those otherwise, what they drop has no session for a child that finds no more than its parent.

What is kept must not cost more for that: so it is not the verdicts of a `ParentBased` that are looked at, but those of
the samplers in it that may drop.
"""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult

from otel_sessions import _diagnostics
from otel_sessions._context.dropped import note_session, with_memory
from otel_sessions._context.entry import get_current
from otel_sessions._context.lives import binding_in
from otel_sessions._context.local_trace import CLOCK
from otel_sessions._context.resolution import state_in
from otel_sessions._context.state import ENTRY_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

    from otel_sessions._context.state import State

_DROP = Decision.DROP


class RememberingSampler(Sampler):
    """Decides as another sampler does, for which it passes; what that drops remembers its session.

    An application may look at the sampler of its provider, and turn it: so this one has the class and the attributes of
    the other, which gets those that are set.
    """

    inner: Sampler

    def __init__(self, inner: Sampler) -> None:
        object.__setattr__(self, "inner", inner)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What `isinstance` asks for where it is not one of these: the class of the other one."""
        return type(self.inner)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # of any sampler
        """Return what the other one has."""
        if name == "inner":  # of a copy that is not made yet
            raise AttributeError(name)
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: object) -> None:
        """Set it on the other one."""
        setattr(self.inner, name, value)

    def __reduce__(self) -> tuple[type[RememberingSampler], tuple[Sampler]]:
        """Copy it as what it is, around a copy of the other one."""
        return RememberingSampler, (self.inner,)

    def __repr__(self) -> str:
        """Show the other one."""
        return repr(self.inner)

    def get_description(self) -> str:
        """Return that of the other one."""
        return self.inner.get_description()

    def should_sample(  # noqa: PLR0913, PLR0917  # the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,  # never given: opentelemetry-python#5578
    ) -> SamplingResult:
        """Decide on a span; without a ``parent_context`` it is a child of the current one."""
        result = self.inner.should_sample(parent_context, trace_id, name, kind, attributes, links)
        if result.decision is not _DROP:
            return result
        trace_state = remembered(result.trace_state, get_current() if parent_context is None else parent_context)
        return result if trace_state is result.trace_state else SamplingResult(_DROP, None, trace_state)


def remembered(trace_state: TraceState | None, context: Context, *, is_new: bool = False) -> TraceState | None:
    """Return ``trace_state`` for one span that is dropped in ``context``, with the session of that. Never raises.

    One that ``is_new`` was made for this span, and is nobody else's yet.
    """
    try:
        state = _session_in(context)
        if trace_state is None or not is_new:
            return with_memory(trace_state, state)
        if state is not None:
            note_session(trace_state, state)
    except Exception as error:  # noqa: BLE001  # it would reach the application's start_span
        found = type(error).__name__
        _diagnostics.warn_once(
            ("dropped", found), "otel_sessions: what a dropped span is to know of its session raised %s", found
        )
    return trace_state


def _session_in(context: Context) -> State | None:
    """Return the session in ``context`` that may be shown, if it is not found without being remembered."""
    if CLOCK.binds and binding_in(context) is not None:  # as long as it holds
        return None
    entry: Any = context.get(ENTRY_KEY)
    state = entry.state if entry is not None and entry.is_plain else state_in(context)
    # A user alone is no session: that of a recorded span isn't found, either.
    return state if state is not None and state.items and state.session.id is not None else None


def remember_dropped(provider: Any) -> None:  # noqa: ANN401  # of any make
    """Have the spans that ``provider`` drops remember their session, from now on."""
    if not isinstance(provider, TracerProvider):
        return
    provider.sampler = remembering(provider.sampler)
    with suppress(AttributeError):  # see above
        for tracer in list(provider._tracers.values()):  # noqa: SLF001  # see above
            tracer.sampler = remembering(tracer.sampler)


def remembering(sampler: Sampler) -> Sampler:
    """Return ``sampler``, or what decides as it does and lets what it drops remember its session."""
    if sampler is ALWAYS_ON or isinstance(sampler, RememberingSampler):
        return sampler
    if type(sampler) is ParentBased:
        return with_remembering_inside(sampler)
    remembers: Any = getattr(type(sampler), "_remembering", None)  # of ours, and not what one around it hands on
    return RememberingSampler(sampler) if remembers is None else remembers(sampler)


def with_remembering_inside(sampler: Sampler) -> Sampler:
    """Return a copy of ``sampler`` that asks such in place of those that it holds; itself where it does so already."""
    inside = {name: value for name, value in vars(sampler).items() if isinstance(value, Sampler)}
    changed = {name: remembering(value) for name, value in inside.items()}
    if all(changed[name] is inside[name] for name in inside):
        return sampler
    sampler = copy(sampler)  # the SDK's default is one for all providers
    vars(sampler).update(changed)
    return sampler
