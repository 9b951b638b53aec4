"""What a context carries of a session: the session, where it comes from, and its ready-made forms, as they may be shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.context import create_key

from otel_sessions._session import user_ids
from otel_sessions._session.session import (
    EMPTY,
    NO_METADATA,
    SESSION_ID,
    USER_ID,
    Draft,
    Session,
    local_attributes_of,
    session_with,
    wire_items_of,
)
from otel_sessions._settings.settings import PROCESS, in_process

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from otel_sessions._settings.settings import Settings


ENTRY_KEY = create_key("otel-sessions")
"""The Context key of the entry that carries one; see `entry`."""

# Plain context keys, set by `openinference.instrumentation.using_session` and `using_user`.
# Its tracers set them on their spans after the start, so a scope has to agree with them inside.
OPENINFERENCE_SESSION = "session.id"
OPENINFERENCE_USER = "user.id"


class State:
    """A session as it is carried, ready to be stamped and to be sent. Nobody changes one.

    Made by `state_of`, `plain_state` and `changed`, without an ``__init__``: that doubles the time to make one, and one is made
    for each scope. And no dataclass: that would be a hundredth of what each program waits for as it imports this package.

    Attributes:
        session: The session; without an id where only other fields are known.
        items: Its baggage entries, the two ids first.
        carried: Those of them that stand in the baggage of its Context: all, or none.
        attributes: Its span attributes, the two ids last: a full span loses its oldest first.
        stamps: The same as pairs.
        is_whole: Nothing of it is looked for elsewhere (parent span, other tools): it has an id,
            or was cleared, or was given an id that can't be used.
        id_is_remote: The session id came with a request, and was not set in this process.
        user_is_remote: The same of the user.
        is_new: The session begins with it: its id was made for it.
        user_is_of_process: The user is that of the process, which stands behind whatever a session has itself.
        header: What propagators keep: its baggage entries as members of a header.
        settings: By which it was made; ``None`` for one that shows nothing.
        spoken: What span processors keep: the same with its names in dialects.
    """

    __slots__ = (
        "attributes",
        "carried",
        "header",
        "id_is_remote",
        "is_new",
        "is_whole",
        "items",
        "session",
        "settings",
        "spoken",
        "stamps",
        "user_is_of_process",
        "user_is_remote",
    )

    session: Session
    items: Mapping[str, object]
    carried: Mapping[str, object]
    attributes: Mapping[str, str | tuple[str, ...]]
    stamps: Collection[tuple[str, str | tuple[str, ...]]]
    is_whole: bool
    id_is_remote: bool
    user_is_remote: bool
    spoken: dict[object, State] | None
    header: str | None
    is_new: bool
    settings: Settings | None
    user_is_of_process: bool


def state_of(  # noqa: PLR0913  # what is known of a session
    session: Session,
    *,
    is_whole: bool = False,
    id_is_remote: bool = False,
    user_is_remote: bool = False,
    is_new: bool = False,
    user_is_of_process: bool = False,
) -> State:
    """Return ``session`` with its ready-made forms; with an id it is whole.

    What leaves this process is made here and nowhere else, so it is here that the settings say how much.
    """
    settings = in_process()
    shown = session if settings.is_plain else _shown(session, settings)
    items = wire_items_of(shown)
    attributes: dict[str, str | tuple[str, ...]] = {**items}
    if shown.metadata or shown.tags:
        attributes = {**items, **local_attributes_of(shown)}
        if settings.metadata_on_wire:
            from otel_sessions._session.wire_room import with_extras  # noqa: PLC0415  # for who lists any

            items = with_extras(items, shown, settings.metadata_on_wire)
    state = State()
    state.session = session
    state.items = items
    state.carried = {} if PROCESS.keeps_baggage else items
    state.attributes = attributes = dict(reversed(attributes.items()))
    state.stamps = attributes.items()
    state.is_whole = is_whole or session.id is not None
    state.id_is_remote = id_is_remote
    state.user_is_remote = user_is_remote
    state.is_new = is_new
    state.user_is_of_process = user_is_of_process
    state.spoken = state.header = None
    state.settings = settings
    return state


def plain_state(session_id: str, user_id: str | None) -> State:
    """Return the state of a session of these ids and nothing else, as `state_of` does.

    Every request has one of an id that was not seen before. So it is filled in here field by field, as it needs no more:
    that takes a quarter of the time.
    """
    settings = PROCESS.settings
    if settings is None or not settings.is_plain or PROCESS.keeps_baggage:
        return state_of(session_with(session_id, user_id))
    draft = Draft()  # as `session_with`
    draft.id = session_id
    draft.user_id = user_id
    draft.name = draft.path = draft.previous_id = None
    draft.metadata = NO_METADATA
    draft.tags = ()
    draft.__class__ = Session  # type: ignore[assignment]
    state = State()
    state.session = draft  # type: ignore[assignment]
    if user_id is None:
        state.items = state.carried = state.attributes = attributes = {SESSION_ID: session_id}
    else:
        state.items = state.carried = {SESSION_ID: session_id, USER_ID: user_id}
        state.attributes = attributes = {USER_ID: user_id, SESSION_ID: session_id}
    state.stamps = attributes.items()
    state.is_whole = True
    state.id_is_remote = False
    state.user_is_remote = False
    state.is_new = False
    state.user_is_of_process = False
    state.spoken = state.header = None
    state.settings = settings
    return state


def as_of_now(state: State) -> State:
    """Return ``state`` as the settings that hold now show it: one that was kept may be of before they changed."""
    if state.settings is None or state.settings is in_process():
        return state
    return state_of(
        state.session,
        is_whole=state.is_whole,
        id_is_remote=state.id_is_remote,
        user_is_remote=state.user_is_remote,
        is_new=state.is_new,
        user_is_of_process=state.user_is_of_process,
    )


def as_whole(state: State) -> State:
    """Return ``state`` as one of which nothing is looked for elsewhere."""
    return state if state.is_whole else changed(state, is_whole=True)


def changed(state: State, **values: Any) -> State:  # noqa: ANN401  # of each field its own
    """Return the same as ``state`` with other ``values``."""
    other = State()
    for name in State.__slots__:
        setattr(other, name, values[name] if name in values else getattr(state, name))
    return other


def _shown(session: Session, settings: Settings) -> Session:
    if settings.disabled:
        return EMPTY
    if session.user_id is None:
        return session
    return replace(session, user_id=user_ids.shown(session.user_id, settings.user_privacy, settings.user_hash_key))


def _nothing(*, is_whole: bool) -> State:
    """Return the state of no session; not by `state_of`, which reads the settings: not at import."""
    state = State()
    state.session, state.stamps, state.is_whole = EMPTY, (), is_whole
    state.items, state.carried, state.attributes = {}, {}, {}
    state.id_is_remote = state.user_is_remote = state.is_new = state.user_is_of_process = False
    state.spoken = state.header = state.settings = None
    return state


CLEARED = _nothing(is_whole=True)
NOTHING = _nothing(is_whole=True)
"""No session, and none of a parent span; a bind inside counts, which `CLEARED` would not allow."""
UNKNOWN = _nothing(is_whole=False)
"""Nothing set, and nothing cleared: it is looked for elsewhere."""
UNTOUCHED = _nothing(is_whole=False)
"""The same, and the baggage stays as it is: no span tells what it was."""
