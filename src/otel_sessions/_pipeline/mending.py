"""Puts right what a span has lost, or was given, by the time that it ends, and counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions import _diagnostics
from otel_sessions._context.attribute_store import attributes_in, attributes_of, change, restore, rewrite
from otel_sessions._session.session import DISPLACED_CONVERSATION_ID, DISPLACED_ID, SESSION_ID

from .displacing import converted, later
from .restamping import settle

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from otel_sessions._context.local_trace import Note

    from .stats import Stats
    from .wording import Wording

    Value = str | tuple[str, ...]

_OUT_OF_REACH = (
    "otel_sessions: %s has given a span another session, or none, when that had been handed to an exporter, so that it "
    "can't be put right; add that processor to the TracerProvider before the one that exports"
)


class Mending:
    """What one span processor mends.

    Attributes:
        wording: By which names and whose rule; it changes with the settings.
        is_last: Once its processor has seen that a span ends, nobody else of ours looks at its store of attributes.
    """

    wording: Wording

    def __init__(self, counts: Stats) -> None:
        self._counts = counts
        self.is_last = True

    def count_displaced(self, displaced: Collection[str], *, is_late: bool = False) -> None:
        """Count a span that has named another session, once, by the keys under which that is kept."""
        if DISPLACED_ID in displaced:
            self._counts.displaced += not is_late
            self._counts.overwritten += is_late
        if DISPLACED_CONVERSATION_ID in displaced:
            self._counts.displaced_conversation += 1

    def end(self, span: Any, note: Note, *, is_first: bool) -> None:  # noqa: ANN401  # a span of the SDK
        """Put the ids back that a span has lost to its attribute limit, and see who wins of those that it names by now.

        Args:
            span: It is ending.
            note: What is noted on it.
            is_first: No other processor of ours counts what it has lost.
        """
        settle(note)
        store, stamps = note.store, dict(note.stamps)
        if store.dropped:
            kept = {**getattr(note, "own", {}), **stamps}
            lost = restore(span, {key: kept[key] for key in self.wording.kept if key in kept})
            self._counts.evicted += bool(lost) and is_first
        if self.wording.vocabulary and SESSION_ID in stamps:
            self._tell_genai(note, stamps)
        self.settle(note)

    def settle(self, note: Note) -> None:
        """See who wins of the sessions that a span names which is ending."""
        if note.store is None:  # of an SDK that does not show it
            return
        found = later(self.wording.rule, note, attributes_in(note.store), note.store.max_value_len)
        if found is not None:
            change(note.store, found.put, found.gone, self.wording.kept)
            note.stamps = found.stamps
            self.count_displaced(found.displaced, is_late=True)

    def settle_ended(self, span: Any, note: Note, *, by: str, is_handed: bool) -> None:  # noqa: ANN401  # of the SDK
        """The same for a span that has ended, as the next processor sees it.

        Args:
            span: It has ended, and a processor of somebody else's may have given it other attributes.
            note: What is noted on it.
            by: The name of that processor.
            is_handed: An exporter has it already, so that it must not be changed.
        """
        store, attributes = note.store, attributes_of(span)
        found = later(self.wording.rule, note, attributes, None if store is None else store.max_value_len)
        if found is None and store is not None:
            found = converted(note, attributes_in(store), attributes)
        if found is None:
            return
        if is_handed:
            self._counts.out_of_reach += found.is_conflict
            if found.is_conflict:
                _diagnostics.warn_once(("out of reach", by), _OUT_OF_REACH, by)
            return
        rewrite(span, found.put, found.gone, self.wording.kept)
        note.stamps = found.stamps
        self.count_displaced(found.displaced, is_late=True)

    def _tell_genai(self, note: Note, stamps: Mapping[str, Value]) -> None:
        """Put the names for generative AI on a span that only by now has told that it is about that."""
        attributes = attributes_in(note.store)
        if self.wording.is_for_genai(attributes):
            lacking = self.wording.names_lacking(note.state, stamps, attributes)
            told = {key: value for key, value in lacking.items() if key not in attributes}
            change(note.store, told, kept=self.wording.kept)
            note.stamps = (*told.items(), *note.stamps)
