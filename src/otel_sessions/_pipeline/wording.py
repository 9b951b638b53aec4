"""The names under which one span processor stamps a session: ours, those of its dialects, and those of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_sessions._context.state import changed
from otel_sessions._session.dialects import Vocabulary, is_genai
from otel_sessions._session.session import DISPLACED, ID_KEYS, SESSION_ID, USER_ID

from .displacing import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_sessions._context.state import State
    from otel_sessions._settings.settings import Settings

    Value = str | tuple[str, ...]

_KEPT = (SESSION_ID, USER_ID)


class Wording:
    """What the settings of a processor say of names.

    Attributes:
        vocabulary: The names beside ours.
        rule: Who gives way where a span names another session under one of them.
        ids: All names of ids, which are never cut.
        kept: What a span keeps beyond its attribute limit, what matters most first.
    """

    __slots__ = ("_genai_names", "ids", "kept", "rule", "vocabulary")

    def __init__(self, settings: Settings) -> None:
        self.vocabulary = Vocabulary.of(settings.dialects, settings.aliases)
        names = (*self.vocabulary.names, *self.vocabulary.genai_names)
        aliases = {alias: key for alias, key in names if key in ID_KEYS}
        self.rule = Rule(settings.conflict == "span", aliases)
        self.ids = frozenset({*ID_KEYS, *aliases})
        self.kept = (*_KEPT, *(alias for alias, key in aliases.items() if key in _KEPT), *sorted(DISPLACED))
        self._genai_names = frozenset(alias for alias, _ in self.vocabulary.genai_names)

    def is_for_genai(self, attributes: Mapping[str, object]) -> bool:
        """Tell whether a span with ``attributes`` gets the names for generative AI: it tells of that, or has one."""
        names = self._genai_names
        return bool(names) and (is_genai(attributes) or not names.isdisjoint(attributes))

    def spoken(self, state: State, attributes: Mapping[str, object]) -> State:
        """Return ``state`` with all names for a span that has ``attributes``; made once for each state."""
        is_for_genai = self.is_for_genai(attributes)
        key = self.vocabulary, is_for_genai
        spoken = state.spoken or {}
        if key not in spoken:
            extra = self.vocabulary.names_for(state.attributes, is_genai=is_for_genai)
            told = {**extra, **state.attributes}
            said = changed(state, attributes=told, stamps=told.items())
            spoken = state.spoken = {**spoken, key: said}
        return spoken[key]

    def names_lacking(
        self, state: State, stamps: Mapping[str, Value], attributes: Mapping[str, object]
    ) -> dict[str, Value]:
        """Return the names of ``state`` that its ``stamps`` on a span with ``attributes`` lack."""
        is_ours = SESSION_ID in stamps or SESSION_ID not in state.attributes
        told = {**state.attributes, **stamps} if is_ours else stamps
        names = self.vocabulary.names_for(told, is_genai=self.is_for_genai(attributes))
        return {key: value for key, value in names.items() if key not in stamps}
