"""The page about a simulation, in Markdown. Pure."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from harness.pages import table

from . import _balance, _population, _resharding
from ._torn import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ._found import Found

_PAGE = """\
# Fleet, simulated

Every figure here is **simulated**, none is measured on a running fleet. What is real is the ring: it is that of the
`load_balancing` exporter v0.161.0 (200 points of each gateway on 131,071 positions), and `tests/collector/test_ring.py` finds
session for session the gateway that the binary sends it to.

Assumed: the length of a session is log-normal, half are under {median:.0f} min and 99 % under {p99:.0f} h, so that of the sessions *active at
a moment* half are over {active:.0f} min: long ones are met more often. A turn begins every {turn:.0f} s on average, takes {shortest:.0f} to {longest:.0f} s, and its spans
come in {batches} batches. Session ids are random UUIDs; ids that count up spread as well. {sessions:,} active sessions ({updated:,} for updates of all
gateways), each change with {draws} sets of names of the gateways ({updated_draws} for updates); a figure is their mean, in brackets the lowest and the highest.
Seed {seed}. Written by `python -m trials.fleet.simulation`.

## Who is torn when the list of gateways changes

![Share of the active sessions torn, by number of gateways]({pictures}/fleet-resharding.svg)

Torn: spans of the session are at one gateway, and later ones at another. The share is of the sessions that are active when the
change begins. A gateway that restarts is away for {away:.0f} s.

{changes}

A long update tears fewer of the sessions that were active at its beginning, for many have ended before it comes to them: it takes
{away:.0f} s for each gateway, so {whole_update:.0f} min for {most}.

Off the list: the resolver sees that the gateway isn't ready, and sends its sessions elsewhere until it is back. On the list (the
`static` resolver, or a service that publishes its pods before they are ready): the spans wait in the queues of the agents.

### Cut within the window of a tail sampler

A tail sampler decides by what comes within its window. A session is cut if spans of one window are at two gateways, or if their gateway
restarts within it: it decides at once, and knows nothing of that later. Share of the active sessions, for {at} gateways:

{windows}

### How long a gateway is away

Share of the active sessions, for {at} gateways, one of which restarts:

{restarts}

## Agents that do not agree

A gateway joins {at}; the spans of each turn come through both agents. Share of the active sessions:

{agents}

As long as an agent does not learn of it, the same share of all later sessions is torn too, at each turn.

## How even the load is

Load of the busiest gateway, in times the mean one of the whole fleet: what each gateway must be able to bear.

{balances}

Pareto: the spans per session have a Pareto distribution of shape 1.5. Zipf: the second largest of {weighed:,} sessions has half the
spans of the largest, the third a third. Hot: one session has {hot:.0%} of all spans. Spans without `session.id` have one key, so all of them
together are such a session.

How often all gateways fall, if what bears too much falls too, after one is lost:

{falls}

### One session has {hot:.0%} of all spans, {remedies_at} gateways

{remedies}

## Cells

A cell is a fleet of its own for a part of the sessions, chosen by SHA-256 of the session id. Share of {ids:,} sessions that change
their cell when there are more of them:

{moves}

Two halves of a cell have half the load of the others each, until all are halved.

A sampler that keeps 10 % of the sessions, in 10 cells: what is kept of the sessions of a cell, where it is lowest and where it is highest,
by what the cell is chosen from. `rv`, the first 14 digits, is what sampling decides by:

{sampled}

The verdict on a session is the same in whatever cell it is asked, for it is read off the id alone.

100 gateways as one ring, and as 10 cells of 10; share of all active sessions:

