"""How much more the busiest gateway has to do than the mean one, and what helps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from ._population import session_id
from .ring import Ring, session_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

HOT = 0.05  # the share of all spans that one session has
CAP = 0.005
SAMPLED = 0.1
REMEDIES_AT = 30  # gateways
_LOST = 3


class Balance(NamedTuple):
    """The load of the busiest gateway, in times the mean one of the whole fleet.

    Attributes:
        ring: All sessions are alike and many.
        one_lost: So too, with one gateway lost: the worst of some.
        pareto: The spans per session have a Pareto distribution, of shape 1.5.
        zipf: The second largest session has half as many spans as the largest, and so on.
        hot: One session has `HOT` of all spans, and the others are alike.
    """

    ring: float
    one_lost: float
    pareto: float
    zipf: float
    hot: float


class Remedy(NamedTuple):
    """What becomes of the busiest gateway when one session is hot.

    Attributes:
        what: Is done.
        busiest: In times the mean gateway of today, with all spans.
        to_mean: In times the mean gateway as it is then.
        spans: The share of all spans that are left.
        session: What becomes of the hot session.
    """

    what: str
    busiest: float
    to_mean: float
    spans: float
    session: str


def balance(endpoints: Sequence[str], positions: Sequence[int], dice: Random) -> Balance:
    """Return how the spans of sessions at these positions are spread over gateways."""
    ring, count = Ring(endpoints), len(endpoints)
    owners = [ring.endpoint_at(position) for position in positions]
    shares = ring.shares()
    return Balance(
        ring=max(shares.values()) * count,
        one_lost=max(_without(endpoints, lost) for lost in dice.sample(range(count), min(count, _LOST))) * count,
        pareto=_busiest(owners, [dice.paretovariate(1.5) for _ in owners]) * count,
        zipf=_busiest(owners, [1 / rank for rank in range(1, len(owners) + 1)]) * count,
        hot=max(_with_hot(shares, owners[0]).values()) * count,
    )


def remedies(endpoints: Sequence[str], dice: Random) -> list[Remedy]:
    """Return what the remedies against one hot session do."""
    ring, count = Ring(endpoints), len(endpoints)
    shares, owner = ring.shares(), ring.endpoint_of(session_key(session_id(dice)))
    others = 1 - HOT

    def told(what: str, rest: float, hot: float, session: str, *, spread: bool = False) -> Remedy:
        loads = {each: share * (rest + hot * spread) for each, share in shares.items()}
        loads[owner] += 0 if spread else hot
        busiest, total = max(loads.values()) * count, rest + hot
        return Remedy(what, busiest, busiest / total, total, session)

    return [
        told("nothing", others, HOT, "whole"),
        told(f"a cap of {CAP:.1%} of all spans for a session", others, CAP, "cut off at the cap"),
        told("route the hot one by trace id", others, HOT, "split over all gateways, each trace whole", spread=True),
        told(f"keep {SAMPLED:.0%} of the traces of the hot one", others, HOT * SAMPLED, "some turns"),
        told(f"keep {SAMPLED:.0%} of the sessions, the hot one among them", others * SAMPLED, HOT, "whole"),
        told(f"keep {SAMPLED:.0%} of the sessions, the hot one not", others * SAMPLED, 0, "gone"),
    ]


def _without(endpoints: Sequence[str], lost: int) -> float:
    return max(Ring([*endpoints[:lost], *endpoints[lost + 1 :]]).shares().values())


def _busiest(owners: Sequence[str], weights: Sequence[float]) -> float:
    loads: Counter[str] = Counter()
    for owner, weight in zip(owners, weights, strict=True):
        loads[owner] += weight  # type: ignore[assignment]  # a Counter of floats
    return max(loads.values()) / sum(weights)


def _with_hot(shares: Mapping[str, float], owner: str) -> dict[str, float]:
    return {each: share * (1 - HOT) + HOT * (each == owner) for each, share in shares.items()}
