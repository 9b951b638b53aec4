"""The ids of sessions and users that were seen in a process, so that no text that is written has one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 100_000
_LONGEST = 200
"""The longest id that is looked for, in characters."""
_SHORT = 4
"""An id that is shorter is one where it is a whole word: `1` is no id in `v12`."""
_IN_PLACE = "..."


class KnownIds:
    """Those of this process, in memory alone."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget all of them, as in a new process."""
        self._by_length: dict[int, set[str]] = {}
        self._known: set[str] = set()

    def add(self, *ids: object) -> None:
        """Note ``ids``, each as it stands and as it stands in a URL; what is no text is none."""
        for each in ids:
            if isinstance(each, str) and each not in self._known:
                self._add(each)

    def _add(self, new: str) -> None:
        if 0 < len(new) <= _LONGEST and len(self._known) < _MOST:
            self._known.add(new)
            for form in (new, quote(new, safe="", errors="replace")):
                self._by_length.setdefault(len(form), set()).add(form)

    def left_out_of(self, text: str) -> str:
        """Return ``text`` with dots in place of each id that is known."""
        for length in sorted(self._by_length, reverse=True):
            text = "".join(_without(text, length, self._by_length[length]))
        return text


def _without(text: str, length: int, ids: set[str]) -> Iterator[str]:
    at = 0
    while at < len(text):
        is_id = text[at : at + length] in ids and _is_apart(text, at, length)
        yield _IN_PLACE if is_id else text[at]
        at += length if is_id else 1


def _is_apart(text: str, at: int, length: int) -> bool:
    around = text[max(0, at - 1) : at] + text[at + length : at + length + 1]
    return length >= _SHORT or not any(each.isalnum() for each in around)
