"""The answer in what smolagents writes of the call that gives it: the repr of its object, where a run was left before its end. Pure."""

from __future__ import annotations

import re
from ast import literal_eval

_LONGEST = 100_000
"""Longest repr that is read, in characters."""

_CALL = re.compile(
    r"ToolCall\(name='final_answer', arguments=\{'answer': ('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\}, id='[^']*'\)"
)


def without_call(text: str) -> str:
    """Return what the tool ``final_answer`` was called with, if ``text`` is the repr of such a call; else ``text``."""
    found = _CALL.fullmatch(text) if text.startswith("ToolCall(") and len(text) <= _LONGEST else None
    if found is None:
        return text
    try:
        return str(literal_eval(found[1]))
    except (ValueError, SyntaxError):  # a character that there is not
        return text
