"""What a ``+`` in the value of a baggage member stands for: itself, or a space. Pure.

W3C Baggage (https://www.w3.org/TR/baggage/#value) encodes by percent, so that a ``+`` is one and a space is ``%20``. OpenTelemetry
for Go and Rust write that, and leave a ``+``, a ``/``, a ``:`` as they are; JavaScript and Java encode a ``+``. But
OpenTelemetry for Python (opentelemetry-python#5566), C++ and PHP, and older ones for .NET and Ruby, write as a form does: a
space is ``+``, and whatever is neither letter nor digit is encoded. So a value tells mostly which of the two has written it; where it
does not, the other values of the session tell, for who sends a header on has read all of them and writes all anew.
"""

from __future__ import annotations

import re

# What no form writes: they encode these. They differ on `!*()~`.
_NOT_OF_A_FORM = re.compile(r"%20|[#$&'/:<=>?@\[\]^`{|}]")
# What Go and Rust leave as it is, and so have not encoded. Not `%25`, which Go writes, nor `%3D`, which Rust does.
_OF_A_FORM = re.compile(r"%(?:2[13467-9ABDEF]|3[ACEF]|40|5[BDEF]|60|7[B-E])", re.IGNORECASE)


def pluses_kept(value: str, beside: str, *, is_id: bool) -> str:
    """Return an encoded ``value`` with each ``+`` that stands for itself as ``%2B``, so that nobody reads it as a space.

    Args:
        value: Of one member, without properties.
        beside: All values of the session in the same header.
        is_id: It names something. Hardly an id has a space, and many have a plus: it is one, unless the same value has an
            encoded one as well, which only forms write beside a ``+``.
    """
    if "+" not in value:
        return value
    is_space = _is_space_in_id(value) if is_id else _is_space_in_text(value, beside)
    return value if is_space else value.replace("+", "%2B")


def _is_space_in_id(value: str) -> bool:
    return "%2B" in value and _NOT_OF_A_FORM.search(value) is None


def _is_space_in_text(value: str, beside: str) -> bool:
    for text in (value, beside):
        if _NOT_OF_A_FORM.search(text):
            return False
        if _OF_A_FORM.search(text):
            return True
    # No text of a session begins or ends with a space, and hardly one has two of them. Else one with a space it is: of
    # those there are many, and few have a plus and no space at all.
    return "+" not in {value[0], value[-1]} and "++" not in value
