"""Cells: fleets of their own, each for its part of the sessions. Pure."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.sdk import SessionRatioSampler

from ._changes import pod_names
from .ring import Ring, position_of, session_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HEX_DIGITS = 14
_ALL = 1 << 4 * _HEX_DIGITS


REMAINDER = "remainder of the number"
ANEW = "equal parts, cut anew"
HALVED = "parts, each new cell gets half of an old one"
RING = "a ring of cells"
SAME_DIGITS = "parts of the digits that sampling decides by"
NEXT_DIGITS = "parts of the next 14 digits"
GROWTHS = ((10, 11), (100, 101))  # from how many cells to how many


class Sampled(NamedTuple):
    """The share of its sessions that is kept, in the cell where it is lowest and where it is highest."""

    low: float
    high: float


class Reach(NamedTuple):
    """What an event does, as shares of all sessions: torn in one ring and in cells, and left without a gateway in cells."""

    event: str
    torn_in_ring: float
    torn_in_cells: float
    cut_off_in_cells: float


class Part(NamedTuple):
    """What a cell has of all randomness: the numbers from ``begin`` on, to the next one's."""

    begin: int
    cell: str


def sampling_number(session_id: str) -> int:
    """Return what sampling decides by: the first 14 hex digits of SHA-256, the ``rv`` of the plug-in."""
    return int(hashlib.sha256(session_id.encode()).hexdigest()[:_HEX_DIGITS], 16)


def routing_number(session_id: str) -> int:
    """Return the next 14 digits, which say nothing about the first ones: what to choose a cell by."""
    return int(hashlib.sha256(session_id.encode()).hexdigest()[_HEX_DIGITS : 2 * _HEX_DIGITS], 16)


def equal_parts(cells: int) -> list[Part]:
    """Return the parts of cells that have the same share each."""
    return [Part(-(-number * _ALL // cells), f"cell-{number}") for number in range(cells)]


def split(parts: Sequence[Part], cell: str, new: str) -> list[Part]:
    """Give the upper half of one cell to a new one."""
    index = next(index for index, part in enumerate(parts) if part.cell == cell)
    end = parts[index + 1].begin if index + 1 < len(parts) else _ALL
    return [*parts[: index + 1], Part((parts[index].begin + end) // 2, new), *parts[index + 1 :]]


def cell_in(parts: Sequence[Part], number: int) -> str:
    """Return the cell that a number belongs to."""
    return parts[bisect_right(parts, number, key=lambda part: part.begin) - 1].cell


def by_remainder(cells: int, number: int) -> str:
    """Return the cell by the remainder: what not to do."""
    return f"cell-{number % cells}"


def moves(session_ids: Sequence[str]) -> dict[tuple[str, tuple[int, int]], float]:
    """Return the share of the sessions that change their cell, by the way cells are chosen, and from how many to how many."""
    numbers = [routing_number(each) for each in session_ids]
    positions = [position_of(session_key(each)) for each in session_ids]
    found = {}
    for old, new in GROWTHS:
        of_ring = [_ring_of_cells(count).endpoint_at for count in (old, new)]
        for way, before, after in (
            (REMAINDER, partial(by_remainder, old), partial(by_remainder, new)),
            (ANEW, partial(cell_in, equal_parts(old)), partial(cell_in, equal_parts(new))),
            (HALVED, partial(cell_in, equal_parts(old)), partial(cell_in, _grown(old, new))),
        ):
            found[way, (old, new)] = _moved(numbers, before, after)
        found[RING, (old, new)] = _moved(positions, *of_ring)
    return found


def sampled(session_ids: Sequence[str], cells: int, ratio: float) -> dict[str, Sampled]:
    """Return the lowest and the highest share of the sessions of a cell that a sampler keeps, by what chooses the cell."""
    parts = equal_parts(cells)
    ways: dict[str, Callable[[str], str]] = {
        SAME_DIGITS: lambda each: cell_in(parts, sampling_number(each)),
        "the remainder of those digits": lambda each: by_remainder(cells, sampling_number(each)),
        NEXT_DIGITS: lambda each: cell_in(parts, routing_number(each)),
    }
    return {way: _sampled_by(cell_of, session_ids, ratio) for way, cell_of in ways.items()}


def reaches(session_ids: Sequence[str]) -> list[Reach]:
    """Return what events do to one ring of 100 gateways, and to 10 cells of 10."""
    positions = [position_of(session_key(each)) for each in session_ids]
    whole, cell = pod_names(100, "all"), pod_names(10, "cell-0")
    ring, small = Ring(whole), Ring(cell)
    joined, lost = Ring([*whole, "gateway-100.gateway.all"]), Ring(whole[:-1])
    joined_cell, lost_of_cell = Ring([*cell, "gateway-10.gateway.cell-0"]), Ring(cell[:-1])
    ten_lost = Ring(whole[:-10])

    def torn(before: Ring, after: Ring, share: float = 1.0) -> float:
        return share * _moved(positions, before.endpoint_at, after.endpoint_at)

    in_cell = [cell_in(equal_parts(10), routing_number(each)) == "cell-0" for each in session_ids]
    own = sum(in_cell) / len(in_cell)
    return [
        Reach("a gateway joins", torn(ring, joined), torn(small, joined_cell, own), 0),
        Reach("a gateway is lost", torn(ring, lost), torn(small, lost_of_cell, own), 0),
        Reach("10 gateways are lost at once; in cells, all of one cell", torn(ring, ten_lost), 0, own),
    ]


def _ring_of_cells(count: int) -> Ring:
    return Ring(f"cell-{number}" for number in range(count))


def _grown(old: int, new: int) -> list[Part]:
    parts = equal_parts(old)
    for number in range(new - old):
        parts = split(parts, f"cell-{number}", f"cell-{old + number}")
    return parts


def _moved(places: Sequence[int], before: Callable[[int], str], after: Callable[[int], str]) -> float:
    return sum(before(place) != after(place) for place in places) / len(places)


def _sampled_by(cell_of: Callable[[str], str], session_ids: Sequence[str], ratio: float) -> Sampled:
    sampler, verdicts = SessionRatioSampler(ratio), defaultdict(list)
    for each in session_ids:
        verdicts[cell_of(each)].append(sampler.keeps_session(each))
    shares = [sum(kept) / len(kept) for kept in verdicts.values()]
    return Sampled(min(shares), max(shares))


def fallen(endpoints: Sequence[str], head_room: float) -> float:
    """Return the share of the gateways that are down in the end, when the first is lost and each bears so many times the mean load.

    What is over that falls too, and leaves its sessions to the others.
    """
    bears, left = head_room / len(endpoints), list(endpoints[1:])
    while left:
        over = {endpoint for endpoint, share in Ring(left).shares().items() if share > bears}
        if not over:
            break
        left = [endpoint for endpoint in left if endpoint not in over]
    return 1 - len(left) / len(endpoints)
