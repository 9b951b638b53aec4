"""Whether what several traces of one kind show can be chance."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lost import Verdict

_MOST = 0.05
"""So likely may it be at most that all of them began within a session by chance."""

_POOLS = re.compile(r"(?:ThreadPoolExecutor-\d+_\d+|asyncio_\d+) \d+")
"""Threads that work is given to, by name and id, as Python names them."""


_NUMBERED = re.compile(r"Thread-(\d+)\b")
"""Other threads, as Python names them by default."""

_LEAST_NEW = 3
"""So many different threads of as many traces are new ones, and no few that take turns."""


def verdict_of_all(verdicts: Sequence[Verdict | None]) -> Verdict | None:
    """Return what all traces of one kind show, which is as sure as the least sure of them; ``None`` for nothing.

    Args:
        verdicts: Of some of them, as many as are looked at, the newest first.
    """
    found = [each for each in verdicts if each is not None]
    if not found or len(found) < len(verdicts) or len({(each.cause, each.service) for each in found}) != 1:
        return None
    if not _are_given_work([each.thread for each in reversed(found) if each.thread]):
        return None
    is_sure, is_likely = all(each.is_sure for each in found), all(each.is_likely for each in found)
    return found[0]._replace(is_sure=is_sure, is_likely=is_likely)


def is_of_pool(thread: str) -> bool:
    """Tell of a thread whether work is given to it by its pool, or it is none; else it may be there all the time."""
    return not thread or _POOLS.fullmatch(thread) is not None


def _are_given_work(threads: Sequence[str]) -> bool:
    """Tell whether threads are of a pool, or a new one each time: one that is there all the time is given none by us.

    Args:
        threads: In order of time.
    """
    if all(map(is_of_pool, threads)):
        return True
    numbers = [int(found[1]) for each in threads if (found := _NUMBERED.match(each))]
    return len({*threads}) == len(threads) >= _LEAST_NEW and numbers == sorted(numbers)


def is_chance(verdict: Verdict, times: Sequence[int], sessions: Sequence[tuple[int, int]]) -> bool:
    """Tell whether traces may have begun within sessions by chance; so it is where one began outside of them.

    Args:
        verdict: Of all of them.
        times: When each began.
        sessions: Start and end of each trace of a session, where its service takes part.
    """
    if verdict.is_sure:
        return False
    covered = _union(sessions)
    starts = [start for start, _ in covered]
    if not all((at := bisect_right(starts, time)) and time <= covered[at - 1][1] for time in times):
        return True
    whole = covered[-1][1] - covered[0][0]
    share = sum(end - start for start, end in covered) / whole if whole else 1.0
    return not verdict.is_likely and share ** len(times) > _MOST


def _union(intervals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what these cover, in order, in pieces that are apart."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
