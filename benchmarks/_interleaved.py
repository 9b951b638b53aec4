"""Measures cases side by side: a short burst of each, in another order every round. Pure.

What disturbs the machine for a second disturbs all cases alike, so figures are compared within a
round, and what is reported is the median over the rounds.
"""

from __future__ import annotations

import gc
import random
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import nan
from statistics import median, quantiles
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

Key: TypeAlias = tuple[str, ...]

Samples: TypeAlias = "Sequence[float]"
"""One figure per round, in nanoseconds for one repetition."""

_WARM_UP = 3
_BLOCKS = 10


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure.

    Attributes:
        key: Its name, for the result.
        burst: Does it as many times as its argument says.
        inside: Makes what has to surround a burst; entering and leaving it is not measured.
    """

    key: Key
    burst: Callable[[int], object]
    inside: Callable[[], AbstractContextManager[object]] = nullcontext


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


def measure(
    cases: Sequence[Case], rounds: int, repeats: int, clock: Callable[[], int] = time.thread_time_ns
) -> dict[Key, list[float]]:
    """Return what one repetition of each case has taken in each round, in nanoseconds of ``clock``."""
    samples: dict[Key, list[float]] = {case.key: [] for case in cases}
    shuffled = list(cases)
    order = random.Random(len(cases))  # noqa: S311  # the same orders in each run
    with _without_collector():
        for number in range(-_WARM_UP, rounds):
            order.shuffle(shuffled)
            for case in shuffled:
                took = _timed(case, repeats, clock)
                if number >= 0:
                    samples[case.key].append(took / repeats)
            gc.collect()
    return samples


def _timed(case: Case, repeats: int, clock: Callable[[], int]) -> int:
    burst = case.burst
    with case.inside():
        start = clock()
        burst(repeats)
        return clock() - start


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector out of the bursts; it runs between the rounds, and not over what was there before."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


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
