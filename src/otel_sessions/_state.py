"""What a context carries of a session: the session, where it comes from, and its two ready-made forms. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _baggage
from ._session import EMPTY, Session, attributes_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A session as it is carried, ready to be stamped and to be sent.

    Attributes:
        session: The session; without an id where only other fields are known.
        attributes: Its span attributes, the two ids first.
        keys: The names of these attributes.
        items: Its baggage entries, the two ids first.
        is_whole: Nothing of it is looked for elsewhere (parent span, other tools): it has an id,
            or was cleared, or was given an id that can't be used.
        id_is_remote: The session id came with a request, and was not set in this process.
        user_is_remote: The same of the user.
    """

    session: Session
    attributes: tuple[tuple[str, str | tuple[str, ...]], ...]
    keys: frozenset[str]
    items: Mapping[str, object]
    is_whole: bool
    id_is_remote: bool
    user_is_remote: bool


def state_of(
    session: Session, *, is_whole: bool = False, id_is_remote: bool = False, user_is_remote: bool = False
) -> State:
    """Return ``session`` with its ready-made forms; with an id it is whole."""
    attributes = tuple(attributes_of(session))
    return State(
        session,
        attributes,
        frozenset(key for key, _ in attributes),
        _baggage.of_session(session),
        is_whole or session.id is not None,
        id_is_remote,
        user_is_remote,
    )


CLEARED = state_of(EMPTY, is_whole=True)
