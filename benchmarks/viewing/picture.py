"""Draws how many spans each server takes, and how long a full store of ours needs for an answer."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from harness.pictures import BLUE, INK, QUIET, panels, title_of

from .queries import QUESTIONS
from .servers import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

_TITLE = "otel-sessions view: spans per second of CPU, and answers of {spans:,} spans"


def draw(figures: Mapping[str, Any], folder: Path) -> None:
    """Write ``view.svg`` and ``view.png`` into ``folder``."""
    title = _TITLE.format(spans=figures["filled"]["spans"])
    with panels(folder, "view", title, figsize=(10, 2.8)) as (left, right):
        case, by_server = next(iter(figures["ingest"].items()))
        taken = sorted((median(figure[0] for figure in all_), server) for server, all_ in by_server.items())
        _bars(left, [server for _, server in taken], [spans for spans, _ in taken], "{:,.0f}")
        left.set_xscale("log")
        title_of(left, f"{case}, logarithmic")
        asked = [(each.name, figures["filled"]["milliseconds"][each.name]) for each in reversed(QUESTIONS)]
        _bars(right, [name for name, _ in asked], [value for _, value in asked], "{:.1f} ms")
        title_of(right, "95th percentile of an answer")


def _bars(axis: Axes, names: Sequence[str], values: Sequence[float], form: str) -> None:
    colors = [BLUE if name == OURS or OURS not in names else QUIET for name in names]
    bars = axis.barh(names, values, color=colors, height=0.6)
    axis.bar_label(bars, [form.format(value) for value in values], padding=4, color=INK, fontsize=9)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.set_xticks([])
    axis.margins(x=0.25)
