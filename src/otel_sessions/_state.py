"""What a context carries of a session: the session, where it comes from, and its ready-made forms. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _baggage
from ._session import EMPTY, Session, local_attributes_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True, eq=False)  # not frozen: that triples the time to make one, and one is made for each scope
class State:
    """A session as it is carried, ready to be stamped and to be sent. Nobody changes one.

    Attributes:
        session: The session; without an id where only other fields are known.
        items: Its baggage entries, the two ids first.
        attributes: Its span attributes.
        stamps: The same as pairs, the two ids last: a full span loses its oldest attributes first.
        is_whole: Nothing of it is looked for elsewhere (parent span, other tools): it has an id,
            or was cleared, or was given an id that can't be used.
        id_is_remote: The session id came with a request, and was not set in this process.
        user_is_remote: The same of the user.
    """

    session: Session
    items: Mapping[str, object]
    attributes: Mapping[str, str | tuple[str, ...]]
    stamps: tuple[tuple[str, str | tuple[str, ...]], ...]
    is_whole: bool
    id_is_remote: bool
    user_is_remote: bool


def state_of(
    session: Session, *, is_whole: bool = False, id_is_remote: bool = False, user_is_remote: bool = False
) -> State:
    """Return ``session`` with its ready-made forms; with an id it is whole."""
    items = _baggage.of_session(session)
    attributes: Mapping[str, str | tuple[str, ...]] = items
    if session.metadata or session.tags:
        attributes = {**items, **local_attributes_of(session)}
    return State(
        session,
        items,
        attributes,
        tuple(attributes.items())[::-1],
        is_whole or session.id is not None,
        id_is_remote,
        user_is_remote,
    )


CLEARED = state_of(EMPTY, is_whole=True)
