"""Simulates everything there is, and keeps what one run has found. Pure."""

from __future__ import annotations

from dataclasses import dataclass
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

FALLS = (1.2, 1.3, 1.4, 1.5)  # what each gateway bears, in times the mean load
FALLING = (10, 30)


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much to simulate."""

    changes: _resharding.Amounts
    sessions: int
    draws: int


FULL = Amounts(_resharding.Amounts((3, 10, 30, 100), 6_000, 6, 2_000, 1), sessions=20_000, draws=6)
QUICK = Amounts(_resharding.Amounts((3, 10), 400, 2, 200, 1), sessions=500, draws=1)


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
    amounts: Amounts
    seed: int


def simulate(amounts: Amounts, seed: int) -> Found:
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


def _balances(amounts: Amounts, ids: Sequence[str], seed: int) -> dict[int, list[Balance]]:
    dice = Random(f"{seed}, balances")  # noqa: S311  # dice
    positions = [position_of(session_key(each)) for each in ids]
    return {
        count: [_balance.balance(names, positions, dice) for names in _names(count, amounts)]
        for count in amounts.changes.fleets
    }


def _remedies(amounts: Amounts, seed: int) -> list[list[Remedy]]:
    dice = Random(f"{seed}, remedies")  # noqa: S311  # dice
    return [_balance.remedies(names, dice) for names in _names(_balance.REMEDIES_AT, amounts)]


def _falls(count: int, bears: float, amounts: Amounts) -> float:
    falls = [_cells.fallen(names, bears) == 1 for names in _names(count, amounts)]
    return sum(falls) / len(falls)


def _names(count: int, amounts: Amounts) -> list[list[str]]:
    return [pod_names(count, f"namespace-{draw}") for draw in range(amounts.draws)]
