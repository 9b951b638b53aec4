"""What of a W3C header is well-formed. Pure.

The propagators of the API check the same, and log what they refuse with all that is in it, each
time; so they are given only what passes here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_BAGGAGE = 8192
"""Longest baggage header, in characters (W3C Baggage, section 3.3.2: Limits); the SDK reads none that is longer."""

_MAX_MEMBER = 4096
_MAX_MEMBERS = 180
_MAX_TRACE_STATE = 512
_MAX_STATES = 32

_OWS = r"[ \t]*"
# RFC 7230, section 3.2.6: token; as OpenTelemetry has it, without "(),/:;<=>?@[\]{}
_TOKEN = r"[!#-'*+\-.0-9A-Z^-z|~]+"  # noqa: S105  # no password
# W3C Baggage, section 3.3.1: baggage-octet. White space stands before what follows it and nowhere else: where
# two parts of a pattern may take the same character, a hostile header takes them for ever.
_VALUE = rf"=(?:{_OWS}[!#-+\--:<-\[\]-~]+)?"
_PROPERTY = rf"{_OWS};{_OWS}{_TOKEN}(?:{_OWS}{_VALUE})?"
_BAGGAGE_MEMBER = re.compile(rf"{_TOKEN}{_OWS}{_VALUE}(?:{_PROPERTY})*")
# W3C Trace Context, section 3.3.1: key and value
_STATE_MEMBER = re.compile(
    r"(?:[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)


def baggage_from(header: str, once: Collection[str]) -> tuple[str, bool]:
    """Return the well-formed members of a baggage ``header``, and whether that is all of it.

    Of the names that count ``once`` the first counts: a later one may be another that white space has made the same.
    """
    members = _members(header)
    good = [
        "".join(member.split())  # white space may only stand beside a sign there, and older SDKs refuse it
        for member in members
        if len(member) <= _MAX_MEMBER and _BAGGAGE_MEMBER.fullmatch(member)
    ]
    names = [unquote_plus(member.partition("=")[0]).strip() for member in good]
    kept = [
        member
        for place, (name, member) in enumerate(zip(names, good, strict=True))
        if name not in once or names.index(name) == place
    ]
    return ",".join(kept[:_MAX_MEMBERS]), len(good) == len(members) and len(kept) <= _MAX_MEMBERS


def trace_state_from(header: str) -> tuple[str, bool]:
    """Return a tracestate ``header``, and whether it is well-formed; one that is not is none."""
    members = _members(header)
    keys = {member.partition("=")[0] for member in members}
    is_good = (
        len(header) <= _MAX_TRACE_STATE
        and len(members) == len(keys) <= _MAX_STATES
        and all(map(_STATE_MEMBER.fullmatch, members))
    )
    return (header, True) if is_good else ("", False)


def _members(header: str) -> list[str]:
    stripped = (member.strip(" \t") for member in header.split(","))
    return [member for member in stripped if member]
