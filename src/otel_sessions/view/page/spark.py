"""The last turns of a session as a small picture: a bar for each, as high as it took long. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from .formats import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STEP, _HEIGHT, _LEAST = 4, 18, 2


def spark(recent: Sequence[Mapping[str, Any]]) -> str:
    """Return the picture, of ``recent`` of a session in the list of the API; nothing of fewer than two turns.

    What stands on one line are those in which nothing has failed, on another one the rest, so that it stays short.
    """
    if len(recent) < 2:  # noqa: PLR2004  # one bar says nothing
        return ""
    longest = max(each["duration"] for each in recent)
    said = f"The last {len(recent)} turns, the longest of {duration(longest)}"
    width = len(recent) * _STEP
    return Markup(  # noqa: S704  # of numbers
        f'<svg class="spark" width="{width}" height="{_HEIGHT}" viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="{said}">'
        f'<path d="{_bars(recent, longest, failed=False)}"/>'
        f'<path class="failed" d="{_bars(recent, longest, failed=True)}"/></svg>'
    )


def _bars(recent: Sequence[Mapping[str, Any]], longest: float, *, failed: bool) -> str:
    return "".join(
        f"M{place * _STEP + _STEP // 2} {_HEIGHT}v-{_height(each['duration'], longest)}"
        for place, each in enumerate(recent)
        if each["failed"] is failed
    )


def _height(took: float, longest: float) -> int:
    return max(round(_HEIGHT * took / longest), _LEAST) if longest else _LEAST
