"""Which sessions a change tears: some of their spans are at one gateway, some at another."""

from __future__ import annotations

from bisect import bisect_right
from itertools import cycle
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._changes import Change
    from ._population import Session

WINDOWS = (10.0, 30.0, 60.0)  # of tail samplers, in seconds


class Torn(NamedTuple):
    """Shares of the active sessions.

    Attributes:
        at_all: Have spans at more than one gateway.
        in_window: Have them within one window of a tail sampler, or before and after their gateway restarts within
            one; by the length of the window.
    """

    at_all: float
    in_window: Mapping[float, float]


_Place = tuple[str, int]  # an endpoint, and how often it has lost its memory


def torn(sessions: Sequence[Session], change: Change, lags: Sequence[float] = (0.0,)) -> Torn:
    """Count the sessions that a change tears, of those that have spans before it begins and later.

    Args:
        sessions: To be looked at.
        change: What happens.
        lags: How many seconds later each of the agents learns of it. The batches of a session come through one after
            another of them.
    """
    active = [each for each in sessions if each.times[0] < 0 < each.times[-1]]
    visits = [(session.times, places) for session in active if (places := _places(session, change, lags))]
    return Torn(
        sum(len({endpoint for endpoint, _ in places}) > 1 for _, places in visits) / len(active),
        {width: sum(_is_cut(*visit, width) for visit in visits) / len(active) for width in WINDOWS},
    )


def _places(session: Session, change: Change, lags: Sequence[float]) -> list[_Place]:
    """Return where each of the batches goes, nothing where it is one place for all."""
    known: list[_Place] = []
    for period in change.periods:
        endpoint = period.ring.endpoint_at(session.position)
        known.append((endpoint, period.lives.get(endpoint, 0)))
    if len(set(known)) == 1:
        return []
    begins = [period.begin for period in change.periods]
    return [known[bisect_right(begins, time - lag) - 1] for time, lag in zip(session.times, cycle(lags), strict=False)]


def _is_cut(times: Sequence[float], places: Sequence[_Place], width: float) -> bool:
    """Tell whether a window, which opens with the first batch after the last one has closed, is at two places."""
    opened, closes = places[0], -inf
    for time, place in zip(times, places, strict=True):
        if time >= closes:
            opened, closes = place, time + width
        elif place != opened:
            return True
    return False
