"""What a caller gave for a session, made fit to carry; each complaint once per place.

A value that cannot be used never raises: its field is ABSENT, which is something else than not
given (``None``), because what is not given may be inherited and what is unusable must not be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from otel_sessions import _diagnostics

from . import ids, paths
from .session import MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

SessionId: TypeAlias = str | int | UUID
"""What is accepted as an id."""


class Absent:
    """The type of ABSENT, so that type checkers can tell it from a value."""


ABSENT: Final = Absent()


class _NotGiven:
    def __repr__(self) -> str:
        return "<not given>"


NOT_GIVEN: Final[Any] = _NotGiven()
"""The default of an argument for which ``None`` is something that was given: what a body has under a key that is not there."""

Text: TypeAlias = str | Absent | None


class Fields(NamedTuple):
    """The fields that a caller gave, other than the session id: clean, ABSENT, or ``None`` for not given."""

    user_id: Text = None
    name: Text = None
    path: Text = None
    previous_id: Text = None
    metadata: Mapping[str, str] | Absent | None = None
    tags: tuple[str, ...] | Absent | None = None


NO_FIELDS = Fields()


def clean_id(argument: str, value: object) -> str | Absent:
    """Return ``value`` as an id of at most 200 characters of printable ASCII, or ABSENT with a warning.

    What the wire or a backend can't hold is replaced by its digest, with a warning.
    """
    return _fitting(argument, value, ids.is_plain_id, "printable ASCII")


def clean_session_id(value: object) -> str | Absent:
    """Return ``value`` as a session id, as `clean_id` does, and warn of one that stands for no conversation."""
    found = clean_id("session_id", value)
    if isinstance(found, str):
        notice_weak(found)
    return found


def notice_weak(session_id: str) -> None:
    """Warn of an id that many conversations have: they would be shown as one."""
    if ids.is_weak(session_id):
        _complain(
            "session_id",
            "weak",
            "%s: it looks like a placeholder; conversations that share an id are shown as one; pass that of the "
            "conversation, or no id for a new one",
        )


def clean_text(argument: str, value: object) -> str | Absent:
    """Return ``value`` as a printable text of at most 200 characters of any script, or ABSENT with a warning."""
    return _fitting(argument, value, ids.is_plain_text, "printable text")


def clean_path(argument: str, value: object) -> str | Absent:
    """Return ``value`` as an absolute path, or ABSENT with a warning."""
    text = clean_text(argument, value)
    return paths.absolute(text) if isinstance(text, str) else text


def clean_metadata(argument: str, value: object) -> dict[str, str] | Absent:
    """Return ``value`` as a map of at most 64 texts; what of it can't be used is left out, with a warning."""
    if not isinstance(value, Mapping):
        return _wrong_type(argument, value, "a mapping of strings")
    kept: dict[str, str] = {}
    for key, item in first_items(argument, value.items()):
        name = clean_text(f"{argument} key", key)
        text = clean_text(f"{argument} value", item)
        if isinstance(name, str) and isinstance(text, str):
            kept[name] = text
    return kept


def clean_tags(argument: str, value: object) -> tuple[str, ...] | Absent:
    """Return ``value`` as at most 64 different texts; what of it can't be used is left out, with a warning."""
    if isinstance(value, str):
        _complain(argument, "one string", "%s: expected a list of strings and got one string, taken as one tag")
        value = (value,)
    if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray, Mapping)):
        return _wrong_type(argument, value, "a list of strings")
    texts = (clean_text(argument, item) for item in first_items(argument, value))
    return tuple(dict.fromkeys(text for text in texts if isinstance(text, str)))


def is_id(value: object) -> bool:
    """Tell whether ``value`` has the type of an id; a proxy of one, which can be called too, counts."""
    try:
        return ids.text_of(value) is not None
    except Exception:  # noqa: BLE001  # a type check may run code of the value
        return False


def given(  # noqa: PLR0913  # what a session holds
    *,
    user_id: object = None,
    name: object = None,
    path: object = None,
    previous_id: object = None,
    metadata: object = None,
    tags: object = None,
) -> Fields:
    """Return the arguments of a public function as `Fields`."""
    return Fields(
        _clean("user_id", user_id, clean_id),
        _clean("name", name, clean_text),
        _clean("path", path, clean_path),
        _clean("previous_id", previous_id, clean_id),
        _clean("metadata", metadata, clean_metadata),
        _clean("tags", tags, clean_tags),
    )


def _clean(argument: str, value: object, cleaner: Callable[[str, object], _T]) -> _T | Absent | None:
    if value is None:
        return None
    try:
        return cleaner(argument, value)
    except Exception as error:  # noqa: BLE001  # the value's own code may raise anything
        return _unreadable(argument, error)


def _unreadable(argument: str, error: Exception) -> Absent:
    _complain(argument, "raised", "%s: reading it raised %s, so it is left out", type(error).__name__)
    return ABSENT


def _fitting(argument: str, value: object, is_plain: Callable[[str], bool], form: str) -> str | Absent:
    text = _text(argument, value)
    if isinstance(text, Absent) or is_plain(text):
        return text
    _complain(
        argument,
        "digest",
        "%s: not 1 to %d characters of %s, so a digest of it is used; equal values still group",
        ids.MAX_LENGTH,
        form,
    )
    return ids.digest(text)


def _text(argument: str, value: object) -> str | Absent:
    try:
        text = ids.text_of(value)
    except Exception as error:  # noqa: BLE001  # a type check may run code of the value
        return _unreadable(argument, error)
    if text is None:
        return _wrong_type(argument, value, "a str, an int of at most 4300 digits or a uuid.UUID")
    if not text:
        _complain(argument, "empty", "%s: an empty string was given, so it is left out; for no value pass nothing")
        return ABSENT
    return text


def _wrong_type(argument: str, value: object, expected: str) -> Absent:
    found = type(value).__name__
    _complain(argument, f"type {found}", "%s: expected %s and got %s, so it is left out", expected, found)
    return ABSENT


def first_items(argument: str, items: Iterable[_T]) -> list[_T]:
    """Return the first 64 of ``items``, with a warning where there are more. Reads no further: they may be endless."""
    first = list(islice(items, MAX_ITEMS + 1))
    if len(first) > MAX_ITEMS:
        _complain(argument, "many", "%s: more than %d, the rest is left out", MAX_ITEMS)
    return first[:MAX_ITEMS]


def _complain(argument: str, problem: str, message: str, *args: object) -> None:
    _diagnostics.warn_caller(f"{argument} {problem}", message, argument, *args)
