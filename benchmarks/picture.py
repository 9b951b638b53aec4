"""Draws what a chat turn and a span cost, by tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.pictures import BLUE, INK, QUIET, panels, title_of

from . import spans, tools, turns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes


_PEERS = "#b4bcc6"
_TITLE = "Cost above a processor that does nothing, µs of CPU, {python}"

_PANELS = (
    ("turns", turns.NEW_IDS, "a chat turn, each with an id not seen before"),
    ("spans", spans.TWO_IDS, "a span with two ids"),
)


def draw(figures: Mapping[str, Any], folder: Path) -> None:
    """Write ``cost.svg`` and ``cost.png`` into ``folder``."""
    title = _TITLE.format(python=figures["environment"]["python"])
    with panels(folder, "cost", title, sharey=True, figsize=(10, 3.3)) as axes:
        names: list[str] = []
        for axis, (area, case, panel) in zip(axes, _PANELS, strict=True):
            costs = {
                name: figure["value"] / 1_000
                for key, figure in figures["ns"][area].items()
                for where, _, name in [key.partition(" / ")]
                if where == case
            }
            names = names or _ordered(costs)
            _bars(axis, names, costs)
            _floor(axis, costs[tools.FLOOR])
            title_of(axis, panel)
        _names(axes[0], names)


def _ordered(costs: Mapping[str, float]) -> list[str]:
    """Return the tools to draw, the dearest first, so that the cheapest is on top.

    Langfuse's whole processor does much more than this, and would only shrink the other bars.
    """
    drawn = costs.keys() - {tools.NO_OP, tools.FLOOR, tools.LANGFUSE}
    return sorted(drawn, key=lambda name: -costs[name])


def _bars(axis: Axes, names: Sequence[str], costs: Mapping[str, float]) -> None:
    colors = [BLUE if name == tools.OURS else _PEERS for name in names]
    axis.barh(range(len(names)), [costs[name] for name in names], color=colors, height=0.62)
    for row, name in enumerate(names):
        weight = "bold" if name == tools.OURS else "normal"
        told = axis.annotate(
            f"{costs[name]:.1f}",
            (costs[name], row),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            weight=weight,
        )
        told.set_bbox({"facecolor": axis.get_facecolor(), "edgecolor": "none", "pad": 1})  # above the line of the floor
    axis.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xticks([])
    axis.margins(x=0.15)


def _floor(axis: Axes, value: float) -> None:
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
