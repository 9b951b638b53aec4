"""What of the metadata and tags of a session has room in a baggage header: no reader takes more. Pure, but that it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from otel_sessions import _diagnostics

from .session import METADATA_PREFIX, TAGS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .session import Session

MAX_BAGGAGE = 8192
"""Longest baggage header, in characters (W3C Baggage, section 3.3.2: Limits); the SDK reads none that is longer."""

MAX_MEMBER = 4096
"""Longest member of one, in characters: OpenTelemetry for Python, JavaScript, Ruby and C++ leaves out a longer one."""

_MOST_PER_CHARACTER = 12
"""Most characters that one takes when it is encoded: four octets of UTF-8, three characters each."""


def with_extras(items: Mapping[str, str], session: Session, keys: Collection[str]) -> dict[str, str]:
    """Return the baggage ``items`` of a ``session`` with those of its metadata and tags that ``keys`` name and that have room.

    Of the tags the first that have room are there. What has no room is said once, with its key, which the user has listed:
    it would be sent, and read by nobody.
    """
    found = {**items, **{METADATA_PREFIX + key: session.metadata[key] for key in keys if key in session.metadata}}
    if TAGS in keys and session.tags:
        found[TAGS] = ",".join(map(_escaped, session.tags))
    if _most(found.items()) <= MAX_MEMBER:
        return found  # the common case: it is not looked at what each takes
    return _fitting(items, found, session.tags)


def _escaped(tag: str) -> str:
    """Return ``tag`` without a comma, which stands between tags; readers decode it by percent, so a percent is encoded, too."""
    return tag.replace("%", "%25").replace(",", "%2C")


def _most(pairs: Collection[tuple[str, str]]) -> int:
    return sum(len(key) + len(value) + 2 for key, value in pairs) * _MOST_PER_CHARACTER


def _fitting(items: Mapping[str, str], found: Mapping[str, str], tags: Collection[str]) -> dict[str, str]:
    kept = dict(items)
    room = MAX_BAGGAGE - sum(_length(key, value) + 1 for key, value in items.items()) + 1
    for key, value in found.items():
        if key in items:
            continue
        text = _as_many_as_fit(tags, room) if key == TAGS else value
        length = _length(key, text)
        if text != value or length > min(room, MAX_MEMBER):
            _warn_of(key, is_part=bool(text) and key == TAGS)
        if text and length <= min(room, MAX_MEMBER):
            kept[key] = text
            room -= length + 1
    return kept


def _as_many_as_fit(tags: Collection[str], room: int) -> str:
    kept: list[str] = []
    left = min(room, MAX_MEMBER) - len(TAGS) - 1
    for tag in map(_escaped, tags):
        left -= len(quote(tag, "")) + (len("%2C") if kept else 0)
        if left < 0:
            break
        kept.append(tag)
    return ",".join(kept)


def _length(key: str, value: str) -> int:
    """Return how many characters a member of a header takes, in the encoding that takes most."""
    return len(quote(key, "")) + 1 + len(quote(value, ""))


def _warn_of(key: str, *, is_part: bool) -> None:
    _diagnostics.count(f"no room for {key[:60]}")
    _diagnostics.warn_once(
        ("room", key),
        "otel_sessions: %s, which OTEL_SESSION_METADATA_ON_WIRE lists, has no room in a baggage header (%d characters in all, "
        "encoded, %d of one entry): %s; make what is listed shorter, or less",
        key[:60],
        MAX_BAGGAGE,
        MAX_MEMBER,
        "only the first of them are sent" if is_part else "it is not sent, and stays on the spans of this process",
    )
