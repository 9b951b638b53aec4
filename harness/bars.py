"""A ratio that was promised, next to what was measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .samples import Spread

COLUMNS = ("quartiles", "bar", "verdict")
"""What a row tells beside the ratio."""

VERDICTS = {True: "met", False: "**not met**", None: "not measured"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise.

    Attributes:
        what: What is compared.
        measured: The ratio; ``None`` where it was not measured.
        limit: The least or the most that it may be.
        is_floor: The limit is the least.
    """

    what: str
    measured: Spread | None
    limit: float
    is_floor: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the measured ratio keeps the promise; ``None`` where it was not measured."""
        if self.measured is None:
            return None
        value = self.measured.value
        return value >= self.limit if self.is_floor else value <= self.limit

    def row(self) -> tuple[str, ...]:
        """Return its row in a table: what is compared, the ratio, and the `COLUMNS`."""
        limit = f"{'≥' if self.is_floor else '≤'} {self.limit:.2f}"
        found = self.measured
        figures = ("", "") if found is None else (f"{found.value:.2f}", found.quartiles(".2f"))
        return self.what, *figures, limit, VERDICTS[self.is_met]
