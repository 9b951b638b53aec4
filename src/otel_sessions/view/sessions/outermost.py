"""Which spans are outermost among those that may be a turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.shapes.facts import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from otel_sessions.view.shapes.facts import Words

    from .columns import Columns

NOBODY, JUDGED = -1, -2
"""Who owns a span that is in no candidate, and one that only judges what was said."""

_NO_TALK = frozenset((Kind.TOOL, Kind.RETRIEVER, Kind.EVALUATION, Kind.HTTP_CLIENT, Kind.NOISE))
"""What has words that are no user's."""

_TALKING = frozenset((Kind.TURN, Kind.AGENT, Kind.LLM))
"""What is a candidate without words."""

_EVALUATION = Kind.EVALUATION


class Talk(NamedTuple):
    """A trace, as far as it matters who says what.

    Attributes:
        columns: The facts of its spans.
        near: The parent of each span, as far as it is in the same session; -1 for none.
        parents: The parent of each span.
        words: Of a span, wherever they are recorded.
        told: The spans whose words are recorded elsewhere.
        has_marked: Whether we have marked any span as a turn.
    """

    columns: Columns
    near: Sequence[int]
    parents: Sequence[int]
    words: Callable[[int], Words]
    told: Collection[int]
    has_marked: bool

    def has_words(self, i: int) -> bool:
        """Tell whether a span has words of a conversation."""
        columns = self.columns
        return (columns.has_input[i] or columns.has_output[i] or i in self.told) and columns.kind[i] not in _NO_TALK

    def is_failed_call(self, i: int) -> bool:
        """Tell whether a span is a call that failed, of which nothing else was recorded."""
        return self.columns.is_failed_call[i] and self.parents[i] < 0

    def is_call(self, i: int) -> bool:
        """Tell whether a span is one call of a model."""
        return self.columns.kind[i] == Kind.LLM or self.columns.is_failed_call[i]


class Chosen(NamedTuple):
    """Some spans, none of which is below another, but for a run in one that was left.

    Attributes:
        spans: In order of their start.
        owner: Which of them each span is in, itself counted, else `NOBODY` or `JUDGED`.
    """

    spans: list[int]
    owner: Mapping[int, int]


def outermost(
    talk: Talk, order: Sequence[int], excluded: Collection[int] = (), beginning: Collection[int] = ()
) -> Chosen:
    """Return the outermost spans that have words, or are an agent's or a model's, none of ``excluded`` among them.

    Those of ``beginning`` are chosen wherever they are.
    """
    kinds, near = talk.columns.kind, talk.near
    owner: dict[int, int] = {}
    spans = []
    for i in order:
        above = near[i]
        of_above = owner[above] if above >= 0 else NOBODY
        if of_above != NOBODY and i not in beginning:
            owner[i] = of_above
        elif kinds[i] == _EVALUATION:
            owner[i] = JUDGED
        elif i not in excluded and (kinds[i] in _TALKING or talk.has_words(i) or talk.is_failed_call(i)):
            owner[i] = i
            spans.append(i)
        else:
            owner[i] = NOBODY
    if len(spans) > 1:
        spans.sort(key=lambda i: (talk.columns.start[i], talk.columns.span_id[i]))
    return Chosen(spans, owner)


def above(talk: Talk, spans: Sequence[int]) -> set[int]:
    """Return all that is above ``spans``."""
    found: set[int] = set()
    for span in spans:
        i = talk.near[span]
        while i >= 0 and i not in found:
            found.add(i)
            i = talk.near[i]
    return found
