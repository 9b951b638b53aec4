"""Where in the workflow the time and the tokens went: what the branches of ``session.path`` add up to."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from .summaries import PathSum
from .sums import sum_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from otel_sessions.view.shapes.facts import Tokens

    from .outermost import Talk
    from .summaries import Part

MOST_DEPTH = 16
"""Steps of a path that are told apart."""

MOST_PATHS = 1_000
"""Branches that one trace has at most; where it has more, its paths are told apart by fewer steps."""

ROOT = "/"

_Interval = tuple[int, int]


def sums_of_paths(talk: Talk, order: Sequence[int], tokens: Mapping[int, Tokens]) -> tuple[PathSum, ...]:
    """Return what each branch of the paths adds up to, with all below it.

    A span without a path is on that of its nearest ancestor. The duration of a branch is the time in which any span of
    it was open.

    Args:
        talk: The trace.
        order: The spans of it that are in the session, each after its parent.
        tokens: What spans add to the sum.
    """
    columns = talk.columns
    steps = _steps(columns.path, talk.near, order)
    spans: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, path in _cut(steps).items():
        for depth in range(len(path) + 1):
            spans[path[:depth]].append(i)
    return tuple(
        PathSum(
            ROOT + "/".join(path),
            len(of_path),
            _busy((columns.start[i], columns.end[i]) for i in of_path),
            sum_of(tokens[i] for i in of_path if i in tokens),
        )
        for path, of_path in sorted(spans.items())
    )


def paths_of(parts: Iterable[Part]) -> tuple[PathSum, ...]:
    """Return what each branch adds up to over all traces of a session, a branch before those below it."""
    found: defaultdict[str, list[PathSum]] = defaultdict(list)
    for part in parts:
        for each in part.paths:
            found[each.path].append(each)
    return tuple(
        PathSum(
            path,
            sum(each.spans for each in sums),
            sum(each.duration for each in sums),
            sum_of(each.tokens for each in sums),
        )
        for path, sums in sorted(found.items(), key=lambda item: item[0].split("/"))
    )


def _steps(paths: Sequence[str], near: Sequence[int], order: Sequence[int]) -> dict[int, tuple[str, ...]]:
    known: dict[str, tuple[str, ...]] = {"": ()}
    found: dict[int, tuple[str, ...]] = {}
    for i in order:
        path = paths[i]
        if not path and near[i] >= 0:
            found[i] = found[near[i]]
            continue
        if path not in known:
            known[path] = tuple([step for step in path.split("/") if step][:MOST_DEPTH])
        found[i] = known[path]
    return found


def _cut(steps: dict[int, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """Return the paths, so short that there are no more branches than there may be."""
    distinct = {*steps.values()}
    branches = 0
    for depth in range(1, MOST_DEPTH + 1):
        branches += len({path[:depth] for path in distinct if len(path) >= depth})
        if branches > MOST_PATHS:
            return {i: path[: depth - 1] for i, path in steps.items()}
    return steps


def _busy(intervals: Iterable[_Interval]) -> int:
    """Return in how much time any of the intervals is."""
    busy = until = 0
    for start, end in sorted(intervals):
        busy += max(0, end - max(start, until))
        until = max(until, end)
    return busy
