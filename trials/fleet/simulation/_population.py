"""The sessions that are active while a fleet changes, and when their spans reach it."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from .ring import position_of, session_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

MEDIAN_LENGTH = 300.0
P99_LENGTH = 7_200.0
TURN_EVERY = 60.0
TURN_LENGTHS = (2.0, 20.0)
BATCHES_OF_A_TURN = 4

_SIGMA = log(P99_LENGTH / MEDIAN_LENGTH) / 2.326
ACTIVE_MEDIAN_LENGTH = MEDIAN_LENGTH * exp(_SIGMA**2)
# How long before and after a change a span may still share the window of a tail sampler with it, and some turns more.
_AROUND = 150.0


class Session(NamedTuple):
    """One session.

    Attributes:
        position: Of its key on the ring.
        times: When its batches of spans reach the fleet, in seconds from the beginning of the change, in order: its
            first and its last one, and all that are near the change.
    """

    position: int
    times: tuple[float, ...]


def active(count: int, dice: Random, *, change: float = 0.0) -> list[Session]:
    """Return so many sessions that are active when a change begins, which takes ``change`` seconds."""
    return [_session(change, dice) for _ in range(count)]


def session_id(dice: Random) -> str:
    """Return a session id as most applications make theirs."""
    return str(UUID(int=dice.getrandbits(128), version=4))


def _session(change: float, dice: Random) -> Session:
    # Whoever looks at a moment finds a session the more likely the longer it is: a log-normal length has then its
    # logarithm moved up by sigma squared.
    length = dice.lognormvariate(log(MEDIAN_LENGTH) + _SIGMA**2, _SIGMA)
    begin = -length * dice.random()
    times = sorted(time for turn in _turns(begin, begin + length, change, dice) for time in turn)
    return Session(position_of(session_key(session_id(dice))), tuple(times))


def _turns(begin: float, end: float, change: float, dice: Random) -> Iterator[list[float]]:
    """Give the batches of the first turn, of those near the change, and of the last turn, which the session ends with."""
    yield _turn(begin, end, dice)
    start = max(begin, -_AROUND) + dice.expovariate(1 / TURN_EVERY)
    while start < min(end, change + _AROUND):
        yield _turn(start, end, dice)
        start += dice.expovariate(1 / TURN_EVERY)
    yield _turn(max(begin, end - TURN_LENGTHS[1]), end, dice)


def _turn(start: float, end: float, dice: Random) -> list[float]:
    length = min(dice.uniform(*TURN_LENGTHS), end - start)
    return [start + length * number / (BATCHES_OF_A_TURN - 1) for number in range(BATCHES_OF_A_TURN)]
