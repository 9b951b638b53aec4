"""Received values as short, harmless text for one line of a terminal. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# No terminal is wider, and a span may hold megabytes.
_MAX_CHARACTERS = 1_000

# Sequences that move the cursor, set colours or write the title (ECMA-48).
_ESCAPES = re.compile(
    r"""
      (?: \x1b\[ | \x9b ) [0-?]* [\x20-/]* [@-~]                              # CSI
    | (?: \x1b[\]PX^_] | [\x9d\x90\x98\x9e\x9f] ) .*? (?: \x07 | \x1b\\ | \x9c | $ )  # strings: OSC, DCS, SOS, PM, APC
    | \x1b [\x20-/]* [0-~]                                                  # the others
    """,
    re.DOTALL | re.VERBOSE,
)
# Controls, invisible format characters (they can turn the direction of a line round), surrogates, unassigned, and
# the separators of lines and paragraphs.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_JOINERS = "\u200d"  # within an emoji of several parts


def one_line(text: str) -> str:
    """Return ``text`` on one line, without control characters and escape sequences."""
    plain = _ESCAPES.sub("", text[:_MAX_CHARACTERS])
    kept = (" " if char.isspace() else char for char in plain if char.isspace() or _is_printable(char))
    return " ".join("".join(kept).split())


def duration(milliseconds: float) -> str:
    """Return a time in the unit that a person would use, with about three digits."""
    if round(milliseconds, 2) < 10:  # noqa: PLR2004  # short ones need the digits behind the point
        return f"{milliseconds:.2f} ms"
    if round(milliseconds) < 1_000:  # noqa: PLR2004  # a second
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1e3
    if round(seconds, 2) < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {rest:02} s"


def ago(moment: str | None, now: float) -> str:
    """Return how long before ``now``, in unix seconds, a time of the API was, in its largest unit."""
    if moment is None:
        return ""
    seconds = max(now - datetime.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp(), 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def size(byte_count: int) -> str:
    """Return a number of bytes in the unit that a person would use."""
    amount = float(byte_count)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:  # noqa: PLR2004  # binary units
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def counted(number: int, noun: str) -> str:
    """Return ``1 turn``, ``2 turns``."""
    return f"{number:,} {noun}{'' if number == 1 else _plural_ending(noun)}"


def tokens_in_out(tokens: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two columns; a total without parts stands in the first, with a sign."""
    read, written, total = tokens["input"], tokens["output"], tokens["total"]
    if read is None and written is None:
        return ("" if total is None else f"={total:,}"), ""
    return number(read), number(written)


def number(count: int | None) -> str:
    """Return a number with commas, nothing for one that is not recorded."""
    return "" if count is None else f"{count:,}"


def cost(usd: float | None, *, is_complete: bool) -> str:
    """Return a cost in USD; a dash for none, a plus behind a sum that misses some."""
    return "-" if usd is None else f"${usd:,.4f}{'' if is_complete else '+'}"


def share(part: int, whole: int) -> str:
    """Return a percentage that says 100 only of all."""
    return f"{100 * part // whole} %" if whole else "nothing"


def _is_printable(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) not in _UNPRINTABLE


def _plural_ending(noun: str) -> str:
    return "es" if noun.endswith("s") else "s"
