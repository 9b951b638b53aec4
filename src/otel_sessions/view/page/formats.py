"""Numbers, durations, times and costs as people read them. Pure."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN = Markup('<span class="unknown" title="not recorded">–</span>')  # noqa: RUF001  # a dash is meant
"""What stands where nothing is known, which is not the same as 0."""

_SECOND, _SIXTY, _HOURS = 1_000, 60, 24
_FEW = 10
_UNITS = (("B", 10**9), ("M", 10**6), ("k", 10**3))
_CENT = 0.01


def number(value: float | None) -> str:
    """Return a number with its thousands apart: ``1,234``."""
    return UNKNOWN if value is None else f"{value:,}"


def short(text: str, most: int = 200) -> str:
    """Return a text, cut to ``most`` characters: names may have millions, and a page is to stay light."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def count(value: int) -> str:
    """Return a number of which each counts, and 0 is good news, as of errors."""
    return _element(f'<span class="bad">{value:,}</span>' if value else '<span class="dim">0</span>')


def amount(value: int | None) -> str:
    """Return a number in three digits or so: ``999``, ``1.2k``, ``34k``, ``5.6M``."""
    if value is None:
        return UNKNOWN
    for unit, size in _UNITS:
        # What would be rounded to 1000 of a unit is 1 of the next one.
        if value >= size * 0.9995:
            short = value / size
            return f"{short:.1f}{unit}" if short < _FEW - 0.05 else f"{short:.0f}{unit}"
    return str(value)


def tokens(document: Mapping[str, int | None]) -> str:
    """Return tokens of the API: what went in and what came out, with all that is known of them as the title."""
    known = {name.replace("_", " "): each for name, each in document.items() if each is not None}
    if not known:
        return UNKNOWN
    title = ", ".join(f"{name} {each:,}" for name, each in known.items())
    if document["input"] is None and document["output"] is None:
        short = amount(document["total"])
    else:
        short = f"{amount(document['input'])} <i>in</i> {amount(document['output'])} <i>out</i>"
    return _element(f'<span class="tokens" title="{title}">{short}</span>')


def duration(milliseconds: float | None) -> str:
    """Return a duration in ms as people say it: ``150 ms``, ``1.2 s``, ``2 min 5 s``, ``3 h 4 min``, ``5 d 6 h``."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < _SECOND - 0.5:
        return f"{milliseconds:.0f} ms" if milliseconds >= _FEW - 0.05 else f"{milliseconds:.2g} ms"
    seconds = milliseconds / _SECOND
    if seconds < _SIXTY - 0.05:
        return f"{seconds:.1f} s"
    # Each is rounded before it is compared, so that 59.96 s is a minute.
    if round(seconds) < _SIXTY**2:
        return _two(round(seconds), _SIXTY, "min", "s")
    minutes = round(seconds / _SIXTY)
    if minutes < _SIXTY * _HOURS:
        return _two(minutes, _SIXTY, "h", "min")
    return _two(round(minutes / _SIXTY), _HOURS, "d", "h")


def _two(number: int, size: int, unit: str, smaller: str) -> str:
    whole, rest = divmod(number, size)
    return f"{whole:,} {unit} {rest} {smaller}" if rest else f"{whole:,} {unit}"


def cost(usd: float | None, *, is_complete: bool = True) -> str:
    """Return a cost in US dollars; one that is not complete is a least one."""
    if usd is None:
        return UNKNOWN
    short = f"{usd:,.2f}" if usd >= 1 or usd == 0 else f"{usd:.4f}" if usd >= _CENT else f"{usd:.2g}"
    if is_complete:
        return f"${short}"
    return _element(f'<span title="some calls have no cost recorded">≥ ${short}</span>')


def moment(text: str | None) -> datetime | None:
    """Return a time of the API, to its microsecond; ``None`` for one that is not known."""
    if text is None:
        return None
    # Of nanoseconds `fromisoformat` reads no more than six digits before Python 3.11.
    return datetime.fromisoformat(text[:26]).replace(tzinfo=timezone.utc)


def time(text: str | None) -> str:
    """Return a time of the API as an element: the second, in UTC."""
    at = moment(text)
    if at is None:
        return UNKNOWN
    return _element(f'<time datetime="{escape(text)}">{_second(at)}</time>')


def ago(text: str | None, now: datetime) -> str:
    """Return a time of the API as an element that says how long ago that was; the script keeps it true."""
    at = moment(text)
    if at is None:
        return UNKNOWN
    said = _how_long_ago((now - at).total_seconds())
    return _element(f'<time datetime="{escape(text)}" title="{_second(at)} UTC" data-ago>{said}</time>')


def _second(at: datetime) -> str:
    return at.isoformat(" ", "seconds").removesuffix("+00:00")


def _element(html: str) -> Markup:
    """Return an element that is made of words of ours and of numbers: to escape these again takes most of the time."""
    return Markup(html)  # noqa: S704


def _how_long_ago(seconds: float) -> str:
    for unit, size, largest in (("s", 1, 60), ("min", 60, 3_600), ("h", 3_600, 86_400)):
        if seconds < largest:
            return f"{max(seconds, 0) // size:.0f} {unit} ago"
    return f"{seconds // 86_400:,.0f} d ago"


def readable_json(value: object) -> str:
    """Return a value of the API as JSON on one line, with letters of all scripts as they are."""
    return json.dumps(value, ensure_ascii=False)
