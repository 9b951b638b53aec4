"""Stamps every span with the session of the context in which it starts, and sees that the span keeps it.

Spans that are open when their trace is bound late are stamped anew: `_restamped`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal
from weakref import ref

from opentelemetry.propagate import get_global_textmap
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind

from otel_sessions import _diagnostics
from otel_sessions._context import lives, unguarded
from otel_sessions._context.attribute_store import (
    attributes_now,
    discard,
    known_attributes_and_limit,
    put,
    put_open,
    shown_by,
    store_of,
)
from otel_sessions._context.entry import get_current
from otel_sessions._context.entry_spans import below_entry, note_entry
from otel_sessions._context.guard import is_guarded
from otel_sessions._context.lives import ended, followed, joined, leave_out
from otel_sessions._context.local_trace import CLOCK, NOTE, SPAN_KEY, Note, begun, note_of
from otel_sessions._context.process_session import HELD, follow
from otel_sessions._context.resolution import of_parent, outside, state_in, unscoped
from otel_sessions._context.scrubbing import tell_of_scrubbing
from otel_sessions._context.state import CLEARED, ENTRY_KEY
from otel_sessions._propagation.environment import taken_up
from otel_sessions._session.session import DISPLACED, SESSION_ID
from otel_sessions._settings.settings import PROCESS, Settings, in_process
from otel_sessions._settings.table import names_process

from .displacing import at_start
from .framework_spans import placed
from .mending import Mending
from .processor_order import arrange, beside
from .restamping import LOSERS, RESTAMPING, Exchange, empty_store, told_apart
from .rooting import follow_origin
from .stats import Stats, count_in_process, observe
from .taking import Taking
from .value_limits import fitted
from .wording import Wording

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import Span

    from otel_sessions._context.state import State

    Value = str | tuple[str, ...]
    Stamps = Iterable[tuple[str, Value]]

_OFTEN = 1024
_new = tuple.__new__  # what a named tuple does, in a third of the time
_SERVER, _CONSUMER = SpanKind.SERVER, SpanKind.CONSUMER


class SessionSpanProcessor(SpanProcessor):
    """Puts ``session.id``, ``user.id`` and what else the session holds on every span that starts.

    Add one to a ``TracerProvider``, before or after the processor of the exporter. It needs nothing
    at a fork or at a shutdown, and never raises. Several on one provider are as one: the first stamps and counts,
    the others add the names of their dialects.

    Args:
        conflict: Who wins where a span is given another ``session.id`` than that of the scope, at its start or later:
            ``"scope"`` (the default) or ``"span"``. The loser is kept as ``session.displaced_id``.
            The environment variable is ``OTEL_SESSION_CONFLICT``.
        dialects: Names of backends whose attribute names are stamped too, as a comma list or a list.
            ``OTEL_SESSION_DIALECTS``.
        aliases: Names of your own to stamp, ``my.key=session.id``. ``OTEL_SESSION_ALIASES``.
        provider_ids: What a span takes where it has none: ``user`` (the default) and ``session``, of the arguments
            of a call of a model; ``framework``, both of what an agent framework carries, for all of its spans and those
            of the application inside; or ``none``. ``OTEL_SESSION_PROVIDER_IDS``.
        disabled: Stamp nothing. ``OTEL_SESSION_DISABLED``.
        meter_provider: Where to make the metric ``otel_sessions.spans`` of what `stats` tells;
            ``None`` (the default) makes none.
    """

    # Read for each span, and quickly, whoever has looked at what is in its `__dict__`.
    __slots__ = ("_counts", "_is_on", "_looks_at", "_mending", "_restamp", "_speaks", "_taking", "_varies")

    def __init__(  # noqa: PLR0913  # one for each setting
        self,
        *,
        conflict: Literal["scope", "span"] | None = None,
        dialects: str | Iterable[str] | None = None,
        aliases: str | Mapping[str, str] | None = None,
        provider_ids: str | Iterable[str] | None = None,
        disabled: bool | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._counts = Stats()
        self._mending = Mending(self._counts)
        unguarded.leave_to_processors()
        count_in_process(self._mending, self._counts)  # whatever mends a span after us counts in there, too
        self._restamp = self._restamped  # one bound method for all spans
        self._seen: object = None  # the propagators, when it was looked whether they are guarded
        self._is_new, self._looks_at = True, 1  # it has not looked around yet, and does with the first span
        given = {"conflict": conflict, "dialects": dialects, "aliases": aliases}
        self.apply(Settings.of_processor(**given, provider_ids=provider_ids, disabled=disabled))
        if names_process():
            follow(in_process(), taken_up(in_process()))
            follow_origin()
        if self._taking.of_frameworks and (provider_ids is not None or not PROCESS.is_given):
            HELD.ask_frameworks(is_asked=True)
        if meter_provider is not None:
            observe(self, meter_provider)

    def __repr__(self) -> str:
        """Show the settings."""
        return f"{type(self).__name__}({self.settings})"

    def stats(self) -> Stats:
        """Return what was done so far, as a copy: numbers of spans, without any id."""
        return replace(self._counts)

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:  # noqa: ANN401, C901, PLR0912, PLR0915  # hot
        """Stamp ``span``; without a ``parent_context`` it is a child of the current one (OTel spec, "OnStart")."""
        try:
            if not self._is_on:
                return
            note = Note()
            note.stamp = self._restamp  # one by one: four at once would make a tuple
            note.life = process = CLOCK.process
            context = get_current() if parent_context is None else parent_context
            parent: Any = context.get(SPAN_KEY) if context else None
            trace = binding = state = None
            if parent is None:
                note.trace = note.above = None
                try:
                    kind = span._kind  # noqa: SLF001  # see `attribute_store`
                except AttributeError:
                    kind = span.kind
                if kind is _SERVER or kind is _CONSUMER:
                    note_entry(span)
            else:
                above = getattr(parent, NOTE, None)
                if above is not None and above.life is process:  # as `joined`, below what is open
                    note.above = above
                    note.trace = trace = above.trace or begun(parent, above)
                else:
                    note.trace = note.above = None
                    trace = joined(note, parent, above)
                    if trace is None and (below := below_entry(span, context, parent)) is not None:
                        context, parent = below, below[SPAN_KEY]
                        trace = joined(note, parent, getattr(parent, NOTE, None))
                if trace is not None:
                    binding = trace.binding
            if trace is not None and binding is None and len(context) == 1 and HELD.is_idle:
                try:
                    shown: Any = parent._attributes._dict  # noqa: SLF001  # pyright: ignore[reportOptionalMemberAccess]
                    is_shown = SESSION_ID in shown
                except (AttributeError, TypeError):
                    shown = shown_by(parent)
                    is_shown = shown is not None
                if is_shown:  # as `state_in`, where there is nothing but a span
                    state = of_parent(parent, shown)
            elif context:
                entry: Any = context.get(ENTRY_KEY)
                if entry is None:  # as `state_in`, where there is no scope
                    if binding is not None:
                        state = binding.state
                    else:  # where no trace was joined there may be one that is bound all the same
                        state = outside(context) if parent is not None and trace is None else unscoped(context)
                elif entry.is_plain and (binding is None or entry.binds >= binding.number):
                    state = entry.state  # as `state_in`, for what is inside a scope
                else:
                    state = state_in(context)
            elif not HELD.is_idle:
                state = state_in(context)
            counts = self._counts
            if state is not None and state.stamps:
                if self._varies:
                    state = self._varied(state, note, span, parent)
                note.state = state
                note.stamps = state.stamps
                note.store = store = put(span, state.attributes)
                if store is None and (not span.is_recording() or self._follows(span, note)):
                    return  # a processor before us has ended it, and an exporter has it; or another of ours has noted it
                span._otel_sessions = note  # noqa: SLF001  # ours: see `NOTE`
                counts.stamped = stamped = counts.stamped + 1
                if store is None:
                    self._stamp(span, note, state)
                if stamped >= self._looks_at:
                    self._look_around(span)
            else:
                note.store = None
                note.stamps = ()
                if getattr(span, NOTE, None) is not None and self._follows(span, note):  # or a bind has noted it
                    return
                span._otel_sessions = note  # noqa: SLF001  # ours: see `NOTE`
                counts.without_session += 1
                if state is CLEARED:
                    self._withdraw(note)
            if trace is not None:
                if len(trace.open) < lives.MAX_OPEN:  # from here on binds know of it, which has all that it starts with
                    trace.open[span] = note.stamp
                else:
                    leave_out(note)
                if trace.is_split:
                    trace = followed(span, note, trace)
                if trace.binding is not binding:
                    self._restamped(span)  # it was bound in the meantime
        except Exception as error:  # noqa: BLE001  # it would reach the application's start_span
            found = type(error).__name__
            _diagnostics.warn_once(("on_start", found), "otel_sessions: stamping a span raised %s", found)

    def _on_ending(self, span: Any) -> None:  # noqa: ANN401, C901, PLR0912  # hot
        """Mend what the span has lost since; public attributes are frozen by now (opentelemetry-python#5614)."""
        try:
            note = span._otel_sessions  # noqa: SLF001
            note.life = CLOCK.binds  # first of all: see `lives`
            trace = note.trace
            if trace is not None:
                trace.open.pop(span, None)
                above = note.above
                if above is None:
                    if trace.binding is not None:
                        ended(note, trace)
                elif above.life is not CLOCK.process and (above.above is not None or trace.binding is not None):
                    ended(note, trace)
            store = note.store
            if store is not None:
                session, mending = note.state.session, self._mending
                is_mended = store.dropped or store._dict.get(SESSION_ID) is not session.id or self._speaks  # noqa: SLF001
                if is_mended:
                    mending.end(span, note, is_first=note.stamp is self._restamp)
                if mending.is_last and note.stamp is self._restamp:
                    note.store = None  # the note may be above that of a span that is open for long
                if not is_mended and session.user_id is not None and session.id is not None and HELD.is_idle:
                    return
            taking = self._taking
            if taking.is_on:
                try:
                    tracer = span._instrumentation_scope  # noqa: SLF001  # see `attribute_store`
                except AttributeError:
                    tracer = span.instrumentation_scope
                if tracer is not taking.plain_tracer and id(tracer) not in taking.plain_tracers:
                    self._take(span, note, tracer)
        except AttributeError:
            pass  # it was started before this processor was there
        except Exception as error:  # noqa: BLE001  # it would reach the application's span.end
            found = type(error).__name__
            _diagnostics.warn_once(("on_ending", found), "otel_sessions: ending a span raised %s", found)

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002  # the SDK's signature
        """Answer that there is nothing to flush; older SDKs flush no processor after one that says nothing."""
        return True

    def apply(self, settings: Settings) -> None:
        """Work by other ``settings`` from now on: a processor can't be taken out of its provider."""
        self.settings = settings
        self._is_on = not settings.disabled
        self._wording = self._mending.wording = Wording(settings)
        self._speaks = bool(self._wording.vocabulary)
        self._taking = Taking(settings, self._wording)
        self._varies = self._speaks or self._taking.of_frameworks

    def _look_around(self, span: object) -> None:
        """See, with the first span and once in a thousand, who stands beside us, and whether the propagators are guarded."""
        self._is_new, self._looks_at = False, self._counts.stamped + _OFTEN
        arrange(span, self._mending)
        tell_of_scrubbing(beside(span))
        seen, self._seen = self._seen, get_global_textmap()
        if self._seen is not seen and not is_guarded(self._seen):
            unguarded.warn()

    def _count_late(self, span: object) -> None:
        """Count ``span``, which is stamped only now."""
        self._counts.stamped += 1
        self._counts.without_session -= 1
        if self._is_new:
            self._look_around(span)

    def _stamp(  # noqa: PLR0913  # what is known of a span that is bound late
        self,
        span: Span,
        note: Note,
        state: State,
        *,
        own: Mapping[str, object] | None = None,
        steps: Mapping[str, Value] | None = None,
        known: Collection[str] = (),
    ) -> None:
        """Put ``state``, and ``steps`` below it, on ``span``, which has ``own`` attributes: all, unless given.

        That it has those names of the loser that are ``known`` was counted before.
        """
        attributes, limit = known_attributes_and_limit(span)
        with suppress(AttributeError):
            note.store = store_of(span)
        if own is not None:
            attributes = own
        wanted = {**steps, **state.attributes} if steps else state.attributes
        stamps: Stamps = wanted.items()
        if limit is not None:
            stamps = fitted(stamps, limit, self._wording.ids)
        its_own = None
        there: Stamps = ()  # by an instrumentation that agrees
        if attributes and not wanted.keys().isdisjoint(attributes):
            there = [item for item in stamps if attributes.get(item[0]) == item[1]]
            about = state, dict(stamps).get(SESSION_ID)
            stamps, displaced, its_own = at_start(self._wording.rule, about, stamps, attributes, limit)
            self._mending.count_displaced(displaced.keys() - known)
        exchange = Exchange(state, (*there, *stamps), its_own)
        if own is None:
            exchange.note_on(note)
        else:
            note.exchange = exchange
        span.set_attributes(dict(stamps))  # at once: another thread may end it, and no user should be left alone

    def _follows(self, span: Any, note: Note) -> bool:  # noqa: ANN401
        """Tell whether another of ours has noted ``span``, which counts it; it has the names of this one too, then.

        So it is with what has no session and was bound before we see it: it keeps that.
        """
        note.store, note.stamps = None, ()
        first = note_of(span)
        if first is not None and type(first.life) is ref:  # noted by a bind, or for a child, in a processor before us
            return not hasattr(note, "state")
        if first is not None and self._speaks and first.stamp is not None and first.stamp is not self._restamp:
            first.others = (*getattr(first, "others", ()), self._add_names)
            other: Any = first.stamp  # a method of that processor
            other.__self__._mending.is_last = self._mending.is_last = False  # noqa: SLF001  # ours
            self._add_names(span, first)
            if self._is_new:
                self._look_around(span)
        return first is not None

    def _withdraw(self, note: Note) -> None:
        """Leave a span without a session for good: it has started where there is none on purpose."""
        note.stamp, note.is_withdrawn = None, True

    def _add_names(self, span: Any, note: Note, known: Collection[str] = ()) -> None:  # noqa: ANN401
        """Put the names in dialects of what was stamped on ``span``, where they are not the same as those of another.

        It had those that are ``known`` before: a name of generative AI comes back, and one of the loser was counted.
        """
        stamps = dict(note.stamps)
        if not stamps:
            return
        attributes, limit = known_attributes_and_limit(span)
        wanted: Stamps = self._wording.names_lacking(note.state, stamps, {**dict.fromkeys(known), **attributes}).items()
        if limit is not None:
            wanted = fitted(wanted, limit, self._wording.ids)
        about = note.state, stamps.get(SESSION_ID)
        own = {**attributes}
        own.pop(SESSION_ID, None)  # that is the other's business
        put, displaced, _ = at_start(self._wording.rule, about, wanted, own, limit)
        self._mending.count_displaced(displaced.keys() - known)
        note.stamps = (*put, *note.stamps)
        span.set_attributes(dict(put))

    def _restamped(self, span: Span) -> None:
        """Put on a span that is open what its trace is bound to."""
        note = note_of(span)
        trace = None if note is None else note.trace
        if note is None or note.stamp is None or trace is None or self.settings.disabled:
            return
        with RESTAMPING.now:
            done = None
            while trace.binding is not None and trace.binding is not done and span.is_recording():
                done = trace.binding
                before = self._exchange(span, note, done.state)
                for add_names in getattr(note, "others", ()):
                    add_names(span, note, before)

    def _exchange(self, span: Span, note: Note, state: State) -> Collection[str]:
        """Put ``state`` on ``span`` in place of what was put there before, and return the keys of that."""
        if not (note.stamps or self._varies or note.__dict__) and self._is_first(span, note, state):
            return ()
        attributes = attributes_now(span)
        if self._speaks:
            state = self._wording.spoken(state, attributes)
        rule = self._wording.rule
        before, own = told_apart(attributes, note, span_wins=rule.span_wins, is_of_user=rule.is_of_user)
        # A step or a name around the span stays, below what the session has; of the session before nothing does.
        was_stamped = hasattr(note, "state")
        self._stamp(span, note, state, own=own, steps=getattr(note, "steps", None), known=before.keys())
        now = dict(note.exchange.stamps)
        discard(span, [item for item in before.items() if item[0] not in now])
        if not now.keys() >= before.keys() & DISPLACED:  # it is of another processor of ours, which displaces it again
            span.set_attributes({name: before[key] for name, key in LOSERS if key in before and key not in now})
        if not span.is_recording():  # has it come in time? Who ends the span sees that
            return before.keys()
        note.exchange.note_on(note)
        self._counts.bound_late += 1
        if not was_stamped:
            self._count_late(span)
        return before.keys()

    def _is_first(self, span: Span, note: Note, state: State) -> bool:
        """Do as `_exchange` on a span that nothing was put on before, and that names none of it itself; else tell that it is not so."""
        store = empty_store(span, state)
        if store is None:
            return False
        note.store, note.exchange = store, _new(Exchange, (state, state.stamps, None))
        put_open(span, state.attributes)
        if span.is_recording():
            note.exchange.note_on(note)
            self._counts.bound_late += 1
            self._count_late(span)
        return True

    def _varied(self, state: State, note: Note, span: Any, parent: Any) -> State:  # noqa: ANN401
        """Return ``state`` as it goes on ``span``, where that is not as it is for all."""
        if self._taking.of_frameworks:
            state = placed(state, note, span, parent)
        return self._wording.spoken(state, span.attributes or {}) if self._speaks else state

    def _take(self, span: Any, note: Note, tracer: Any) -> None:  # noqa: ANN401
        """Take the ids that ``span`` lacks from what it tells of its call and its framework, and count that."""
        was_stamped = bool(note.stamps)
        if self._taking.take(span, note, tracer):
            self._counts.from_call += 1
            if not was_stamped:
                self._count_late(span)


def guarded(processor: SessionSpanProcessor) -> SessionSpanProcessor:
    """Return ``processor``, which asks no more whether the propagators are guarded: who adds it sees to that."""
    processor._seen = get_global_textmap()  # noqa: SLF001  # ours
    unguarded.take_as_guarded()
    return processor
