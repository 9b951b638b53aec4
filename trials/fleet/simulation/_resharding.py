"""What share of the active sessions each change tears, by the number of gateways."""

from __future__ import annotations

from math import inf
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from . import _changes
from ._changes import pod_addresses, pod_names
from ._population import active
from ._torn import torn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._changes import Change
    from ._torn import Torn

JOIN = "a gateway joins"
LEAVE = "a gateway leaves"
RESTART = "a gateway restarts, off the list meanwhile"
RESTART_LISTED = "a gateway restarts and stays on the list"
UPDATE_READDRESSED = "all restart one by one, back under new addresses"
UPDATE = "all restart one by one, off the list meanwhile"
UPDATE_LISTED = "all restart one by one and stay on the list"

AWAY = 30.0
AWAYS = (10.0, 30.0, 120.0)
AT = 10  # gateways, where no other number is said


class Amounts(NamedTuple):
    """How much to simulate: sessions, and sets of names of the gateways; and the same for updates of all gateways."""

    fleets: tuple[int, ...]
    sessions: int
    draws: int
    updated_sessions: int
    updated_draws: int


def changes(amounts: Amounts, seed: int) -> Mapping[tuple[str, int], Sequence[Torn]]:
    """Simulate a change of one gateway, and an update of all, for each number of gateways."""
    dice = Random(f"{seed}, changes")  # noqa: S311  # dice
    sessions = active(amounts.sessions, dice, change=AWAY)
    found = {}
    for gateways in amounts.fleets:
        for what, change in _ONE.items():
            found[what, gateways] = [torn(sessions, change(gateways, dice)) for _ in range(amounts.draws)]
        updated = active(amounts.updated_sessions, dice, change=AWAY * gateways)
        for what, change in _ALL.items():
            found[what, gateways] = [torn(updated, change(gateways, dice)) for _ in range(amounts.updated_draws)]
    return found


def restarts(amounts: Amounts, seed: int) -> Mapping[tuple[str, float], Sequence[Torn]]:
    """Simulate a restart that takes longer or less long, for 10 gateways."""
    dice = Random(f"{seed}, restarts")  # noqa: S311  # dice
    sessions = active(amounts.sessions, dice, change=max(AWAYS))
    return {
        (what, away): [torn(sessions, _restart(make, AT, dice, away)) for _ in range(amounts.draws)]
        for what, make in ((RESTART, _changes.restart), (RESTART_LISTED, _changes.restart_listed))
        for away in AWAYS
    }


def agents(amounts: Amounts, seed: int) -> Mapping[str, Sequence[Torn]]:
    """Let a gateway join 10, of which not all agents learn at once."""
    dice = Random(f"{seed}, agents")  # noqa: S311  # dice
    sessions = active(amounts.sessions, dice, change=60.0)
    lags: dict[str, Callable[[], Sequence[float]]] = {
        "all agents at once": lambda: (0.0,),
        "two agents, each looks every 5 s": lambda: (dice.uniform(0, 5), dice.uniform(0, 5)),
        "two agents, each looks every 5 s into a DNS cache of 30 s": lambda: (dice.uniform(0, 35), dice.uniform(0, 35)),
        "two agents, and one never learns of it": lambda: (0.0, inf),
    }
    return {
        what: [torn(sessions, _ONE[JOIN](AT, dice), of_agents()) for _ in range(2 * amounts.draws)]
        for what, of_agents in lags.items()
    }


def _names(gateways: int, dice: Random) -> list[str]:
    return pod_names(gateways, f"namespace-{dice.randrange(10**6)}")


def _restart(make: Callable[..., Change], gateways: int, dice: Random, away: float = AWAY) -> Change:
    return make(_names(gateways, dice), dice.randrange(gateways), away)


def _readdressed(gateways: int, dice: Random) -> Change:
    addresses = pod_addresses(2 * gateways, dice)
    return _changes.update_readdressed(addresses[:gateways], addresses[gateways:], AWAY)


_ONE: Mapping[str, Callable[[int, Random], Change]] = {
    JOIN: lambda gateways, dice: _changes.join(_names(gateways + 1, dice)),
    LEAVE: lambda gateways, dice: _changes.leave(_names(gateways, dice)),
    RESTART: lambda gateways, dice: _restart(_changes.restart, gateways, dice),
    RESTART_LISTED: lambda gateways, dice: _restart(_changes.restart_listed, gateways, dice),
}
_ALL: Mapping[str, Callable[[int, Random], Change]] = {
    UPDATE_READDRESSED: _readdressed,
    UPDATE: lambda gateways, dice: _changes.update(_names(gateways, dice), AWAY),
    UPDATE_LISTED: lambda gateways, dice: _changes.update_listed(_names(gateways, dice), AWAY),
}
