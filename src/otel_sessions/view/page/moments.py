"""The times of an answer as numbers to reckon with. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Interval(NamedTuple):
    """From when to when, in ms since 1970."""

    start: float
    end: float


def milliseconds_of(text: str) -> float:
    """Return a time of the API, in RFC 3339 with nanoseconds, as ms since 1970."""
    return _second(text[:19]) + int(text[20:29]) / 1e6


def interval_of(said: Mapping[str, Any]) -> Interval | None:
    """Return when a turn, a span or a trace was under way; ``None`` where its start is not known."""
    if said["start"] is None:
        return None
    start = milliseconds_of(said["start"])
    return Interval(start, start + (said["duration"] or 0.0))


def around(intervals: Iterable[Interval]) -> Interval | None:
    """Return the interval in which all of them are; ``None`` for none."""
    every = list(intervals)
    return Interval(min(each.start for each in every), max(each.end for each in every)) if every else None


@lru_cache(1_000)  # the spans of a session are of few seconds
def _second(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp() * 1_000
