"""Text of which a reader sees all: what is hidden in it, or turns the text around it, becomes a sign. Pure."""

from __future__ import annotations

import re
from typing import TypeVar

from markupsafe import Markup

T = TypeVar("T")

# Controls but line ends and tabs, what turns the direction of the text around it, surrogates and private characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\uf8ff\ufff0-\ufffb]"
)
_SIGN = "\ufffd"


def visible(value: T) -> T | str:
    """Return ``value``, in a text with a sign for each character that is not to be seen; what is markup stays."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isascii() and value.isprintable()):
        return value
    return _HIDDEN.sub(_SIGN, value)
