"""Which candidates of several traces of a session are one turn."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from .exchanges import brings_new_words, quotes
from .sums import dollars, pico_dollars, sum_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .summaries import Candidate, Part

_MOST_OPEN = 16
"""Turns under way at once that a candidate is compared with."""


class _Turn:
    """One turn.

    Attributes:
        head: The candidate that it is shown as: the first to start, but not one that only quotes what was said.
        members: All candidates that are part of it, in order of their start.
        input: What was said.
        traces: Those that start during it and have no candidate.
    """

    __slots__ = ("head", "input", "members", "traces")

    def __init__(self, first: Candidate) -> None:
        self.head = first
        self.members = [first]
        self.input = first.input
        self.traces: list[bytes] = []

    def takes(self, candidate: Candidate) -> bool:
        """Tell whether a candidate that starts during the turn brings no new words of the user."""
        if candidate.trace_id == self.head.trace_id or self._runs_anew_in(candidate):
            return False
        return not brings_new_words(candidate.input, self.input)

    def _runs_anew_in(self, candidate: Candidate) -> bool:
        """Tell whether the same agent runs again, as far as can be told without words: it is no part of itself.

        The run before may be one whose stream was left, and that ends when it is collected.
        """
        return candidate.is_agent and self.head.is_agent and candidate.name == self.head.name

    def add(self, candidate: Candidate) -> None:
        self.members.append(candidate)
        if quotes(self.input, candidate.input) and not self.head.is_marked:
            self.head, self.input = candidate, candidate.input
        self.input = self.input or candidate.input

    def shown(self) -> Candidate:
        """Return it as one candidate."""
        if len(self.members) == 1 and not self.traces:
            return self.head
        joined = tuple(sorted({*self.traces, *(each.trace_id for each in self.members)} - {self.head.trace_id}))
        if len(self.members) == 1:
            return self.head._replace(joined=joined) if joined else self.head
        answered = self.head.output or self._last_answer()
        costs = [pico_dollars(each.cost) for each in self.members if each.cost is not None]
        return self.head._replace(
            start=self.members[0].start,
            end=max(each.end for each in self.members),
            input=self.input,
            output=answered,
            is_agent=not (self.input or answered or self.head.is_marked),
            ended_early=all(each.ended_early for each in self.members),
            errors=sum(each.errors for each in self.members),
            tokens=sum_of(each.tokens for each in self.members),
            cost=dollars(costs),
            failed_checks=sum(each.failed_checks for each in self.members),
            joined=joined,
        )

    def _last_answer(self) -> str:
        """Return the last answer to what was said, not one to a text that quotes it."""
        answers = [each for each in self.members if each.output and not quotes(each.input, self.input)]
        return max(answers, key=lambda each: (each.end, each.trace_id, each.span_id)).output if answers else ""


def turns_of(parts: Iterable[tuple[bytes, Part]]) -> tuple[Candidate, ...]:
    """Return the turns of a session, in order of their start.

    A trace that starts within a turn of another trace, and brings no new words of the user, is part of that turn; but
    where nothing is told of either, not one that has the same agent run. A turn that we have marked is never part of another one.

    Args:
        parts: Trace id, and what of that trace is in the session.
    """
    every = list(parts)
    turns = _joined(candidate for _, part in every for candidate in part.candidates)
    starts = [turn.members[0].start for turn in turns]
    for trace_id, part in every:
        if not part.candidates:
            begun = bisect_right(starts, part.start)
            during = [turn for turn in turns[max(0, begun - _MOST_OPEN) : begun] if part.start <= turn.head.end]
            if during:
                during[-1].traces.append(trace_id)
    return tuple(turn.shown() for turn in turns)


def _joined(candidates: Iterable[Candidate]) -> list[_Turn]:
    turns: list[_Turn] = []
    under_way: list[_Turn] = []
    for each in sorted(candidates, key=lambda each: (each.start, not each.is_marked, each.trace_id, each.span_id)):
        under_way = [turn for turn in under_way if each.start <= turn.head.end][-_MOST_OPEN:]
        taking = [] if each.is_marked else [turn for turn in under_way if turn.takes(each)]
        if taking:
            max(taking, key=lambda turn: bool(each.input) and turn.input == each.input).add(each)
        else:
            under_way.append(_Turn(each))
            turns.append(under_way[-1])
    return turns
