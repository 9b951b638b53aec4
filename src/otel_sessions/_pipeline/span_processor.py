"""Stamps every span with the session of the context in which it starts, and sees that the span keeps it.

Spans that are open when their trace is bound late are stamped anew: `_restamped`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.propagate import get_global_textmap
from opentelemetry.sdk.trace import SpanProcessor

from otel_sessions import _diagnostics
from otel_sessions._context.attribute_store import (
    attributes_and_limit,
    discard,
    free_store,
    overwrite,
    public_attributes,
    restore,
    store_of,
)
from otel_sessions._context.entry import ENTRY_KEY, get_current
from otel_sessions._context.local_trace import SPAN_KEY, Note, joined, note_of, publish
from otel_sessions._context.process_session import HELD, follow
from otel_sessions._context.resolution import state_in, unscoped
from otel_sessions._context.state import CLEARED
from otel_sessions._forks import ForkSafeLock
from otel_sessions._propagation.guard import is_guarded
from otel_sessions._session import user_ids
from otel_sessions._session.dialects import Vocabulary, is_genai
from otel_sessions._session.provider_ids import KEYS, ids_in, is_recorder
from otel_sessions._session.session import DISPLACED_ID, ID_KEYS, SESSION_ID, USER_ID
from otel_sessions._settings.settings import Settings, in_process, names_process

from .stats import Stats, observe
from .value_limits import fitted, is_same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import Span

    from otel_sessions._context.state import State

    Value = str | tuple[str, ...]
    Stamps = Iterable[tuple[str, Value]]

_KEPT = (SESSION_ID, USER_ID)
_OFTEN = 1023
_MAX_TRACERS = 256
"""Most tracers that are remembered; an application that makes more has them judged again."""
_UNGUARDED = (
    "otel_sessions: the propagators of this process send the session to every host that is called; when they are set, "
    "call otel_sessions.sdk.instrument(), or set_global_textmap(SessionPropagator(get_global_textmap())), or set "
    "OTEL_PROPAGATORS=tracecontext,session_baggage"
)
_restamping = ForkSafeLock()  # two binds at once must not take each other's half-written stamps for the span's own


class SessionSpanProcessor(SpanProcessor):
    """Puts ``session.id``, ``user.id`` and what else the session holds on every span that starts.

    Add one to a ``TracerProvider``, before or after the processor of the exporter. It needs nothing
    at a fork or at a shutdown, and never raises.

    Args:
        conflict: Who wins where a span starts with another ``session.id`` than that of the scope:
            ``"scope"`` (the default) or ``"span"``. The loser is kept as ``session.displaced_id``.
            The environment variable is ``OTEL_SESSION_CONFLICT``.
        dialects: Names of backends whose attribute names are stamped too, as a comma list or a list.
            ``OTEL_SESSION_DIALECTS``.
        aliases: Names of your own to stamp, ``my.key=session.id``. ``OTEL_SESSION_ALIASES``.
        provider_ids: What a span takes of the arguments of a call of a model, where it has none: ``user`` (the
            default), ``user,session`` or ``none``. ``OTEL_SESSION_PROVIDER_IDS``.
        disabled: Stamp nothing. ``OTEL_SESSION_DISABLED``.
        meter_provider: Where to make the metric ``otel_sessions.spans`` of what `stats` tells;
            ``None`` (the default) makes none.
    """

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
        self._asks = True  # whether the propagators are guarded: until a span was stamped, and at no cost later
        self._restamp = self._restamped  # one bound method for all spans
        self._has_displaced = False
        self._seen = get_global_textmap()
        given = {"conflict": conflict, "dialects": dialects, "aliases": aliases}
        self.apply(Settings.of_processor(**given, provider_ids=provider_ids, disabled=disabled))
        if names_process():
            follow(in_process())
        if meter_provider is not None:
            observe(self, meter_provider)

    def __repr__(self) -> str:
        """Show the settings."""
        return f"{type(self).__name__}({self.settings})"

    def stats(self) -> Stats:
        """Return what was done so far, as a copy: numbers of spans, without any id."""
        return replace(self._counts)

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:  # noqa: ANN401, C901, PLR0912  # hot
        """Stamp ``span``; without a ``parent_context`` it is a child of the current one (OTel spec, "OnStart")."""
        try:
            if not self._is_on and not self._asked(span, parent_context):
                return
            span._otel_sessions = note = Note()  # noqa: SLF001  # ours: see `NOTE`
            note.stamp, note.stamps = self._restamp, ()
            note.store = note.trace = None
            context = get_current() if parent_context is None else parent_context
            if not context and HELD.state is None:
                self._counts.without_session += 1
                return
            trace = binding = None
            parent: Any = context.get(SPAN_KEY)
            if parent is not None:
                trace = joined(note, parent)
                binding = None if trace is None else trace.binding
            entry: Any = context.get(ENTRY_KEY)
            if entry is not None and entry.is_plain and (binding is None or entry.binds >= binding.number):
                state = entry.state  # as `state_in`, for what is inside a scope
            elif entry is None and trace is not None and binding is None:
                state = unscoped(context)  # as `state_in`, for a child where there is neither scope nor bind
            else:
                state = state_in(context)
            if state is not None and state.stamps:
                if self._speaks:
                    state = self._spoken(state, span)
                self._counts.stamped += 1
                try:
                    store = note.store = free_store(span, state.attributes)
                except AttributeError:
                    store = None
                if store is None:
                    self._stamp(span, note, state)
                else:
                    note.stamps = stamps = state.stamps
                    set_attribute = span.set_attribute
                    for key, value in stamps:
                        set_attribute(key, value)
                if not self._counts.stamped & _OFTEN:
                    self._look_again()
            elif state is CLEARED:
                self._withdraw(note)
            else:
                self._counts.without_session += 1
            if trace is not None:
                publish(span, note, trace)
                if trace.binding is not binding:
                    self._restamped(span)  # it was bound in the meantime
        except Exception as error:  # noqa: BLE001  # it would reach the application's start_span
            found = type(error).__name__
            _diagnostics.warn_once(("on_start", found), "otel_sessions: stamping a span raised %s", found)

    def _on_ending(self, span: Any) -> None:  # noqa: ANN401
        """Mend what the span has lost since; public attributes are frozen by now (opentelemetry-python#5614)."""
        try:
            note = span._otel_sessions  # noqa: SLF001
            if note.trace is not None:
                note.trace.open.pop(span, None)
            store = note.store
            if store is not None and (store.dropped or self._has_displaced or self._speaks_genai):
                self._mend(span, note)
            tracer = span.instrumentation_scope
            if tracer is not self._plain_tracer and self._from_calls and id(tracer) not in self._plain_tracers:
                self._look_at_call(span, note, tracer)
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
        self._span_wins = settings.conflict == "span"
        self._is_on = not settings.disabled and not self._asks
        self._vocabulary = vocabulary = Vocabulary.of(settings.dialects, settings.aliases)
        self._speaks = bool(vocabulary)
        self._speaks_genai = vocabulary.has_genai_only
        self._from_calls = () if settings.disabled else tuple(KEYS[word] for word in settings.provider_ids)
        self._plain_tracer: object = None  # the last of them
        self._plain_tracers: dict[int, object] = {}  # held, so that nobody else gets the id
        self._aliases = {alias: key for alias, key in (*vocabulary.names, *vocabulary.genai_names) if key in ID_KEYS}
        self._kept = (*_KEPT, *(alias for alias, key in self._aliases.items() if key in _KEPT))

    def _asked(self, span: Any, parent_context: Context | None) -> bool:  # noqa: ANN401
        """Tell whether there is still something to do for ``span`` where this processor is off, or has yet to ask.

        It asks when it has something to send: whether everybody gets it.
        """
        if self.settings.disabled or not self._asks:
            return False
        self._is_on = True
        self.on_start(span, parent_context)
        if not self._counts.stamped:
            self._is_on = False
        else:
            self._asks, self._seen = False, get_global_textmap()
            if not is_guarded(self._seen):
                _diagnostics.warn_once("unguarded", _UNGUARDED)
        return False

    def _look_again(self) -> None:
        """See, once in a thousand spans, whether the propagators are others by now, and guarded."""
        seen, self._seen = self._seen, get_global_textmap()
        if self._seen is not seen and not is_guarded(self._seen):
            _diagnostics.warn_once("unguarded", _UNGUARDED)

    def _spoken(self, state: State, span: Any) -> State:  # noqa: ANN401
        """Return ``state`` with its names in the dialects of this processor; made once for each state."""
        is_about_genai = self._speaks_genai and is_genai(span.attributes or {})
        key = self._vocabulary, is_about_genai
        spoken = state.spoken or {}
        if key not in spoken:
            extra = self._vocabulary.names_for(state.attributes, is_genai=is_about_genai)
            attributes = {**state.attributes, **extra}
            stamps = (*extra.items(), *state.stamps)
            spoken = state.spoken = {**spoken, key: replace(state, attributes=attributes, stamps=stamps)}
        return spoken[key]

    def _stamp(
        self,
        span: Span,
        note: Note,
        state: State,
        own: Mapping[str, object] | None = None,
        steps: Mapping[str, Value] | None = None,
    ) -> None:
        """Put ``state``, and ``steps`` below it, on ``span``, which has ``own`` attributes: all, unless given."""
        try:
            attributes, limit = attributes_and_limit(span)
            note.store = store_of(span)
        except AttributeError:
            attributes, limit = public_attributes(span), None
        if own is not None:
            attributes = own
        wanted = {**steps, **state.attributes} if steps else state.attributes
        stamps: Stamps = tuple(wanted.items())[::-1] if steps else state.stamps
        if limit is not None:
            stamps = fitted(stamps, limit, {*ID_KEYS, *self._aliases})
        there: Stamps = ()  # by another of these processors, or an instrumentation that agrees
        if attributes and not wanted.keys().isdisjoint(attributes):
            there = [item for item in stamps if attributes.get(item[0]) == item[1]]
            stamps = self._settled(note, state, stamps, attributes, limit)
        note.stamps = (*there, *stamps)
        span.set_attributes(dict(stamps))  # at once: another thread may end it, and no user should be left alone

    def _settled(
        self, note: Note, state: State, wanted: Stamps, attributes: Mapping[str, object], limit: int | None
    ) -> Stamps:
        """Return what of ``wanted`` to stamp on a span that has started with attributes of a session itself.

        What it started with stays, but for a session id of its own, where somebody has to give way.
        """
        agreed = {key for key in _KEPT if is_same(attributes.get(key), state.attributes.get(key), limit)}
        note.own = {key: attributes[key] for key in _KEPT if key in attributes and key not in agreed}
        stamps: Stamps = [
            (key, value)
            for key, value in wanted
            if key not in attributes or (key in agreed and attributes[key] != value)
        ]
        if USER_ID in note.own:  # the other names of the user agree with it
            settings = in_process()  # what is its own stays, but is not spread to other names as it is not to be shown
            own_user = user_ids.shown(str(note.own[USER_ID]), settings.user_privacy, settings.user_hash_key)
            others = [item for item in stamps if self._aliases.get(item[0]) != USER_ID]
            its = [(key, own_user) for key, _ in stamps if own_user and self._aliases.get(key) == USER_ID]
            stamps = [*its, *others]
        own_id, session_id = attributes.get(SESSION_ID), dict(wanted).get(SESSION_ID)
        if session_id is None or SESSION_ID not in attributes or SESSION_ID in agreed:
            return stamps
        if not own_id:
            return [(SESSION_ID, session_id), *stamps]
        if state.id_is_remote:
            return ()  # nothing of another's session belongs on this span
        self._counts.displaced += 1
        if self._span_wins:
            return [(key, value) for key, value in stamps if key == USER_ID] + [(DISPLACED_ID, session_id)]
        self._has_displaced = True
        return [(SESSION_ID, session_id), *stamps, (DISPLACED_ID, str(own_id))]

    def _restamped(self, span: Span) -> None:
        """Put on a span that is open what its trace is bound to."""
        note = note_of(span)
        trace = None if note is None else note.trace
        if note is None or note.stamp is None or trace is None or self.settings.disabled:
            return
        with _restamping:
            done = None
            while trace.binding is not None and trace.binding is not done and span.is_recording():
                done = trace.binding
                self._exchange(span, note, done.state)

    def _exchange(self, span: Span, note: Note, state: State) -> None:
        """Put ``state`` on ``span`` in place of what was put there before."""
        if self._speaks:
            state = self._spoken(state, span)
        before = dict(note.stamps)
        own = {key: value for key, value in (span.attributes or {}).items() if before.get(key) != value}
        if SESSION_ID not in before:
            # Not a user, under any name: whose was it?
            note.steps = {key: value for key, value in before.items() if USER_ID not in {key, self._aliases.get(key)}}
        elif DISPLACED_ID in before:
            own[SESSION_ID] = before[DISPLACED_ID]
        # A step or a name around the span stays, below what the session has; of the session before nothing does.
        self._stamp(span, note, state, own, getattr(note, "steps", None))
        now = dict(note.stamps)
        discard(span, [item for item in before.items() if item[0] not in now])
        self._counts.bound_late += 1
        if not before:
            self._counts.stamped += 1
            self._counts.without_session -= 1

    def _withdraw(self, note: Note) -> None:
        """Leave a span without a session for good: it has started where there is none on purpose."""
        note.stamp, note.is_withdrawn = None, True
        self._counts.without_session += 1

    def _mend(self, span: Span, note: Note) -> None:
        """Put the ids back that a span has lost to its attribute limit, or that somebody has set over."""
        stamps = dict(note.stamps)
        kept = {**getattr(note, "own", {}), **stamps}
        kept = {key: kept[key] for key in self._kept if key in kept}
        if note.store.dropped:
            self._counts.evicted += bool(restore(span, kept))
        if self._speaks_genai and SESSION_ID in stamps and is_genai(span.attributes or {}):
            # An instrumentation may tell only after the start what its span is about.
            restore(span, {**kept, **self._vocabulary.names_for(stamps, is_genai=True)})
        session_id, displaced_id = stamps.get(SESSION_ID), stamps.get(DISPLACED_ID)
        attributes = span.attributes or {}
        if isinstance(session_id, str) and displaced_id and attributes.get(SESSION_ID) == displaced_id:
            overwrite(span, SESSION_ID, session_id)
            self._counts.overwritten += 1

    def _look_at_call(self, span: Span, note: Note, tracer: Any) -> None:  # noqa: ANN401
        """Take the ids that ``span`` lacks from the call of a model, if its tracer tells of such."""
        if not is_recorder(tracer.name):
            if len(self._plain_tracers) >= _MAX_TRACERS:
                self._plain_tracers = {}
            self._plain_tracers[id(tracer)] = self._plain_tracer = tracer
        elif note.stamp is not None:
            attributes, limit = attributes_and_limit(span)
            wanted = [key for key in self._from_calls if key not in attributes]
            found = ids_in(attributes, wanted) if wanted else {}
            if found:
                self._fill(span, note, _shown(found), limit)

    def _fill(self, span: Span, note: Note, ids: Mapping[str, str], limit: int | None) -> None:
        """Put ``ids`` of its call on ``span``, which is ending, and on no other."""
        attributes = span.attributes or {}
        is_about_genai = self._speaks_genai and is_genai(attributes)
        wanted: Mapping[str, Value] = {**self._vocabulary.names_for(ids, is_genai=is_about_genai), **ids}
        if limit is not None:
            wanted = dict(fitted(wanted.items(), limit, {*ID_KEYS, *self._aliases}))
        kept = {key: attributes[key] for key in self._kept if key in attributes}
        if restore(span, {**wanted, **kept}):
            note.from_call = ids.keys()
            self._counts.from_call += 1
            if not note.stamps:
                self._counts.stamped += 1
                self._counts.without_session -= 1


def _shown(ids: dict[str, str]) -> dict[str, str]:
    """Return ``ids`` as they may be shown."""
    settings = in_process()
    user_id = ids.pop(USER_ID, None)
    shown = None if user_id is None else user_ids.shown(user_id, settings.user_privacy, settings.user_hash_key)
    return ids if shown is None else {**ids, USER_ID: shown}


def guarded(processor: SessionSpanProcessor) -> SessionSpanProcessor:
    """Return ``processor``, which asks no more whether the propagators are guarded: who adds it sees to that."""
    processor._asks = False  # noqa: SLF001  # ours
    processor.apply(processor.settings)
    return processor
