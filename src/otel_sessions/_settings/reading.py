"""How the value of each setting is read: from the text of a variable, or from what else an argument may be. Pure.

What can't be used is said by `UnusableError`, or to the function that is given, as a text that says what would do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from otel_sessions._session import dialects, ids, provider_ids, user_ids
from otel_sessions._session.session import METADATA_PREFIX, TAGS, WIRE_KEYS

from . import slips
from .destinations import NONE, Destinations
from .hosts import UnusableDestinationError

if TYPE_CHECKING:
    from collections.abc import Callable

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Complain: TypeAlias = "Callable[[str], None]"

_FLAGS = ("false", "true")
_SPELLINGS = {"1": "true", "yes": "true", "on": "true", "0": "false", "no": "false", "off": "false"}
_LONGEST_FLUSH = 60_000
_WHOLE_NUMBER = re.compile(r"[0-9]{1,5}")
# RFC 9110, section 5.1: a field name is a token; without the bar, which rather stands between two names.
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`~0-9A-Za-z]{1,100}")
# As the environ of WSGI has it (PEP 3333), and as no header is called.
_OF_WSGI = re.compile(r"HTTP_[A-Z0-9_]+")
_NO_KEYS = frozenset({"*", "all", "any", "none", "true", "false", "session.metadata", METADATA_PREFIX, ""})

# With quotes around, as tools that read a file of variables may leave them, it is one all the same.
_MODE = re.compile(
    rf"[^0-9A-Za-z]*({'|'.join(user_ids.MODES)})(?:text|ed|ing|ped|ping)?[^0-9A-Za-z]*",
    re.IGNORECASE,
)


class UnusableError(ValueError):
    """A value, or a part of it, can't be used; the message says which and what could be."""


def _refuse(problem: str) -> NoReturn:
    raise UnusableError(problem)


def choice(*allowed: str, is_shown: bool = True) -> Callable[[object, Complain], str]:
    def read(given: object, _complain: Complain) -> str:
        word = str(given).strip().lower() if isinstance(given, (str, bool)) else None
        word = word if word in allowed or word is None else _SPELLINGS.get(word, word)
        if word in allowed:
            return str(word)
        return _refuse(f"{_quoted(given) if is_shown else 'the value'} is none of {', '.join(allowed)}")

    return read


def flag(given: object, complain: Complain) -> bool:
    return choice(*_FLAGS)(given, complain) == "true"


def key(given: object, _complain: Complain) -> str:
    text = given.decode("utf-8", "surrogateescape") if isinstance(given, bytes) else given
    return text if isinstance(text, str) else _refuse("expected a str or bytes")


def hidden(value: object) -> str:
    return "set, not shown" if value else ""


def session_id(given: object, complain: Complain) -> str:
    text = _unquoted(given, complain)
    if not text:
        return _refuse("expected auto, environ, or an id: a str, an int or a uuid.UUID")
    slip = slips.of_session_id(text)
    if slip:
        return _refuse(f"expected auto, environ, or an id; {slip}")
    return text.lower() if text.lower() in {ids.AUTO, ids.ENVIRON} else _fitting_id(text, complain)


def user_id(given: object, complain: Complain) -> str:
    """Return an id; or a mode, in lower case, where one was given: what that means depends on another setting."""
    text = ids.text_of(given)
    mode = _MODE.fullmatch(given.decode("latin-1") if isinstance(given, bytes) else text or "")
    if mode:
        return mode[1].lower()
    text = _unquoted(given, complain)
    if not text:
        return _refuse("expected an id: a str, an int or a uuid.UUID")
    slip = slips.of_id(text)
    return _refuse(f"expected an id; {slip}") if slip else _fitting_id(text, complain)


def _unquoted(given: object, complain: Complain) -> str:
    text = ids.text_of(given) or ""
    plain = slips.unquoted(text)
    if plain != text:
        complain("there are quotes around it, which are left out")
    return plain


def _fitting_id(text: str, complain: Complain) -> str:
    if ids.is_plain_id(text):
        return text
    complain(f"it is not 1 to {ids.MAX_LENGTH} characters of printable ASCII, so a digest of it is used")
    return ids.digest(text)


def shown_session_id(value: str | None) -> str:
    return value if value in {ids.AUTO, ids.ENVIRON} else hidden(value)


def words_of_call(given: object, _complain: Complain) -> tuple[str, ...]:
    words = [word.lower() for word in _items(given)]
    if words == ["none"]:
        return ()
    if not set(provider_ids.WORDS).issuperset(words):
        return _refuse(f"something of it is none of {', '.join(provider_ids.WORDS)}, none")
    return tuple(word for word in provider_ids.WORDS if word in words)


def shown_words(value: tuple[str, ...]) -> str:
    return ",".join(value) or "none"


