"""What may stand as an id or a text on the wire, in a backend and on a span. Pure.

The limits come from the places an id has to survive: W3C Baggage carries US-ASCII
(https://www.w3.org/TR/baggage/#value), Langfuse drops ids over 200 characters and MLflow
refuses a whole batch for one id over 250. An id that does not fit is replaced by a digest and
not cut: cutting would merge sessions.
"""

from __future__ import annotations

from os import urandom
from uuid import UUID

MAX_LENGTH = 200
"""Longest id or text, in characters."""

AUTO, ENVIRON = "auto", "environ"
"""What stands for an id in a setting: one that is made for this process, and the one that its environment names."""

FRAMEWORK = "framework"
"""Where ids are taken from, in a setting: what an agent framework carries."""

_DIGEST_PREFIX = "sha256-"
# Below this many hex digits after the prefix, the prefix is given up for more of the hash.
_MIN_HEX_DIGITS = 16


def new_id() -> str:
    """Return a fresh random id (UUID version 4, RFC 9562 section 5.4), 36 characters.

    As `uuid.uuid4` makes it, whose object would take four times as long, and is not needed.
    """
    digits = urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""Of a digit the one with its last two bits behind the bits ``10``, as the RFC has it."""


def text_of(value: object) -> str | None:
    """Return ``value`` as stripped text, or ``None`` where its type can't be an id.

    Args:
        value: A `str`, an `int` (not `bool`) or a `uuid.UUID` is accepted.
    """
    # The unbound methods give an exact ``str`` for subclasses too, and run no code of theirs.
    if issubclass(type(value), str):
        return str.strip(value)  # type: ignore[arg-type]  # it is one
    if isinstance(value, str):  # it says so: a proxy, such as werkzeug's
        return str(value).strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return _digits_of(value)
    if isinstance(value, UUID):
        return UUID.__str__(value)
    return None


def is_plain_id(text: str, limit: int = MAX_LENGTH) -> bool:
    """Tell whether ``text`` is 1 to ``limit`` characters of printable ASCII."""
    return 0 < len(text) <= limit and text.isascii() and text.isprintable()


def is_clean_id(text: str) -> bool:
    """Tell whether ``text`` is a plain id with nothing to strip."""
    return text.isascii() and text.isprintable() and 0 < len(text) <= MAX_LENGTH and text.strip() == text


def is_plain_text(text: str, limit: int = MAX_LENGTH) -> bool:
    """Tell whether ``text`` is 1 to ``limit`` printable characters of any script."""
    return 0 < len(text) <= limit and text.isprintable()


def digest(text: str, limit: int = MAX_LENGTH) -> str:
    """Return ``sha256-<hex>`` of ``text``, cut to ``limit`` characters: equal texts, equal digests.

    With a ``limit`` too small for the prefix and 16 digits, the digits stand alone.
    """
    import hashlib  # noqa: PLC0415  # OpenSSL's library, for what does not fit

    hexadecimal = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    prefix = _DIGEST_PREFIX if limit >= len(_DIGEST_PREFIX) + _MIN_HEX_DIGITS else ""
    return (prefix + hexadecimal)[:limit]


# What stands in a variable that nobody has filled, or was written to try things out: every conversation has it. No regular
# expression: to compile that would be a hundredth of what each program waits for as it imports this package.
_UNFILLED = frozenset(
    {"null", "none", "nil", "nan", "undefined", "unknown", "anonymous", "default", "true", "false", "string"}
    | {"[object object]"}
)
_TRIED = frozenset({"test", "demo", "example", "foo", "session", "sessionid", "session-id", "chat", "conversation"})
_MOST_DIGITS = 3


LONGEST_WEAK = len("conversation-000")
"""A longer text is none of those: what is made by a computer mostly is longer, and need not be looked at."""


def is_weak(text: str) -> bool:
    """Tell whether ``text`` is an id that other conversations are likely to have as well, such as ``session_1``."""
    if len(text) > LONGEST_WEAK:
        return False
    word = text.lower()
    name = word.rstrip("0123456789")
    if len(word) - len(name) > _MOST_DIGITS:
        return False
    return word in _UNFILLED or (name[:-1] if name.endswith(("-", "_", " ")) else name) in _TRIED


def grouping_id(value: object) -> str | None:
    """Return ``value`` as an id, or as its digest where it does not fit; ``None`` where it is none."""
    text = text_of(value)
    if not text:
        return None
    return text if is_plain_id(text) else digest(text)


def grouping_text(text: str | None) -> str | None:
    """Return ``text``, or its digest where it is too long or not printable."""
    return text if text is None or is_plain_text(text) else digest(text)


def _digits_of(value: int) -> str | None:
    try:
        return int.__repr__(value)
    except ValueError:  # more digits than sys.get_int_max_str_digits() allows
        return None
