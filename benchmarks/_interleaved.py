"""Measures cases side by side: a short burst of each, in another order every round."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.samples import in_rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

Key: TypeAlias = tuple[str, ...]

_WARM_UP = 3


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


def measure(
    cases: Sequence[Case], rounds: int, repeats: int, clock: Callable[[], int] = time.thread_time_ns
) -> dict[Key, list[float]]:
    """Return what one repetition of each case has taken in each round, in nanoseconds of ``clock``."""
    samples: dict[Key, list[float]] = {case.key: [] for case in cases}
    with _without_collector():
        for number, shuffled in in_rounds(cases, rounds, _WARM_UP):
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
