"""Whether an id of a session stands in a text, under whatever name that goes. Pure, and never raises.

An id of fewer than `SHORTEST` characters is no evidence: ``ada`` or ``1`` stand in many texts that mean something else.
A longer one counts as a whole word: in a JSON text, a URL or a list as well, percent-encoded, and in other letters.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from otel_sessions._session import ids
from otel_sessions._session.session import PREVIOUS_ID, SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_sessions._context.state import State

SHORTEST = 8
"""Fewest characters of an id that is looked for."""

_MOST_READINGS = 3
"""How often a text is decoded: a header of a header of a header."""


class Occurrences:
    """Finds the ids of a session: as the application gave them, and as they are shown.

    Args:
        found: The ids, ``None`` among them where there is none.
    """

    __slots__ = ("_ids", "_words")

    def __init__(self, found: Iterable[object]) -> None:
        self._ids = frozenset(each for each in found if isinstance(each, str))
        self._words = tuple(each.lower() for each in self._ids if len(each) >= SHORTEST)

    def __bool__(self) -> bool:
        """Tell whether there is anything to find."""
        return bool(self._words)

    def stand_in(self, value: object, *, apart_from: str = "") -> bool:
        """Tell whether one of the ids is, or stands as a whole word in, the text of ``value``.

        Args:
            value: Anything; what has no text has none of them.
            apart_from: What an id does not count as, in lower case and without hyphens.
        """
        if not self._words:
            return False
        try:
            return any(self._stand_in_plain(text, apart_from) for text in _readings(str(value)))
        except Exception:  # noqa: BLE001  # the value's own code may raise anything
            return False

    def _stand_in_plain(self, text: str, apart_from: str) -> bool:
        lowered = text.lower()
        for word in self._words:
            if word in lowered and word.replace("-", "") != apart_from and _has_word(lowered, word):
                return True
        # What does not fit as an id is carried as its digest, and may stand here as it was.
        return (len(text) > ids.MAX_LENGTH or not text.isascii()) and ids.grouping_id(text) in self._ids


_NOTHING = Occurrences(())


def occurrences_of(state: State | None) -> Occurrences:
    """Return what finds the ids of the session of ``state``, ``None`` for none."""
    if state is None:
        return _NOTHING
    session, shown = state.session, state.items.get
    return _made(
        session.id, session.user_id, session.previous_id, shown(SESSION_ID), shown(USER_ID), shown(PREVIOUS_ID)
    )


@lru_cache(maxsize=256)  # by the ids of a session, at most six texts of 200 characters
def _made(*found: object) -> Occurrences:
    return Occurrences(found)


def _readings(text: str) -> Iterable[str]:
    """Return ``text`` as it is, and as whoever decodes it reads it."""
    if "%" not in text and "+" not in text:
        return (text,)
    found = [text]
    for _ in range(_MOST_READINGS):
        text = unquote_plus(text)
        if text == found[-1]:
            break
        found.append(text)
    return found


def _has_word(text: str, word: str) -> bool:
    """Tell whether ``word`` stands in ``text`` with no letter or digit beside it."""
    start = text.find(word)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(word) :][:1]
        if not before.isalnum() and not after.isalnum():
            return True
        start = text.find(word, start + 1)
    return False
