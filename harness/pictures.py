"""Draws with matplotlib, which is imported when there is something to draw."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

INK = "#24292f"
QUIET = "#6e7781"
BLUE = "#1f5fa8"


@contextmanager
def panels(folder: Path, name: str, title: str, **options: Any) -> Iterator[Sequence[Axes]]:
    """Give two panels beside each other to draw in; then write them as ``.svg`` and ``.png`` into ``folder``."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "otel-sessions", "font.size": 10, "text.color": INK})
    figure, axes = plt.subplots(1, 2, **options)
    yield axes
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.06)
    figure.suptitle(title, x=0.012, ha="left", weight="bold")
    for suffix in ("svg", "png"):
        metadata = {"Date": None} if suffix == "svg" else None
        figure.savefig(folder / f"{name}.{suffix}", dpi=160, metadata=metadata, facecolor="white")
    plt.close(figure)


def title_of(axis: Axes, title: str) -> None:
    """Write what a panel shows above it."""
    axis.set_title(title, loc="left", fontsize=10, color=INK)