{reaches}
"""


class _Spread(NamedTuple):
    mean: float
    low: float
    high: float


def text(found: Found, pictures: str) -> str:
    """Return the page; ``pictures`` is the folder of the picture, as seen from it."""
    amounts = found.amounts.changes
    return _PAGE.format(
        pictures=pictures,
        median=_population.MEDIAN_LENGTH / 60,
        p99=_population.P99_LENGTH / 3600,
        active=_population.ACTIVE_MEDIAN_LENGTH / 60,
        turn=_population.TURN_EVERY,
        shortest=_population.TURN_LENGTHS[0],
        longest=_population.TURN_LENGTHS[1],
        batches=_population.BATCHES_OF_A_TURN,
        sessions=amounts.sessions,
        updated=amounts.updated_sessions,
        draws=amounts.draws,
        updated_draws=amounts.updated_draws,
        seed=found.seed,
        away=_resharding.AWAY,
        most=amounts.fleets[-1],
        whole_update=_resharding.AWAY * amounts.fleets[-1] / 60,
        at=_resharding.AT,
        changes=_changes(found),
        windows=_windows(found),
        restarts=_restarts(found),
        agents=_agents(found),
        balances=_balances(found),
        weighed=found.amounts.sessions,
        hot=_balance.HOT,
        falls=_falls(found),
        remedies_at=_balance.REMEDIES_AT,
        remedies=_remedies(found),
        ids=found.amounts.sessions,
        moves=_moves(found),
        sampled=_sampled(found),
        reaches=_reaches(found),
    )


def _changes(found: Found) -> str:
    fleets = found.amounts.changes.fleets
    ideal = ("1/(N+1)", *(f"{1 / (gateways + 1):.1%}" for gateways in fleets))
    rows = [
        (what, *(_percent(_spread(each.at_all for each in found.changes[what, gateways])) for gateways in fleets))
        for what in dict.fromkeys(what for what, _ in found.changes)
    ]
    return table(("torn, of N gateways", *map(str, fleets)), [ideal, *rows])


def _windows(found: Found) -> str:
    rows = [
        (what, *(_percent(_spread(each.in_window[width] for each in torn)) for width in WINDOWS))
        for (what, gateways), torn in found.changes.items()
        if gateways == _resharding.AT
    ]
    return table(("cut", *_seconds(WINDOWS, "window of")), rows)


def _restarts(found: Found) -> str:
    rows = [
        (f"{what}: {title}", *(_percent(_spread(map(value, found.restarts[what, away]))) for away in _resharding.AWAYS))
        for what in dict.fromkeys(what for what, _ in found.restarts)
        for title, value in _MEASURES
    ]
    return table(("", *_seconds(_resharding.AWAYS, "away for")), rows)


def _agents(found: Found) -> str:
    rows = [
        (what, *(_percent(_spread(map(value, torn))) for _, value in _MEASURES)) for what, torn in found.agents.items()
    ]
    return table(("who learns of it when", *(title for title, _ in _MEASURES)), rows)


_MEASURES: Sequence[tuple[str, Callable]] = (
    ("torn", lambda torn: torn.at_all),
    ("cut in a window of 30 s", lambda torn: torn.in_window[30.0]),
)


def _balances(found: Found) -> str:
    columns = {
        "sessions alike": "ring",
        "alike, one gateway lost": "one_lost",
        "Pareto": "pareto",
        "Zipf": "zipf",
        "one hot session": "hot",
    }
    rows = [
        (str(gateways), *(_times(_spread(getattr(each, column) for each in balances)) for column in columns.values()))
        for gateways, balances in found.balances.items()
    ]
    return table(("gateways", *columns), rows)


def _falls(found: Found) -> str:
    bears = dict.fromkeys(bears for _, bears in found.falls)
    rows = [
        (str(gateways), *(f"{found.falls[gateways, each]:.0%}" for each in bears))
        for gateways in dict.fromkeys(gateways for gateways, _ in found.falls)
    ]
    return table(("gateways", *(f"each bears {each:.1f} times the mean" for each in bears)), rows)


def _remedies(found: Found) -> str:
    rows = [
        (
            same[0].what,
            f"{fmean(each.busiest for each in same):.2f}",
            f"{fmean(each.to_mean for each in same):.1f}",
            f"{same[0].spans:.1%}",
            same[0].session,
        )
        for same in zip(*found.remedies, strict=True)
    ]
    head = (
        "what is done",
        "busiest, in times the mean without it",
        "in times the mean with it",
        "spans left",
        "the hot session",
    )
    return table(head, rows)


def _moves(found: Found) -> str:
    growths = dict.fromkeys(growth for _, growth in found.moves)
    rows = [
        (way, *(f"{found.moves[way, growth]:.1%}" for growth in growths))
        for way in dict.fromkeys(way for way, _ in found.moves)
    ]
    return table(("a cell is chosen by", *(f"{old} → {new} cells" for old, new in growths)), rows)


def _sampled(found: Found) -> str:
    rows = [(way, f"{each.low:.1%}", f"{each.high:.1%}") for way, each in found.sampled.items()]
    return table(("the cell is chosen by", "lowest", "highest"), rows)


def _reaches(found: Found) -> str:
    rows = [
        (each.event, *(f"{share:.1%}" for share in (each.torn_in_ring, each.torn_in_cells, each.cut_off_in_cells)))
        for each in found.reaches
    ]
    return table(("", "one ring: torn", "cells: torn", "cells: without a gateway until theirs is back"), rows)


def _seconds(values: Iterable[float], what: str) -> list[str]:
    return [f"{what} {value:.0f} s" for value in values]


def _spread(values: Iterable[float]) -> _Spread:
    known = list(values)
    return _Spread(fmean(known), min(known), max(known))


def _percent(spread: _Spread) -> str:
    if spread.high == 0:
        return "0"
    around = f" ({100 * spread.low:.1f} to {100 * spread.high:.1f})" if spread.low < spread.high else ""
    return f"{spread.mean:.1%}{around}"


def _times(spread: _Spread) -> str:
    return f"{spread.mean:.2f} ({spread.low:.2f} to {spread.high:.2f})"
