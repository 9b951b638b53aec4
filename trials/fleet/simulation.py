"""The command ``python -m trials.fleet.simulation``: what becomes of sessions while a fleet changes.

Dice with a seed, and no clock: it finds the same each time. Nothing is sent; `ring` is held against the real load
balancer in `tests/collector/test_ring.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from . import _balance, _cells, _resharding
from ._changes import pod_names
from ._population import session_id
from .ring import position_of, session_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._balance import Balance, Remedy
    from ._cells import Reach, Sampled
    from ._torn import Torn

_ROOT = Path(__file__).parents[2]
_RESULTS = _ROOT / "trials/results"
_PAGE = "fleet-simulation.md"

FALLS = (1.2, 1.3, 1.4, 1.5)  # what each gateway bears, in times the mean load
FALLING = (10, 30)


@dataclass(frozen=True, slots=True)
class _Amounts:
    """How much to simulate."""

    changes: _resharding.Amounts
    sessions: int
    draws: int


_FULL = _Amounts(_resharding.Amounts((3, 10, 30, 100), 6_000, 6, 2_000, 1), sessions=20_000, draws=6)
_QUICK = _Amounts(_resharding.Amounts((3, 10), 400, 2, 200, 1), sessions=500, draws=1)


@dataclass(frozen=True, slots=True)
class Found:
    """What one run has found, of each thing as often as there were sets of names.

    Attributes:
        changes: By what happens and the number of gateways.
        restarts: By what happens and the seconds it takes.
        agents: By when the agents learn of a gateway that joins.
        balances: By the number of gateways.
        remedies: Against one hot session, for 30 gateways.
        falls: How often all gateways fall after one, by their number and what each bears.
        moves: The share of the sessions that change their cell, by how cells are chosen and from how many to how many.
        sampled: By how a cell is chosen, what share of its sessions is kept of 10 %.
        reaches: What an event does to one ring of 100 gateways, and to 10 cells of 10.
    """

    changes: Mapping[tuple[str, int], Sequence[Torn]]
    restarts: Mapping[tuple[str, float], Sequence[Torn]]
    agents: Mapping[str, Sequence[Torn]]
    balances: Mapping[int, Sequence[Balance]]
    remedies: Sequence[Sequence[Remedy]]
    falls: Mapping[tuple[int, float], float]
    moves: Mapping[tuple[str, tuple[int, int]], float]
    sampled: Mapping[str, Sampled]
    reaches: Sequence[Reach]
    amounts: _Amounts
    seed: int


def main() -> int:
    """Simulate everything, write the page and draw the picture."""
    arguments = _parsed()
    found = simulate(_QUICK if arguments.quick else _FULL, arguments.seed)
    folder = arguments.output or (_ROOT / "build/trials" if arguments.quick else _RESULTS)

    from . import _simulation_page, plot

    folder.mkdir(parents=True, exist_ok=True)
    pictures = _ROOT / "docs/images" if folder == _RESULTS else folder
    (folder / _PAGE).write_text(_simulation_page.text(found, os.path.relpath(pictures, folder)), encoding="utf-8")
    plot.draw(found.changes, pictures)
    print(f"written to {folder}")
    return 0


def simulate(amounts: _Amounts, seed: int) -> Found:
    """Run all that there is."""
    dice = Random(f"{seed}, cells")  # noqa: S311  # dice
    ids = [session_id(dice) for _ in range(amounts.sessions)]
    return Found(
        changes=_resharding.changes(amounts.changes, seed),
        restarts=_resharding.restarts(amounts.changes, seed),
        agents=_resharding.agents(amounts.changes, seed),
        balances=_balances(amounts, ids, seed),
        remedies=_remedies(amounts, seed),
        falls={(count, bears): _falls(count, bears, amounts) for count in FALLING for bears in FALLS},
        moves=_cells.moves(ids),
        sampled=_cells.sampled(ids, 10, 0.1),
        reaches=_cells.reaches(ids),
        amounts=amounts,
        seed=seed,
    )


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m trials.fleet.simulation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="see that it runs; the figures mean little")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (%(default)s)")
    parser.add_argument("--output", type=Path, help="folder for the page (trials/results; with --quick, build/trials)")
    return parser.parse_args()


def _balances(amounts: _Amounts, ids: Sequence[str], seed: int) -> dict[int, list[Balance]]:
    dice = Random(f"{seed}, balances")  # noqa: S311  # dice
    positions = [position_of(session_key(each)) for each in ids]
    return {
        count: [_balance.balance(names, positions, dice) for names in _names(count, amounts)]
        for count in amounts.changes.fleets
    }


def _remedies(amounts: _Amounts, seed: int) -> list[list[Remedy]]:
    dice = Random(f"{seed}, remedies")  # noqa: S311  # dice
    return [_balance.remedies(names, dice) for names in _names(_balance.REMEDIES_AT, amounts)]


def _falls(count: int, bears: float, amounts: _Amounts) -> float:
    falls = [_cells.fallen(names, bears) == 1 for names in _names(count, amounts)]
    return sum(falls) / len(falls)


def _names(count: int, amounts: _Amounts) -> list[list[str]]:
    return [pod_names(count, f"namespace-{draw}") for draw in range(amounts.draws)]


if __name__ == "__main__":
    sys.exit(main())
