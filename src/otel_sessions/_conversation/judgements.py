"""Judges a text, and says why without a word of what it says. Pure, and never raises.

What is judged is content that may not be shown elsewhere, so an explanation tells a position, a path or a
rule, and never a part of the text or a value in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

PASS, FAIL, ERROR, TIMEOUT = "pass", "fail", "error", "timeout"

Text: TypeAlias = str | bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out.

    Attributes:
        passed: ``None`` where it could not be told: `ERROR` or `TIMEOUT`.
        label: One of `PASS`, `FAIL`, `ERROR`, `TIMEOUT`.
        explanation: Why, where it did not pass.
    """

    passed: bool | None
    label: str
    explanation: str | None = None


PASSED = Verdict(passed=True, label=PASS)


def failed(explanation: str) -> Verdict:
    """Return that it did not pass."""
    return Verdict(passed=False, label=FAIL, explanation=explanation)


def undecided(explanation: str, label: str = ERROR) -> Verdict:
    """Return that nobody can tell, as by what it was to be judged by."""
    return Verdict(passed=None, label=label, explanation=explanation)


class UnreadableError(ValueError):
    """A text is no JSON; the message says where."""


def parsed_json(text: object) -> Any:  # noqa: ANN401  # what JSON may hold
    """Return what the JSON ``text`` holds; raises `UnreadableError`.

    As RFC 8259 has it, so without ``NaN`` and ``Infinity``; bytes are UTF-8 (section 8.1). Of a name that is
    there twice the last counts (section 4 leaves that open).
    """
    try:
        return json.loads(_decoded(text), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        problem = error.msg.partition(":")[0].lower()
        message = f"{problem} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        message = "nested too deeply"
    except UnicodeDecodeError as error:
        message = f"no UTF-8 at byte {error.start}"
    except UnreadableError:
        raise
    except ValueError:  # more digits than sys.get_int_max_str_digits() allows
        message = "a number of too many digits"
    raise UnreadableError(message)


def text_in(value: object) -> str:
    """Return ``value`` as a text; raises `UnreadableError` where it is none."""
    if isinstance(value, str):
        return str.__str__(value)  # of a subclass as well, and without code of its own
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    message = f"expected a text and got {type(value).__name__}"
    raise UnreadableError(message)


def judged_json(text: object) -> Verdict:
    """Judge whether ``text`` is JSON."""
    try:
        parsed_json(text)
    except UnreadableError as error:
        return failed(f"no JSON: {error}")
    return PASSED


def judged_includes(text: object, part: object, *, case_sensitive: bool = True) -> Verdict:
    """Judge whether ``part``, or each of several, is in ``text``."""
    try:
        parts = [text_in(each) for each in _parts_of(part)]
    except UnreadableError as error:
        return undecided(f"part: {error}")
    try:
        whole = text_in(text)
    except UnreadableError as error:
        return failed(str(error))
    if not case_sensitive:
        whole, parts = whole.casefold(), [each.casefold() for each in parts]
    missing = [place for place, each in enumerate(parts, 1) if each not in whole]
    if not parts:
        return undecided("part: nothing to look for was given")
    return failed(f"{len(missing)} of {len(parts)} not found, the first is no. {missing[0]}") if missing else PASSED


def judged_equals(value: object, expected: object) -> Verdict:
    """Judge whether ``value`` is equal to ``expected``, as ``==`` says."""
    try:
        is_equal = bool(value == expected)
    except Exception as error:  # noqa: BLE001  # arrays, and the values' own code
        return undecided(f"comparing them raised {type(error).__name__}")
    return PASSED if is_equal else failed(_difference(value, expected))


def _decoded(text: object) -> str:
    return bytes(text).decode("utf-8") if isinstance(text, (bytes, bytearray)) else text_in(text)


def _refuse_constant(_name: str) -> NoReturn:
    message = "NaN or Infinity, which JSON does not have"
    raise UnreadableError(message)


def _parts_of(part: object) -> Iterable[object]:
    return part if isinstance(part, (list, tuple, set, frozenset)) else (part,)


def _difference(value: object, expected: object) -> str:
    """Return how two values differ, without the values."""
    if isinstance(value, str) and isinstance(expected, str):
        pairs = zip(value, expected, strict=False)
        place = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(value), len(expected)))
        return f"they differ from character {place + 1} on"
    found, wanted = type(value).__name__, type(expected).__name__
    return f"it is not equal, both are {found}" if found == wanted else f"it is of type {found}, and not {wanted}"
