"""Searches a text for a pattern in bounded time, by the library ``regex`` (of the extra ``checks``). Pure.

The pattern is somebody's code and the text is anybody's. ``regex`` gives up after a time, and lets other threads
run meanwhile. Two things it does not bound, and nothing else runs while they go on: it writes a repeated part out as
often as it is there at least, one time more for the loop; and it prepares a literal in time by the cube of its length.
So both are counted first, by a grammar that is simpler than that of the library; of a pattern that needs more, its
repetitions are taken to be inside of each other.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from .judgements import PASSED, TIMEOUT, UnreadableError, Verdict, failed, text_in, undecided

if TYPE_CHECKING:
    from typing import Any

SECONDS = 0.25
"""How long a search may take, of processor time: on a busy machine it is longer."""

_MAX_LENGTH = 10_000
"""Longest pattern, in characters."""

_MAX_LITERAL = 600
"""Most parts of a pattern in a row that may be one literal; it takes less than 0.1 s to prepare."""

_MAX_SIZE = 20_000
"""Most parts of a pattern written out; it takes less than 0.1 s and 10 MB to compile."""

_MAX_KEPT = 16
"""How many compiled patterns are kept; the library itself would keep 500."""

_FLAGS = ("IGNORECASE", "MULTILINE", "DOTALL", "VERBOSE", "ASCII")

_CLASS = r"\[\^?\]?(?:\\.|[^\]\\])*\]?"  # the last may be missing, else many that are open take long
_TOKEN = re.compile(
    rf"\\.|{_CLASS}|\(\?#[^)]*\)?|(?P<open>\()|(?P<close>\))|(?P<repeat>[*+?]|\{{(?P<least>\d*),?\d*\}})[?+]?|.",
    re.DOTALL,
)
_TOKEN_WITHOUT_CLASSES = re.compile(_TOKEN.pattern.replace(f"{_CLASS}|", ""), re.DOTALL)


# Where one of these is, only the library knows what a repetition is about, and how often: comments, white space that
# means nothing, flags in the middle, and sets or parentheses in sets.
_UNCLEAR = re.compile(r"\(\?#|\(\?[a-zA-Z01-]*x|(?<!^)\(\?[a-zA-Z01-]+\)|\[[^\]]*[\[()]")
_COUNT = re.compile(r"\{([^,}]*)|\+")
_BROKEN_COUNT = re.compile(r"\{[\d\s]*#")  # by a comment, which may hold a comma


class UnusablePatternError(ValueError):
    """A pattern can't be used; the message says why."""


def judged_regex(text: object, pattern: object) -> Verdict:
    """Judge whether ``pattern`` is found anywhere in ``text``. Raises `ImportError` where the library is not there."""
    try:
        compiled = compiled_pattern(pattern)
    except UnusablePatternError as error:
        return undecided(f"pattern: {error}")
    try:
        is_found = compiled.search(text_in(text), timeout=SECONDS, concurrent=True) is not None
    except UnreadableError as error:
        return failed(str(error))
    except TimeoutError:
        return undecided(f"the search took longer than {SECONDS} s, and was given up", TIMEOUT)
    return PASSED if is_found else failed("the pattern is not found")


def compiled_pattern(pattern: object) -> Any:  # noqa: ANN401  # the library is not typed
    """Return ``pattern``, a text or one of ``re``, as one of ``regex``; raises `UnusablePatternError`, `ImportError`."""
    import regex  # noqa: PLC0415  # of an extra

    if isinstance(pattern, regex.Pattern):
        return pattern
    source, flags = (pattern.pattern, pattern.flags) if isinstance(pattern, re.Pattern) else (pattern, 0)
    try:
        return _compiled(text_in(source), sum(getattr(regex, name) for name in _FLAGS if flags & getattr(re, name)))
    except UnreadableError as error:
        raise UnusablePatternError(str(error)) from None


@lru_cache(maxsize=_MAX_KEPT)
def _compiled(text: str, flags: int) -> Any:  # noqa: ANN401  # as above
    import regex  # noqa: PLC0415

    is_unclear = bool(flags & regex.VERBOSE or _UNCLEAR.search(text))
    if len(text) > _MAX_LENGTH or not (_is_small_nested(text) if is_unclear else _is_small(text)):
        message = "it is too long, or repeats too much inside of repetitions"
        raise UnusablePatternError(message)
    try:
        return regex.compile(text, flags, cache_pattern=False)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise UnusablePatternError(_problem_of(error)) from None


def _is_small(text: str) -> bool:
    # Where a class begins and ends depends on flags, so the larger of two counts holds.
    size = max(_size(text, token) for token in (_TOKEN, _TOKEN_WITHOUT_CLASSES))
    return size <= _MAX_SIZE and _literal(text) <= _MAX_LITERAL


def _is_small_nested(text: str) -> bool:
    """Tell whether ``text`` is small even if its largest repetitions are inside of each other, as far as it has groups."""
    if len(text) > _MAX_LITERAL or _BROKEN_COUNT.search(text):
        return False
    factors = sorted((_factor(found) for found in _COUNT.finditer(text)), reverse=True)
    return len(text) * math.prod(factors[: text.count("(") + 1]) <= _MAX_SIZE


def _factor(found: re.Match[str]) -> int:
    """Return how often what is repeated is written out: digits count wherever white space is between them."""
    digits = "".join(filter(str.isdecimal, found[1] or ""))
    return 2 if found[0] == "+" else _count(digits) + 1


def _count(digits: str) -> int:
    """Return the number, a large one where there are very many digits."""
    return int(digits.lstrip("0")[:9] or 0)


def _size(text: str, token: re.Pattern[str]) -> int:
    """Return of how many parts ``text`` is when all that is repeated is written out as often as it has to be there."""
    groups, last = [0], 0  # the sizes of the open groups without their last part, which a repetition is about
    for found in token.finditer(text):
        if found["open"]:
            groups[-1] += last
            groups.append(1)
            last = 0
        elif found["close"] and len(groups) > 1:
            last += groups.pop()
        elif found["repeat"]:
            last *= _least(found) + 1
        else:
            groups[-1] += last
            last = 1
        if last > _MAX_SIZE:
            return last
    return sum(groups) + last


def _literal(text: str) -> int:
    """Return how many parts of ``text`` stand in a row, with neither a choice nor a loop between."""
    longest = row = 0
    before = ""
    for found in _TOKEN.finditer(text):
        is_loop = found[0][0] in "*+?" and before not in {"(", ")"}  # that of an empty group is as if it were not there
        row = 0 if found[0] == "|" or is_loop else row + 1
        before = found[0]
        longest = max(longest, row)
    return longest


def _least(found: re.Match[str]) -> int:
    """Return how often a part is there at least."""
    if found["least"]:
        return _count(found["least"])
    return 1 if found["repeat"].startswith("+") else 0


def _problem_of(error: Exception) -> str:
    position = getattr(error, "pos", None)
    if position is None:
        return "it can't be compiled"
    return f"{getattr(error, 'msg', 'it is wrong')} at character {position + 1}"
