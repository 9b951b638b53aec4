"""What a request asks for: the parameters of its query, read and judged. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

from otel_sessions.view.store.interface import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

T = TypeVar("T")

MAX_LIMIT = 1_000
DEFAULT_LIMIT = 50

FILTERS = ("user", "name", "service", "model", "since", "until", "error", "failed_check", "torn", "q")
PAGING = ("limit", "cursor")
OF_SESSION = ("turn", *PAGING)
"""What one session is asked by."""

LIST = (*FILTERS, "sort", *PAGING)
"""What a list is asked by."""

SESSION_SORTS = (
    "id", "name", "users", "services", "models", "turns", "traces", "spans", "tokens", "cost", "errors", "failed_checks",
    "feedback", "torn", "p95", "start", "end",
)  # fmt: skip
USER_SORTS = ("id", "sessions", "turns", "spans", "tokens", "errors", "feedback", "first", "last")
TRACE_SORTS = ("name", "spans", "errors", "tokens", "start", "end")

_SECOND = 10**9
_UNITS = {"s": _SECOND, "m": 60 * _SECOND, "h": 3_600 * _SECOND, "d": 86_400 * _SECOND, "w": 7 * 86_400 * _SECOND}
_AGO = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
# RFC 3339; a blank before the hours of the offset is a plus that was not escaped.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+\- ])(\d\d):(\d\d)))?", re.ASCII
)
_TIMES = "a time as 2026-11-30T12:00:00Z, a day as 2026-11-30, or how long ago, as 90s, 30m, 2h, 7d or 4w"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_LARGEST = 2**63 - 1


class InvalidParameterError(ValueError):
    """A parameter that can't be used; the text names it and what is allowed, and has nothing of its value."""


def refuse(name: str, allowed: str) -> NoReturn:
    """Say what the parameter ``name`` must be.

    Raises:
        InvalidParameterError: Always.
    """
    message = f"{name} must be {allowed}."
    raise InvalidParameterError(message)


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows of a list, in which order, and which page of them."""

    which: Filter
    sort: str
    limit: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page; with ``turn``, and without a cursor, the one that begins with the turn of this span id."""

    limit: int
    cursor: str | None
    turn: bytes | None = None


def parameters(pairs: Iterable[tuple[str, str]], allowed: Collection[str]) -> dict[str, str]:
    """Return the parameters of a query that say something; an empty one says nothing, as a form sends it.

    Raises:
        InvalidParameterError: One is not in ``allowed``, or stands there twice.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            refuse("Each parameter", f"one of {', '.join(allowed)}" if allowed else "left out here")
        if name in given:
            refuse(name, "there once")
        given[name] = value
    return {name: value for name, value in given.items() if value}


def question(given: Mapping[str, str], sorts: Collection[str], default_sort: str, now: int) -> Question:
    """Return what is asked for of a list.

    Args:
        given: The `parameters`.
        sorts: The fields to sort by.
        default_sort: One of them, perhaps with ``-`` before it.
        now: Unix time in ns, from which "2h" counts.

    Raises:
        InvalidParameterError: One can't be used.
    """
    page = paging(given)
    return Question(filter_of(given, now), _sort(given.get("sort", default_sort), sorts), page.limit, page.cursor)


def filter_of(given: Mapping[str, str], now: int) -> Filter:
    """Return the filter of a list.

    Raises:
        InvalidParameterError: One can't be used.
    """
    return Filter(
        user=given.get("user"),
        name=given.get("name"),
        service=given.get("service"),
        model=given.get("model"),
        since=_of(given, "since", lambda text: moment(text, now), _TIMES),
        until=_of(given, "until", lambda text: moment(text, now), _TIMES),
        error=_flag(given, "error"),
        failed_check=_flag(given, "failed_check"),
        torn=_flag(given, "torn"),
        text=given.get("q"),
    )


def paging(given: Mapping[str, str], default: int = DEFAULT_LIMIT) -> Paging:
    """Return which page is asked for.

    Args:
        given: The `parameters`.
        default: The limit where none is given.

    Raises:
        InvalidParameterError: ``limit`` or ``turn`` can't be used.
    """
    limit = _of(given, "limit", _limit, f"a number from 1 to {MAX_LIMIT}")
    turn = _of(given, "turn", lambda text: identifier(text, 16), "16 hexadecimal digits")
    return Paging(default if limit is None else limit, given.get("cursor"), turn)


def without_session(given: Mapping[str, str]) -> bool:
    """Tell whether ``session=none`` is asked for.

    Raises:
        InvalidParameterError: It is something else.
    """
    return _of(given, "session", {"none": True}.get, "none") or False


def moment(text: str, now: int) -> int | None:
    """Return a time in ns since 1970, ``None`` for what is none: RFC 3339, a day, or how long before ``now``."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return max(now - int(ago[1]) * _UNITS[ago[2]], 0)
    written = _TIME.fullmatch(text)
    return None if written is None else _written_moment(written)


def identifier(text: str, digits: Literal[16, 32]) -> bytes | None:
    """Return the id of a trace (32 digits) or a span (16), ``None`` for what is none."""
    return bytes.fromhex(text) if re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", text) else None


def _written_moment(written: re.Match[str]) -> int | None:
    day, clock, fraction, sign, hours, minutes = written.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    offset = (int(hours) * 3_600 + int(minutes) * 60) if hours else 0
    seconds = int(at.timestamp()) - (-offset if sign == "-" else offset)
    nanoseconds = seconds * _SECOND + int((fraction or "0").ljust(9, "0"))
    return nanoseconds if 0 <= nanoseconds <= _LARGEST else None


def _of(given: Mapping[str, str], name: str, read: Callable[[str], T | None], allowed: str) -> T | None:
    text = given.get(name)
    if text is None:
        return None
    value = read(text)
    if value is None:
        refuse(name, allowed)
    return value


def _flag(given: Mapping[str, str], name: str) -> bool | None:
    return _of(given, name, _FLAGS.get, "true or false")


def _limit(text: str) -> int | None:
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
    return number if 1 <= number <= MAX_LIMIT else None


def _sort(text: str, sorts: Collection[str]) -> str:
    if text.removeprefix("-") not in sorts:
        refuse("sort", f"one of {', '.join(sorts)}, or one of them after a minus for the largest first")
    return text
