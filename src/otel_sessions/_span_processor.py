"""Stamps every span with the session of the context in which it starts."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from opentelemetry.sdk.trace import SpanProcessor

from . import _diagnostics, _ids
from ._attribute_store import attributes_and_limit, overwrite, public_attributes
from ._context import ENTRY_KEY, get_current, state_in
from ._session import DISPLACED_ID, ID_KEYS, SESSION_ID, USER_ID
from ._settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from ._state import State

    Value = str | tuple[str, ...]
    Stamps = Iterable[tuple[str, Value]]


class SessionSpanProcessor(SpanProcessor):
    """Puts ``session.id``, ``user.id`` and what else the session holds on every span that starts.

    Add one to a ``TracerProvider``, before or after the processor of the exporter. It needs nothing
    at a fork or at a shutdown, and never raises.

    Args:
        conflict: Who wins where a span starts with another ``session.id`` than that of the scope:
            ``"scope"`` (the default) or ``"span"``. The loser is kept as ``session.displaced_id``.
            The environment variable is ``OTEL_SESSION_CONFLICT``.
        disabled: Stamp nothing. The environment variable is ``OTEL_SESSION_DISABLED``.
    """

    def __init__(self, *, conflict: str | None = None, disabled: bool | None = None) -> None:
        # Spans of now that have started with another id; few, as most instrumentations set none.
        self._displacing: WeakKeyDictionary[Span, str] = WeakKeyDictionary()
        self._has_displaced = False
        self.apply(Settings.resolved(conflict=conflict, disabled=disabled))

    def __repr__(self) -> str:
        """Show the settings."""
        return f"{type(self).__name__}({self.settings})"

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp ``span``; without a ``parent_context`` it is a child of the current one (OTel spec, "OnStart")."""
        try:
            context = get_current() if parent_context is None else parent_context
            entry: Any = context.get(ENTRY_KEY)
            if entry is not None and entry.context is not None and entry.state.is_whole:
                state = entry.state  # as `state_in`, for what is inside a scope
            else:
                state = state_in(context) if context else None
            if state is None or not self._is_on:
                return
            try:
                attributes, limit = attributes_and_limit(span)
            except AttributeError:
                attributes, limit = public_attributes(span), None
            stamps: Stamps = state.stamps
            if attributes and not state.attributes.keys().isdisjoint(attributes):
                stamps = self._settled(span, state, attributes)
            if limit is not None:
                stamps = _fitted(stamps, limit)
            set_attribute = span.set_attribute
            for key, value in stamps:
                set_attribute(key, value)
        except Exception as error:  # noqa: BLE001  # it would reach the application's start_span
            found = type(error).__name__
            _diagnostics.warn_once(("on_start", found), "otel_sessions: stamping a span raised %s", found)

    def _on_ending(self, span: Span) -> None:
        """Displace again what an instrumentation has set once more right after the start, as OpenInference does."""
        if not self._has_displaced:
            return
        try:
            session_id = self._displacing.pop(span, None)
            attributes = span.attributes or {}
            if session_id is not None and attributes.get(SESSION_ID) == attributes.get(DISPLACED_ID):
                overwrite(span, SESSION_ID, session_id)
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
        self._is_on = not settings.disabled

    def _settled(self, span: Span, state: State, attributes: Mapping[str, object]) -> Stamps:
        """Return what to stamp on a span that has started with attributes of a session itself.

        What it started with stays, but for a session id of its own, where somebody has to give way.
        """
        own_id, session_id = attributes.get(SESSION_ID), state.session.id
        stamps: Stamps = [(key, value) for key, value in state.stamps if key not in attributes]
        if session_id is None or own_id == session_id or SESSION_ID not in attributes:
            return stamps
        if not own_id:
            return [(SESSION_ID, session_id), *stamps]
        if state.id_is_remote:
            return ()  # nothing of another's session belongs on this span
        if self._span_wins:
            return [(key, value) for key, value in stamps if key == USER_ID] + [(DISPLACED_ID, session_id)]
        self._displacing[span] = session_id
        self._has_displaced = True
        return [(SESSION_ID, session_id), *stamps, (DISPLACED_ID, str(own_id))]


def _fitted(stamps: Stamps, limit: int) -> Stamps:
    """Return ``stamps`` with no value longer than ``limit`` characters: ids as digests, texts cut."""
    if limit < 1:
        return ()
    return [(key, _fitted_value(key, value, limit)) for key, value in stamps]


def _fitted_value(key: str, value: Value, limit: int) -> Value:
    if isinstance(value, tuple):
        return tuple(text[:limit] for text in value)
    if len(value) <= limit:
        return value
    return _fitted_id(value, limit) if key in ID_KEYS else value[:limit]


@lru_cache(maxsize=256)
def _fitted_id(value: str, limit: int) -> str:
    """Return the digest of an id: cut by the SDK, ids with the same beginning would become one."""
    _diagnostics.warn_once(
        ("value limit", limit),
        "otel_sessions: an id is longer than the attribute value limit of %d, so its digest is on the spans; "
        "equal ids still group",
        limit,
    )
    return _ids.digest(value, limit)
