"""Which texts were seen of late, without keeping them: they hold ids."""

from __future__ import annotations

_MOST = 2048
"""Most texts of a generation; there are two."""


class Recent:
    """Knows the last two thousand texts at least, and twice that at most, by their hashes."""

    __slots__ = ("_before", "_now")

    def __init__(self) -> None:
        self._now: set[int] = set()
        self._before: set[int] = set()

    def add(self, text: str) -> None:
        """Take note of ``text``. Without a lock: what two threads do at once may cost a text."""
        if len(self._now) >= _MOST:
            self._before, self._now = self._now, set()
        self._now.add(hash(text))

    def __contains__(self, text: str) -> bool:
        """Tell whether ``text`` was seen."""
        seen = hash(text)
        return seen in self._now or seen in self._before
