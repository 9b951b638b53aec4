"""What is logged while a trial runs, of which some should not be."""

from __future__ import annotations

import logging
from collections import Counter

_MAX_SHOWN = 10


class Log(logging.Handler):
    """Sees every record; a trial says which of them count.

    Attributes:
        counts: How many there were of each kind.
        shown: The first of them, in words.
    """

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.counts: Counter[str] = Counter()
        self.shown: list[str] = []
        logging.getLogger().addHandler(self)

    def note(self, kind: str, what: str) -> None:
        """Count what should not be, and keep the first."""
        self.counts[kind] += 1
        if len(self.shown) < _MAX_SHOWN:
            self.shown.append(f"{kind}: {what}")


def said(record: logging.LogRecord) -> str:
    """Return who has logged what, with the exception if there is one."""
    return f"{record.name}: {record.getMessage()} {record.exc_info and record.exc_info[1]!r}"
