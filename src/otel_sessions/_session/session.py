"""The session as a value, its names on the wire, and the rules of inheritance. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://opentelemetry.io/docs/specs/semconv/registry/attributes/session/ (Development)
SESSION_ID = "session.id"
PREVIOUS_ID = "session.previous_id"
# https://opentelemetry.io/docs/specs/semconv/registry/attributes/user/ (Development)
USER_ID = "user.id"
# Ours, in OpenTelemetry's namespace because that is where people look: should the conventions
# give these another name one day, this is the one place to follow.
NAME = "session.name"
PATH = "session.path"
TAGS = "session.tags"
METADATA_PREFIX = "session.metadata."
DISPLACED_ID = "session.displaced_id"
DISPLACED_CONVERSATION_ID = "session.displaced_conversation_id"

WIRE_KEYS = (SESSION_ID, USER_ID, NAME, PATH, PREVIOUS_ID)
"""Baggage keys, the two ids first: where the header is full, what stands last is lost."""

MAX_ITEMS = 64
"""Most metadata keys, and most tags, of one session. Half of the SDK's default attribute limit."""

DISPLACED = frozenset({DISPLACED_ID, DISPLACED_CONVERSATION_ID})
"""Keys of what had to give way; no other name stands for one of them, and none of them for another."""

ID_KEYS = frozenset({SESSION_ID, USER_ID, PREVIOUS_ID, *DISPLACED})
"""Keys whose value groups spans: it may be replaced by a digest, and is never cut."""


class Metadata(dict[str, str]):
    """A dict of strings that can't be changed; it can be copied, compared and pickled as any other."""

    __slots__ = ()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        message = "the metadata of a session can't be changed; use update_session(metadata=...)"
        raise TypeError(message)

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType]

    def __reduce__(self) -> tuple[type[Metadata], tuple[dict[str, str]]]:
        """Pickle and copy by value."""
        return Metadata, (dict(self),)


NO_METADATA = Metadata()

_set = object.__setattr__  # as nobody else can


def _no_metadata() -> Mapping[str, str]:
    return NO_METADATA


# What is written out below is what `dataclass` would write and compile: in each program that takes as long as a fiftieth of
# OpenTelemetry's API.
@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Session:
    """What is known of one conversation or task of one user.

    Attributes:
        id: 1 to 200 characters of printable ASCII; ``None`` where only other fields are known.
        user_id: Whose session it is, in the same form.
        name: The kind of workflow, for people ("Trip planning").
        path: Where in the workflow, absolute and slash-separated ("/outline/lesson-1").
        previous_id: The session that this one continues after a rotation.
        metadata: A small map of strings (read-only).
        tags: Short strings.
    """

    id: str | None = None
    user_id: str | None = None
    name: str | None = None
    path: str | None = None
    previous_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=_no_metadata, hash=False)
    tags: tuple[str, ...] = ()

    def __init__(  # noqa: PLR0913, PLR0917  # what a session holds
        self,
        id: str | None = None,  # noqa: A002  # the field's word
        user_id: str | None = None,
        name: str | None = None,
        path: str | None = None,
        previous_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: tuple[str, ...] = (),
    ) -> None:
        """Hold these, the metadata read-only, as everything else is."""
        if type(metadata) is not Metadata:
            metadata = Metadata(metadata) if metadata else NO_METADATA
        _set(self, "id", id)
        _set(self, "user_id", user_id)
        _set(self, "name", name)
        _set(self, "path", path)
        _set(self, "previous_id", previous_id)
        _set(self, "metadata", metadata)
        _set(self, "tags", tags)

    def __eq__(self, other: object) -> bool:
        """Tell whether it is the same in every field."""
        if type(other) is not type(self) or not isinstance(other, Session):
            return NotImplemented
        return wire_values(self) == wire_values(other) and self.metadata == other.metadata and self.tags == other.tags

    def __hash__(self) -> int:
        """Go with `__eq__`; what is in the metadata tells no two apart."""
        return hash((wire_values(self), self.tags))

    def __repr__(self) -> str:
        """Show every field."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({', '.join(shown)})"


EMPTY = Session()


class Draft:
    """A session that is being made: the same fields, which can be set."""

    __slots__ = Session.__slots__  # pyright: ignore[reportAttributeAccessIssue]  # mypy finds them, too

    id: str | None
    user_id: str | None
    name: str | None
    path: str | None
    previous_id: str | None
    metadata: Mapping[str, str]
    tags: tuple[str, ...]


def session_with(  # noqa: PLR0913, PLR0917  # what a session holds, in its order
    session_id: str | None = None,
    user_id: str | None = None,
    name: str | None = None,
    path: str | None = None,
    previous_id: str | None = None,
    metadata: Mapping[str, str] = NO_METADATA,
    tags: tuple[str, ...] = (),
) -> Session:
    """Return a `Session` of these, in a fifth of the time that it takes itself: what is frozen is filled in by a call for each field."""
    draft = Draft()
    draft.id = session_id
    draft.user_id = user_id
    draft.name = name
    draft.path = path
    draft.previous_id = previous_id
    draft.metadata = metadata if type(metadata) is Metadata else Metadata(metadata)
    draft.tags = tags
    draft.__class__ = Session  # type: ignore[assignment]  # of the same layout
    return draft  # type: ignore[return-value]


def wire_values(session: Session) -> tuple[str | None, ...]:
    """Return the values of ``session`` in the order of `WIRE_KEYS`, which is that of its fields."""
    return (session.id, session.user_id, session.name, session.path, session.previous_id)


def wire_items_of(session: Session) -> dict[str, str]:
    """Return what of ``session`` travels: ids, name and path, by key. Metadata and tags stay in the process."""
    items: dict[str, str] = {}
    if session.id is not None:
        items[SESSION_ID] = session.id
    if session.user_id is not None:
        items[USER_ID] = session.user_id
    if session.name is not None:
        items[NAME] = session.name
    if session.path is not None:
        items[PATH] = session.path
    if session.previous_id is not None:
        items[PREVIOUS_ID] = session.previous_id
    return items


def local_attributes_of(session: Session) -> dict[str, str | tuple[str, ...]]:
    """Return the span attributes of ``session`` that do not travel: metadata and tags."""
    attributes: dict[str, str | tuple[str, ...]] = {
        METADATA_PREFIX + name: value for name, value in session.metadata.items()
    }
    if session.tags:
        attributes[TAGS] = session.tags
    return attributes


def overlaid(below: Session, above: Session) -> Session:
    """Return ``below`` with every field that ``above`` has; metadata by key, tags together."""
    lower, upper = wire_values(below), wire_values(above)
    session_id, user_id, name, path, previous_id = (b if a is None else a for a, b in zip(upper, lower, strict=True))
    metadata = {**below.metadata, **above.metadata}
    return session_with(
        session_id, user_id, name, path, previous_id, metadata, tuple(dict.fromkeys(below.tags + above.tags))
    )


def texts_in(attributes: Mapping[str, object]) -> tuple[str | None, ...]:
    """Return what the ``attributes`` of a span hold under `WIRE_KEYS`: texts as they are, nothing else."""
    return tuple(map(_text, map(attributes.get, WIRE_KEYS)))


def extras_in(attributes: Mapping[str, object]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the metadata and the tags that the ``attributes`` of a span hold."""
    start = len(METADATA_PREFIX)
    metadata = {
        key[start:]: text
        for key, value in attributes.items()
        if key.startswith(METADATA_PREFIX) and (text := _text(value))
    }
    tags = attributes.get(TAGS)
    return metadata, tuple(filter(_text, tags)) if isinstance(tags, (list, tuple)) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
