"""Which candidates of one trace are one exchange."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LEAST_QUOTED = 12
"""Characters that a question has at least, so that it is no chance if another text holds all of it."""

_MOST_OPEN = 16
"""Exchanges that are compared with a candidate: more are never under way at once."""


_MOST_PLACES = 16
"""Where a text is looked for in another one."""


class Said(NamedTuple):
    """What one candidate says, and what tells exchanges apart.

    Attributes:
        span: Its place among the facts.
        rounds: How often the user has spoken up to here, as far as the call repeats that; 0 where it does not.
        is_call: Whether it is a single call of a model.
        is_marked: Whether we have marked it as a turn.
        is_early: Whether it is a call, and what it was part of never came.
        is_failed: Whether an error is in it.
        request: The span of the request that it is in, -1 for none.
        is_post: Whether that is an HTTP request that has one answer.
        is_within: Whether it is below another candidate, as a run that begins in one that was left.
    """

    span: int
    start: int
    end: int
    input: str
    output: str
    rounds: int
    is_call: bool
    is_marked: bool
    is_early: bool
    is_failed: bool
    request: int
    is_post: bool
    is_within: bool


class Exchange:
    """One exchange of a trace.

    Attributes:
        members: The candidates that make it, in order of their start.
        loose: Spans that are of it, and whose words don't matter.
    """

    __slots__ = ("end", "input", "loose", "members")

    def __init__(self, first: Said) -> None:
        """Begin it."""
        self.members = [first]
        self.loose: list[int] = []
        self.end = first.end
        self.input = first.input

    def add(self, said: Said) -> None:
        """Take ``said`` into it."""
        self.members.append(said)
        self.end = max(self.end, said.end)
        if not self.input or (said.input and quotes(self.input, said.input)):
            self.input = said.input

    @property
    def spans(self) -> list[int]:
        """All candidates in it."""
        return [*(said.span for said in self.members), *self.loose]

    @property
    def output(self) -> str:
        """The last answer; not that of a call about the exchange, as one that makes a title."""
        for said in sorted(self.members, key=lambda said: (said.end, said.start), reverse=True):
            if said.output and not (said.input != self.input and quotes(said.input, self.input)):
                return said.output
        return ""

    def takes(self, said: Said, *, is_latest: bool) -> bool:
        """Tell whether ``said``, which starts later, is of this exchange, which may be the latest one."""
        if said.is_within:
            return False
        last = self.members[-1]
        is_during = said.start < self.end
        if said.is_early and last.is_early:
            return True
        if said.request == last.request and (said.is_post or is_during):
            return True
        if brings_new_words(said.input, self.input) or not (is_during or is_latest):
            return False
        is_again = last.is_failed and said.input == self.input
        return is_during or is_again or (said.is_call and not said.rounds > last.rounds > 0)


def exchanges_of(said: Iterable[Said]) -> list[Exchange]:
    """Return the exchanges of one trace.

    Args:
        said: In order of their start; where some are marked, the others are of those during which they start, or of none.
    """
    every = list(said)
    marked = [Exchange(each) for each in every if each.is_marked]
    if not marked:
        return _joined(every)
    starts = [exchange.members[0].start for exchange in marked]
    for each in every:
        if not each.is_marked:
            begun = bisect_right(starts, each.start)
            _attach(each, marked[max(0, begun - _MOST_OPEN) : begun])
    return marked


def _attach(said: Said, begun: Sequence[Exchange]) -> None:
    """Have the last to begin that is still under way take ``said``."""
    for exchange in reversed(begun):
        if said.start <= exchange.end:
            exchange.loose.append(said.span)
            break


def _joined(said: Iterable[Said]) -> list[Exchange]:
    found: list[Exchange] = []
    for each in said:
        for exchange in reversed(found[-_MOST_OPEN:]):
            if exchange.takes(each, is_latest=exchange is found[-1]):
                exchange.add(each)
                break
        else:
            found.append(Exchange(each))
    return found


def brings_new_words(said: str, before: str) -> bool:
    """Tell whether the user says something in ``said`` that is not in ``before``, nor quoted from there."""
    if not said or not before:
        return False
    return not (said == before or quotes(said, before) or quotes(before, said))


def quotes(longer: str, shorter: str) -> bool:
    """Tell whether ``longer`` has all of ``shorter`` in it as whole words, and not by chance.

    Of a short text that is told where it stands alone: on a line, in quotes, behind a colon at the end.
    """
    if not shorter or len(longer) <= len(shorter):
        return False
    at = longer.find(shorter)
    for _ in range(_MOST_PLACES):
        if at < 0:
            return False
        before, after = longer[max(0, at - 2) : at], longer[at + len(shorter) : at + len(shorter) + 1]
        if _stands_alone(before, after) if len(shorter) < _LEAST_QUOTED else _are_whole_words(before, after):
            return True
        at = longer.find(shorter, at + 1)
    return False


def _are_whole_words(before: str, after: str) -> bool:
    return not (before[-1:].isalnum() or after.isalnum())


def _stands_alone(before: str, after: str) -> bool:
    return before.endswith(("\n", '"', "'", ": ")) and after in {"", "\n", '"', "'"}
