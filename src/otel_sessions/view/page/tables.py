"""What stands around the rows of a list: headings that sort, filters that are set, the way to the next page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .links import list_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what stands above it, the field that it is sorted by, if any, and whether it has numbers."""

    label: str
    sort: str | None = None
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a column.

    Attributes:
        url: Where the list is sorted by it; ``None`` for what can't be sorted by.
        order: ``ascending`` or ``descending`` where the list is sorted by it.
    """

    label: str
    is_number: bool
    url: str | None
    order: str | None


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, in words, and where the list is without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form of filters: a parameter of the API."""

    name: str
    label: str
    hint: str = ""


USER, NAME = Field("user", "User"), Field("name", "Name")
SERVICE, MODEL = Field("service", "Service"), Field("model", "Model")
SINCE, UNTIL = Field("since", "Since", "2h, 7d or 2026-11-30"), Field("until", "Until", "1h or 2026-11-30")
FLAGS = (Field("error", "With errors"), Field("failed_check", "With failed checks"), Field("torn", "Torn"))
_LABELS = {each.name: each.label for each in (USER, NAME, SERVICE, MODEL, SINCE, UNTIL, *FLAGS)} | {"q": "Words"}
# Of the first page: another order, or another question, has no such place in it.
_PLACE = "cursor"


def headings(columns: Sequence[Column], path: str, given: Mapping[str, str], default_sort: str) -> list[Heading]:
    """Return what stands above the columns; a click sorts, a second one the other way round.

    Numbers and times begin with the largest, texts with the first.

    Args:
        columns: In their order.
        path: That of the list.
        given: Its parameters.
        default_sort: By what it is sorted where ``sort`` is not given.
    """
    now = given.get("sort", default_sort)
    return [_heading(column, path, given, now) for column in columns]


def _heading(column: Column, path: str, given: Mapping[str, str], now: str) -> Heading:
    if column.sort is None:
        return Heading(column.label, column.is_number, None, None)
    order = {column.sort: "ascending", f"-{column.sort}": "descending"}.get(now)
    first = f"-{column.sort}" if column.is_number else column.sort
    other = column.sort if first.startswith("-") else f"-{column.sort}"
    url = _url(path, given, sort=other if now == first else first)
    return Heading(column.label, column.is_number, url, order)


def chips(path: str, given: Mapping[str, str]) -> list[Chip]:
    """Return the filters that are set."""
    return [
        Chip(
            label,
            "" if name in _FLAG_NAMES and given[name] in {"true", "1"} else given[name],
            _url(path, given, **{name: ""}),
        )
        for name, label in _LABELS.items()
        if name in given
    ]


_FLAG_NAMES = {each.name for each in FLAGS}


def following(path: str, given: Mapping[str, str], cursor: str | None) -> str | None:
    """Return where the next page of the list is, ``None`` for no more."""
    return None if cursor is None else list_url(path, **{**given, _PLACE: cursor})


def first_page(path: str, given: Mapping[str, str]) -> str | None:
    """Return where the first page of the list is, ``None`` on it."""
    return _url(path, given) if _PLACE in given else None


def _url(path: str, given: Mapping[str, str], **changed: str) -> str:
    return list_url(path, **{**given, **changed, _PLACE: ""})
