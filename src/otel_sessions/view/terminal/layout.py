"""Where things stand on the lines of one console; each line has its length, whatever stands on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

# Below this, lines wrap at the edge of the window; there is nothing left to shorten.
_MIN_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Signs:
    """What trees and sentences are drawn with."""

    branch: str
    last: str
    bar: str
    answer: str
    dot: str
    rule: str
    cut: str


_UNICODE = Signs(branch="├─ ", last="└─ ", bar="│  ", answer="→ ", dot=" · ", rule="─", cut="…")
_ASCII = Signs(branch="|- ", last="`- ", bar="|  ", answer="> ", dot=" - ", rule="-", cut="~")


class Layout:
    """The lines of one console: what is to be read at the left, columns at the right."""

    def __init__(self, console: Console) -> None:
        """Measure ``console``."""
        self._console = console
        self.width = max(console.width, _MIN_WIDTH)
        self.signs = _ASCII if console.options.ascii_only else _UNICODE

    def joined(self, parts: Iterable[Text]) -> Text:
        """Return ``parts`` on one line, with dots between."""
        return Text(self.signs.dot, "dim").join(parts)

    def print(self, left: Text | str = "", right: Text | str = "") -> None:
        """Print ``left``, cut and padded to what ``right`` leaves."""
        line, columns = (part if isinstance(part, Text) else Text(part) for part in (left, right))
        room = self.width - columns.cell_len
        if line.cell_len > room:
            line.truncate(room - 1)
            line.append(self.signs.cut)
        line.pad_right(room - line.cell_len)
        line.append_text(columns)
        line.rstrip()
        self._console.print(line, soft_wrap=True)  # the line has its length: rich must not break or pad it

    def print_rule(self) -> None:
        """Print a line over the whole width."""
        self.print(Text(self.signs.rule * self.width, "dim"))
