"""Draws what share of the sessions is torn, by the number of gateways."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from harness.pictures import BLUE, INK, QUIET, panels, title_of

from . import _resharding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from ._torn import Torn

_NAME = "fleet-resharding"
_TITLE = "Share of the active sessions that are torn (simulated)"
_GRID = "#e4e8ec"
_ORANGE, _GREEN = "#c2571a", "#2d7d46"

_LINES = {
    _resharding.LEAVE: _ORANGE,
    _resharding.JOIN: BLUE,
    _resharding.RESTART: _GREEN,
    _resharding.UPDATE_READDRESSED: _ORANGE,
    _resharding.UPDATE: _GREEN,
    _resharding.UPDATE_LISTED: BLUE,
}


class _Label(NamedTuple):
    """What stands beside a line: at its point for so many gateways, moved by points to the right and up."""

    text: str
    gateways: int
    offset: tuple[int, int]


_ONE = {
    _resharding.JOIN: _Label("joins", 100, (8, 7)),
    _resharding.LEAVE: _Label("leaves", 100, (8, -6)),
    _resharding.RESTART: _Label("restarts, its sessions\nelsewhere for 30 s", 3, (0, -92)),
}
_ALL = {
    _resharding.UPDATE_READDRESSED: _Label("back under new addresses", 10, (4, 12)),
    _resharding.UPDATE: _Label("back under their names,\nsessions elsewhere for 30 s", 10, (4, 20)),
    _resharding.UPDATE_LISTED: _Label("the list stays, spans wait: none", 10, (4, 10)),
}


def draw(changes: Mapping[tuple[str, int], Sequence[Torn]], folder: Path) -> None:
    """Write ``fleet-resharding.svg`` and ``.png`` into ``folder``."""
    fleets = sorted({gateways for _, gateways in changes})
    with panels(folder, _NAME, _TITLE, figsize=(10, 4.2)) as (one, all_of_them):
        _one(one, changes, fleets)
        _all(all_of_them, changes, fleets)


def _one(axis: Axes, changes: Mapping[tuple[str, int], Sequence[Torn]], fleets: Sequence[int]) -> None:
    title_of(axis, "one gateway joins, leaves or restarts")
    axis.set_yscale("log")
    ideal = [100 / (gateways + 1) for gateways in fleets]
    axis.plot(fleets, ideal, color=INK, linewidth=1.2, linestyle=(0, (3, 2)), zorder=3)
    _label(axis, _Label("dashed: 1 / (N + 1)", fleets[-2], (10, 14)), ideal[-2], QUIET)
    for what, label in _ONE.items():
        _line(axis, what, label, changes, fleets)
    axis.set_ylim(0.3, 60)
    _scales(axis, fleets, (0.5, 1, 2, 5, 10, 20, 50))


def _all(axis: Axes, changes: Mapping[tuple[str, int], Sequence[Torn]], fleets: Sequence[int]) -> None:
    title_of(axis, "all gateways restart, one by one")
    for what, label in _ALL.items():
        _line(axis, what, label, changes, fleets)
    axis.set_ylim(-3, 103)
    _scales(axis, fleets, (0, 20, 40, 60, 80, 100))


def _line(
    axis: Axes, what: str, label: _Label, changes: Mapping[tuple[str, int], Sequence[Torn]], fleets: Sequence[int]
) -> None:
    color = _LINES[what]
    shares = [[100 * each.at_all for each in changes[what, gateways]] for gateways in fleets]
    means = [fmean(each) for each in shares]
    axis.plot(fleets, means, color=color, linewidth=1.8, marker="o", markersize=4)
    axis.vlines(fleets, [min(each) for each in shares], [max(each) for each in shares], color=color, linewidth=1)
    at = label.gateways if label.gateways in fleets else fleets[-1]
    _label(axis, label._replace(gateways=at), means[fleets.index(at)], color)


def _label(axis: Axes, label: _Label, share: float, color: str) -> None:
    axis.annotate(
        label.text,
        (label.gateways, share),
        xytext=label.offset,
        textcoords="offset points",
        va="center",
        color=color,
    )


def _scales(axis: Axes, fleets: Sequence[int], shares: Sequence[float]) -> None:
    axis.set_xscale("log")
    axis.set_xlim(fleets[0] * 0.85, fleets[-1] * 1.8)
    axis.set_xticks(fleets, [f"{gateways}" for gateways in fleets])
    axis.set_yticks(shares, [f"{share:g} %" for share in shares])
    axis.minorticks_off()
    axis.set_xlabel("gateways", color=INK)
    axis.tick_params(length=0, colors=INK)
    axis.grid(axis="y", color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(QUIET)
