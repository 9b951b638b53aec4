"""All traces of a session on one line of time, in which long waits are cut short. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .moments import Interval, around, interval_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_LANES = 4
"""Lanes for what is under way at the same time, as in parallel tabs; what finds none shares the last one."""

MOST_MARKS = 160
"""Marks of a lane; what stands closer together than they allow is one mark."""

_NARROWEST = 0.25
"""Percent of the width that the shortest mark has."""

_CLOSE = 100 / MOST_MARKS
_VISIBLE, _WIDE_ENOUGH = 0.3, 6.0
"""Percent of the width that a cut needs to be seen, and for its label."""


class Mark(NamedTuple):
    """A turn, a trace apart from turns, or several that stand too close to be told apart.

    Attributes:
        first, last: The numbers of the turns, from 1; 0 for a trace apart.
        target: The document of the first one, which has the ids.
        size: How many it stands for.
        lane: From 0.
        x, width: In percent of the line.
        duration: Of the longest of them, in ms.
        errors: Of all of them.
    """

    first: int
    last: int
    target: Mapping[str, Any]
    size: int
    lane: int
    x: float
    width: float
    duration: float
    errors: int


class Cut(NamedTuple):
    """A wait that is shorter on the line than it was: where, and how long it was in ms."""

    x: float
    width: float
    duration: float
    has_room: bool


class TimeLine(NamedTuple):
    """What is drawn."""

    marks: Sequence[Mark]
    cuts: Sequence[Cut]
    lanes: int
    time: Interval


class _Item(NamedTuple):
    number: int
    target: Mapping[str, Any]
    interval: Interval


def time_line(turns: Sequence[Mapping[str, Any]], apart: Sequence[Mapping[str, Any]]) -> TimeLine | None:
    """Return the line of a session; ``None`` where no time is known.

    A wait between traces takes at most as much room as one wait may have if all waits together are to have half of it.

    Args:
        turns: All turns of the session, in order, each with ``start``, ``duration`` and ``errors``.
        apart: Its traces that have no turn, likewise.
    """
    numbered = [*enumerate(turns, 1), *((0, each) for each in apart)]
    items = [_Item(number, said, time) for number, said in numbered if (time := interval_of(said)) is not None]
    time = around(item.interval for item in items)
    if time is None:
        return None
    items.sort(key=lambda item: item.interval)
    scale = _Scale(item.interval for item in items)
    marks, lanes = _marks(items, scale)
    return TimeLine(marks, scale.cuts(), lanes, time)


class _Scale:
    """From ms to percent of the line."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        self._busy = _merged(intervals)
        waits = [after.start - before.end for before, after in zip(self._busy, self._busy[1:], strict=False)]
        busy = sum(each.end - each.start for each in self._busy)
        longest = busy / len(waits) if waits else 0.0
        # Where nothing took any time, all waits are of the same length.
        self._shown = [min(wait, longest) if busy else 1.0 for wait in waits]
        self._whole = (busy + sum(self._shown)) or 1.0
        self._begins = [0.0]
        for each, wait in zip(self._busy, self._shown, strict=False):
            self._begins.append(self._begins[-1] + each.end - each.start + wait)
        self._at = 0

    def percent(self, moment: float) -> float:
        """Return where a moment is; those before were asked for before, but for the end of an interval."""
        while self._at + 1 < len(self._busy) and moment >= self._busy[self._at + 1].start:
            self._at += 1
        return self._percent(self._begins[self._at] + moment - self._busy[self._at].start)

    def cuts(self) -> list[Cut]:
        """Return the waits that are cut short."""
        found: list[Cut] = []
        for place, shown in enumerate(self._shown):
            wait = self._busy[place + 1].start - self._busy[place].end
            if wait > shown:
                x, width = self._percent(self._begins[place + 1] - shown), self._percent(shown)
                found.append(Cut(x, width, wait, has_room=width >= _WIDE_ENOUGH))
        return [each for each in found if each.width >= _VISIBLE]

    def _percent(self, shown: float) -> float:
        return round(100 * shown / self._whole, 2)


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return when anything was under way, from intervals by their start."""
    merged: list[Interval] = []
    for each in intervals:
        if merged and each.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, each.end))
        else:
            merged.append(each)
    return merged


def _marks(items: Sequence[_Item], scale: _Scale) -> tuple[list[Mark], int]:
    ends: list[float] = []
    last: list[Mark] = []  # of each lane
    found: list[Mark] = []
    for item in items:
        start, end = item.interval
        lane = next((at for at, until in enumerate(ends) if until <= start), len(ends))
        if lane == len(ends) and lane < MOST_LANES:
            ends.append(end)
        lane = min(lane, MOST_LANES - 1)
        ends[lane] = max(ends[lane], end)
        mark = _mark(item, lane, scale)
        if lane < len(last) and _is_close(last[lane], mark):
            last[lane] = _joined(last[lane], mark)
            continue
        if lane < len(last):
            found.append(last[lane])
            last[lane] = mark
        else:
            last.append(mark)
    return sorted([*found, *last], key=lambda mark: (mark.x, mark.lane)), len(ends)


def _mark(item: _Item, lane: int, scale: _Scale) -> Mark:
    start, end = item.interval
    x = min(scale.percent(start), 100 - _NARROWEST)
    width = min(max(scale.percent(end) - x, _NARROWEST), 100 - x)
    return Mark(
        item.number, item.number, item.target, 1, lane, round(x, 2), round(width, 2), end - start, item.target["errors"]
    )


def _is_close(before: Mark, mark: Mark) -> bool:
    """Tell whether a short mark begins with the one before it, as far as can be seen."""
    return (before.first > 0) == (mark.first > 0) and mark.x - before.x < _CLOSE and mark.width < _CLOSE


def _joined(before: Mark, mark: Mark) -> Mark:
    return before._replace(
        last=mark.last,
        size=before.size + 1,
        width=round(max(mark.x + mark.width - before.x, before.width), 2),
        duration=max(before.duration, mark.duration),
        errors=before.errors + mark.errors,
    )
