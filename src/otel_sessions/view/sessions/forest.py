"""Which span is below which: the trees of a trace, also where parents are missing, or are each other's."""

from __future__ import annotations

from itertools import repeat
from operator import gt, lt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .columns import Columns


class Forest(NamedTuple):
    """The trees of a trace; a span is its place among the facts.

    Attributes:
        parents: The parent of each span, -1 where it has none here.
        order: All spans, each after its parent.
        places: The span of each id.
    """

    parents: list[int]
    order: Sequence[int]
    places: dict[bytes, int]


def forest_of(columns: Columns) -> Forest:
    """Return the trees of a trace, each span once.

    Where parents go round in a circle, its earliest span is taken for one whose parent never came.
    """
    count = len(columns.span_id)
    places = dict(zip(columns.span_id, range(count), strict=True))
    parents = list(map(places.get, columns.parent_span_id, repeat(-1)))
    return Forest(parents, _order_of(parents, columns), places)


def _order_of(parents: list[int], columns: Columns) -> Sequence[int]:
    count = len(parents)
    if all(map(lt, parents, range(count))):
        return range(count)
    if all(map(gt, [above if above >= 0 else count for above in parents], range(count))):
        return range(count - 1, -1, -1)  # as spans end
    order: list[int] = []
    done = [False] * count
    for first in range(count):
        if not done[first]:
            for each in reversed(_way_up(first, parents, done, columns)):
                done[each] = True
                order.append(each)
    return order


def _way_up(first: int, parents: list[int], done: Sequence[bool], columns: Columns) -> list[int]:
    """Return ``first`` and what is above it, up to what is done; a circle is cut open where it is found."""
    way = [first]
    seen = {first}
    above = parents[first]
    while above >= 0 and not done[above]:
        if above in seen:
            circle = way[way.index(above) :]
            parents[min(circle, key=lambda i: (columns.start[i], columns.span_id[i]))] = -1
            return _way_up(first, parents, done, columns)
        way.append(above)
        seen.add(above)
        above = parents[above]
    return way


def within(forest: Forest, groups: Sequence[object]) -> list[int]:
    """Return the nearest ancestor of each span that is in its group, -1 for none.

    Args:
        forest: The trees.
        groups: The group of each span.
    """
    near = [-1] * len(groups)
    other = [-1] * len(groups)
    """The nearest ancestor that is in another group than its span."""
    for i in forest.order:
        above = forest.parents[i]
        if above < 0:
            continue
        group = groups[i]
        other[i] = other[above] if groups[above] == group else above
        hops = 0
        while above >= 0 and groups[above] != group and hops < _MOST_HOPS:
            above = other[above]
            hops += 1
        near[i] = above if above >= 0 and groups[above] == group else -1
    return near


_MOST_HOPS = 64  # of groups in one line of ancestors; beyond that a span counts as outermost
