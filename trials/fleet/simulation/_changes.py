"""How the list of gateways of a load balancer changes, and what the gateways forget meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from .ring import Ring

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random


class Period(NamedTuple):
    """What is so from a moment on.

    Attributes:
        begin: In seconds from the beginning of the change.
        ring: By which the agents choose.
        lives: How often each gateway has lost its memory; 0 where nothing is said.
    """

    begin: float
    ring: Ring
    lives: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """All that happens to a fleet, and how many seconds it takes."""

    seconds: float
    periods: Sequence[Period]


def pod_names(count: int, namespace: str) -> list[str]:
    """Return the endpoints of a StatefulSet, as the ``k8s`` resolver gives them with ``return_hostnames``."""
    return [f"gateway-{number}.gateway.{namespace}" for number in range(count)]


def pod_addresses(count: int, dice: Random) -> list[str]:
    """Return the endpoints of pods by address, all different, as the ``dns`` resolver gives them."""
    numbers = dice.sample(range(1 << 16), count)
    return [f"10.1.{number >> 8}.{number & 255}:4317" for number in numbers]


def join(endpoints: Sequence[str]) -> Change:
    """Let the last of the gateways join the others."""
    return Change(0, [Period(-inf, Ring(endpoints[:-1]), {}), Period(0, Ring(endpoints), {})])


def leave(endpoints: Sequence[str]) -> Change:
    """Let the last of the gateways leave the others."""
    return Change(0, [Period(-inf, Ring(endpoints), {}), Period(0, Ring(endpoints[:-1]), {})])


def restart(endpoints: Sequence[str], number: int, away: float) -> Change:
    """Take a gateway off the list for so many seconds."""
    whole, lives = Ring(endpoints), {endpoints[number]: 1}
    begin, left, back = (
        Period(-inf, whole, {}),
        Period(0, _without(endpoints, number), lives),
        Period(away, whole, lives),
    )
    return Change(away, [begin, left, back])


def restart_listed(endpoints: Sequence[str], number: int, away: float) -> Change:
    """Let a gateway be away as long and stay on the list: its spans wait in the queues of the agents."""
    whole = Ring(endpoints)
    return Change(away, [Period(-inf, whole, {}), Period(0, whole, {endpoints[number]: 1})])


def update(endpoints: Sequence[str], away: float) -> Change:
    """Restart all, one after the other, each off the list meanwhile and back under its name."""
    whole = Ring(endpoints)
    periods = [
        Period(number * away, _without(endpoints, number), dict.fromkeys(endpoints[: number + 1], 1))
        for number in range(len(endpoints))
    ]
    last = Period(len(endpoints) * away, whole, periods[-1].lives)
    return Change(last.begin, [Period(-inf, whole, {}), *periods, last])


def update_listed(endpoints: Sequence[str], away: float) -> Change:
    """Restart all, one after the other, with the list as it is."""
    whole = Ring(endpoints)
    periods = [
        Period(number * away, whole, dict.fromkeys(endpoints[: number + 1], 1)) for number in range(len(endpoints))
    ]
    return Change(len(endpoints) * away, [Period(-inf, whole, {}), *periods])


def update_readdressed(old: Sequence[str], new: Sequence[str], away: float) -> Change:
    """Restart all, one after the other, each back under another address."""
    periods = [Period(number * away, Ring([*new[:number], *old[number + 1 :]]), {}) for number in range(len(old))]
    last = Period(len(old) * away, Ring(new), {})
    return Change(last.begin, [Period(-inf, Ring(old), {}), *periods, last])


def _without(endpoints: Sequence[str], number: int) -> Ring:
    return Ring([*endpoints[:number], *endpoints[number + 1 :]])
