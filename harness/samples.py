"""Samples of things that are measured side by side, round by round, and what is told of them. Pure.

What disturbs the machine for a second disturbs all things alike, so figures are compared within a round, and what is
reported is the median over the rounds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import nan
from statistics import median, quantiles
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Samples: TypeAlias = "Sequence[float]"
"""One figure per round."""

_T = TypeVar("_T")

_BLOCKS = 10


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure, and the quartiles that show how steady it was.

    Attributes:
        value: The median over the rounds, or a ratio of two such medians.
        low: The lower quartile.
        high: The upper quartile.
    """

    value: float
    low: float
    high: float

    def quartiles(self, form: str) -> str:
        """Return both quartiles in words."""
        return f"{self.low:{form}} to {self.high:{form}}"


def in_rounds(things: Sequence[_T], rounds: int, warm_up: int) -> Iterator[tuple[int, list[_T]]]:
    """Return the number and the things of each round, every time in another order; the numbers to warm up are below 0."""
    order = random.Random(len(things))  # noqa: S311  # the same orders in each run
    for number in range(-warm_up, rounds):
        yield number, order.sample(things, len(things))


def over(samples: Samples, base: Samples) -> list[float]:
    """Return by how much ``samples`` are above ``base``, round by round."""
    return [sample - lowest for sample, lowest in zip(samples, base, strict=True)]


def spread(samples: Samples) -> Spread:
    """Return the median of ``samples`` with its quartiles."""
    low, _, high = quantiles(samples, n=4)
    return Spread(median(samples), low, high)


def ratio(above: Samples, below: Samples) -> Spread:
    """Return the ratio of the medians; its quartiles are those of the same ratio in blocks of successive rounds."""
    size = max(1, len(above) // _BLOCKS)
    starts = range(0, len(above) - size + 1, size)
    blocks = [_of_medians(above[start : start + size], below[start : start + size]) for start in starts]
    low, _, high = quantiles(blocks, n=4)
    return Spread(_of_medians(above, below), low, high)


def _of_medians(above: Samples, below: Samples) -> float:
    divisor = median(below)
    return median(above) / divisor if divisor else nan
