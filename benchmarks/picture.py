"""Draws the cost per span by tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.pictures import BLUE, INK, QUIET, panels, title_of
from harness.samples import spread

from . import spans, tools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from harness.samples import Samples, Spread

    from ._interleaved import Key

_PEERS = "#b4bcc6"
_TITLE = "Cost per span above a processor that does nothing, µs of CPU"

_PANELS = ((spans.TWO_IDS, "two ids"), (spans.FOREIGN_10, "two ids, with 10 foreign baggage entries"))


def draw(found: Mapping[Key, Samples], folder: Path) -> None:
    """Write ``span-cost.svg`` and ``span-cost.png`` into ``folder``."""
    names = _ordered(found)
    with panels(folder, "span-cost", _TITLE, sharey=True, sharex=True, figsize=(10, 3.3)) as axes:
        for axis, (situation, title) in zip(axes, _PANELS, strict=True):
            _bars(axis, names, [spread(found[situation, name]) for name in names])
            _floor(axis, spread(found[situation, tools.FLOOR]).value)
            title_of(axis, title)
        _names(axes[0], names)


def _ordered(found: Mapping[Key, Samples]) -> list[str]:
    """Return the tools to draw, the dearest first, so that the cheapest is on top.

    Langfuse's whole processor does much more than this, and would only shrink the other bars.
    """
    costs = {name: spread(samples).value for (situation, name), samples in found.items() if situation == spans.TWO_IDS}
    drawn = costs.keys() - {tools.NO_OP, tools.FLOOR, tools.LANGFUSE}
    return sorted(drawn, key=lambda name: -costs[name])


def _bars(axis: Axes, names: Sequence[str], costs: Sequence[Spread]) -> None:
    colors = [BLUE if name == tools.OURS else _PEERS for name in names]
    values = [cost.value / 1_000 for cost in costs]
    axis.barh(range(len(names)), values, color=colors, height=0.62)
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        weight = "bold" if name == tools.OURS else "normal"
        axis.text(value, row, f"  {value:.1f}", va="center", color=INK, weight=weight)
    axis.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xticks([])
    axis.margins(x=0.15)


def _floor(axis: Axes, nanoseconds: float) -> None:
    value = nanoseconds / 1_000
    axis.axvline(value, color=QUIET, linewidth=1, linestyle=(0, (3, 2)))
    axis.annotate(
        f"floor: two set_attribute calls, {value:.1f}",
        (value, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, -4),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=8.5,
        color=QUIET,
    )


def _names(axis: Axes, names: Sequence[str]) -> None:
    axis.set_yticks(range(len(names)), names)
    for label, name in zip(axis.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name == tools.OURS else "normal")
        label.set_color(INK)
