"""A span that is ended while a bind puts another session on it: it has all of the one session, and nothing of the other.

The attributes of the new one are put on it at once, which the SDK refuses from the moment that somebody ends it. So what
is noted on the span follows only when they are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from otel_sessions._context.attribute_store import attributes_and_limit, attributes_in, change, store_of
from otel_sessions._forks import ForkSafeLock
from otel_sessions._session.dialects import CONVERSATION_ID
from otel_sessions._session.session import DISPLACED_CONVERSATION_ID, DISPLACED_ID, SESSION_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from otel_sessions._context.local_trace import Note
    from otel_sessions._context.state import State

    Value = str | tuple[str, ...]

RESTAMPING = ForkSafeLock()
"""Held to put another session on a span: two binds at once must not take each other's half-written stamps for its own."""


LOSERS = ((SESSION_ID, DISPLACED_ID), (CONVERSATION_ID, DISPLACED_CONVERSATION_ID))
"""Names of a session, and under which the loser is kept."""


class Exchange(NamedTuple):
    """What is about to be noted on a span.

    Attributes:
        state: The session.
        stamps: What is put on it of that, and what was there already.
        own: The ids of the span itself that stay, or that gave way; ``None`` where it names nothing.
    """

    state: State
    stamps: Iterable[tuple[str, Value]]
    own: Mapping[str, object] | None

    def note_on(self, note: Note) -> None:
        """Note it: it is on the span."""
        note.state, note.stamps = self.state, self.stamps
        if self.own is not None:
            note.own = self.own
        note.__dict__.pop("exchange", None)


def empty_store(span: Any, state: State) -> Any:  # noqa: ANN401  # of any SDK
    """Return the store of a ``span`` that takes values of any length and names nothing of ``state``; else ``None``."""
    try:
        attributes, limit = attributes_and_limit(span)
    except AttributeError:
        return None
    return store_of(span) if limit is None and state.attributes.keys().isdisjoint(attributes) else None


def told_apart(
    attributes: Mapping[str, Any], note: Note, *, span_wins: bool, is_of_user: Callable[[str], bool]
) -> tuple[dict[str, Value], dict[str, Any]]:
    """Return what of the ``attributes`` of a span was stamped before, and what it has itself."""
    before = dict(note.stamps)
    own = {key: value for key, value in attributes.items() if before.get(key) != value}
    if SESSION_ID not in before:
        # Not a user, under any name: whose was it?
        note.steps = {key: value for key, value in before.items() if not is_of_user(key)}
    elif not span_wins:
        own.update({name: before[key] for name, key in LOSERS if key in before})
    return before, own


def settle(note: Note) -> None:
    """See whether what was begun for a span has come in time, as that is ending; if so, nothing of before stays there."""
    if getattr(note, "exchange", None) is None:
        return
    with RESTAMPING:  # the bind may be in the middle of it; no other begins, as the span is recording no more
        exchange: Exchange | None = getattr(note, "exchange", None)
        if exchange is not None and _is_on(note, exchange):
            now, attributes = dict(exchange.stamps), attributes_in(note.store)
            gone = [key for key, value in note.stamps if key not in now and attributes.get(key) == value]
            change(note.store, {}, gone)
            exchange.note_on(note)


def _is_on(note: Note, exchange: Exchange) -> bool:
    """Tell whether what is new with ``exchange`` is on the span, all of which comes at once."""
    attributes, before = attributes_in(note.store), dict(note.stamps)
    return any(attributes.get(key) == value for key, value in exchange.stamps if before.get(key) != value)
