"""The same spans in other orders, other requests, some sent again: the same answers."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import NamedTuple

from .all_answers import digests
from .odd_spans import spans_of, split
from .server import serving


class Orders(NamedTuple):
    """What was seen.

    Attributes:
        spans: In each order, re-sent ones counted.
        orders: How many.
        answers: Of each order.
        different: Answers that differed from those of the first order, by path.
    """

    spans: int
    orders: int
    answers: int
    different: dict[str, int]


def run(spans: int, orders: int, seed: int) -> Orders:
    """Send the spans in each order to a `view` of its own, and compare every answer."""
    sent = spans_of(spans, seed)
    first: dict[str, str] = {}
    different: dict[str, int] = {}
    for number in range(orders):
        dice = random.Random(seed + number)  # noqa: S311  # to be run again
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "view.db") as server:
            for body in split(dice, sent, most=dice.choice([4, 100, 2_000])):
                assert server.post(body)
            found = digests(server)
        first = first or found
        for path in first.keys() | found.keys():
            if first.get(path) != found.get(path):
                different[path] = different.get(path, 0) + 1
        print(f"order {number + 1}: {len(found)} answers, {sum(different.values())} different so far", flush=True)
    return Orders(len(sent), orders, len(first), different)