def milliseconds(given: object, _complain: Complain) -> int:
    text = ids.text_of(given) or ""
    if _WHOLE_NUMBER.fullmatch(text) and int(text) <= _LONGEST_FLUSH:
        return int(text)
    return _refuse(f"expected a whole number of milliseconds, from 0 to {_LONGEST_FLUSH}")


def keys_on_wire(given: object, complain: Complain) -> tuple[str, ...]:
    """Return keys of metadata, which may be written as they are on a span, and `TAGS` for tags."""
    remedy = f"write keys of metadata, with commas between them, and {TAGS} for tags"
    found = []
    for place, item in enumerate(_items(given), 1):
        name = item.removeprefix(METADATA_PREFIX)
        if item in _NO_KEYS or item in WIRE_KEYS or (name == TAGS and item != TAGS) or ";" in name:
            complain(f"item {place} is left out; {remedy}")
            continue
        if item == "tags":
            complain(f"item {place} is taken as metadata of that key; {remedy}")
        found.append(name)
    return tuple(dict.fromkeys(found))


def dialect_names(given: object, complain: Complain) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.lower() for name in _items(given)))
    for name in names:
        if name not in dialects.NAMES:
            complain(f"{_quoted(name)} is left out, it is none of {', '.join(dialects.NAMES)}")
    return tuple(name for name in names if name in dialects.NAMES)


def destinations(given: object, complain: Complain) -> Destinations:
    if isinstance(given, Destinations):
        return given
    items = _items(given)
    try:
        found = Destinations.parsed(items) if items else NONE  # an empty list of an argument: nowhere
    except UnusableDestinationError as error:
        return _refuse(f"{error} (allowed: private, all, none, mcp, host globs as *.corp.example, CIDRs as 10.0.0.0/8)")
    for item in found.items:
        if slip := slips.of_destination(item):
            complain(f"{_quoted(item)} is taken as {slip}")
    return found


def aliases(given: object, complain: Complain) -> Pairs:
    remedy = f"my.key=session.id, with one of these on the right: {', '.join(dialects.FIELDS)}"
    return tuple(dict(_pairs(given, dialects.is_alias, remedy, complain)).items())


def headers(given: object, complain: Complain) -> Pairs:
    """Return keys of ours with headers in lower case; several of one key, in the order in which they are to be tried."""

    def is_good(key: str, header: str) -> bool:
        return key in WIRE_KEYS and _HEADER_NAME.fullmatch(header) is not None

    remedy = f"session.id=x-session-id, with one of these on the left: {', '.join(WIRE_KEYS)}"
    found = dict.fromkeys((key, _header_of(name)) for key, name in _pairs(given, is_good, remedy, complain))
    return tuple((key, name) for key, name in found if not _is_hardly_meant(name, complain))


def _is_hardly_meant(header: str, complain: Complain) -> bool:
    slip = slips.of_header(header)
    if slip:
        complain(f"{slip}, so it is left out; name a header that has the id alone, as x-session-id")
    return slip is not None


def _header_of(name: str) -> str:
    return (name[len("HTTP_") :].replace("_", "-") if _OF_WSGI.fullmatch(name) else name).lower()


def _pairs(
    given: object, is_good: Callable[[str, str], bool], remedy: str, complain: Complain
) -> list[tuple[str, str]]:
    """Return the pairs of ``given`` that are good; a bad one is named by its place: it may hold an id."""
    found = []
    for place, item in enumerate(_items(given), 1):
        left, _, right = (part.strip() for part in item.partition("="))
        if is_good(left, right):
            found.append((left, right))
        else:
            complain(f"item {place} is left out; write it as {remedy}")
    return found


def _items(given: object) -> list[str]:
    """Return the parts of a comma list, of a list, or of a mapping, which stands for pairs, as one in a list does."""
    if isinstance(given, str):
        parts: Iterable[object] = given.split(",")
    elif isinstance(given, Mapping):
        parts = _paired(given)
    elif isinstance(given, Iterable) and not isinstance(given, (bytes, bytearray)):
        parts = (each for part in given for each in (_paired(part) if isinstance(part, Mapping) else (part,)))
    else:
        _refuse(f"expected a comma list and got {type(given).__name__}")
    return [text for text in map(_text, parts) if text]


def _paired(given: Mapping[Any, Any]) -> list[str]:
    """Return each name with each of its values: one, a list of them, or a comma list."""
    values = {name: value.split(",") if isinstance(value, str) else value for name, value in given.items()}
    return [
        f"{name}={_text(each)}"
        for name, value in values.items()
        for each in (value if isinstance(value, (list, tuple)) else (value,))
    ]


def _text(part: object) -> str:
    match part:
        case str(text):
            return text.strip()
        case (str(left), str(right)):
            return f"{left}={right}"
    return f"<{type(part).__name__}>"  # is nothing that could be used, and says what it was


def _quoted(value: object) -> str:
    return repr(value)[:60] if isinstance(value, (str, int, float)) else type(value).__name__
