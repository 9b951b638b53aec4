"""What of a W3C header is well-formed. Pure.

The propagators of the API check the same, and log what they refuse with all that is in it, each
time; so they are given only what passes here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_BAGGAGE = 8192
"""Longest baggage header, in characters (W3C Baggage, section 3.3.2: Limits); the SDK reads none that is longer."""

_MAX_READ = 32768
"""Longest header that is looked at at all, in characters; most servers take no more of one either."""

_MAX_TRACEPARENT = 512
"""Longest traceparent, in characters: far more than the 55 that there are (W3C Trace Context, section 3.2).

The API's pattern takes the square of its length in time where a line break stands behind blanks.
"""

_MAX_MEMBER = 4096
MAX_MEMBERS = 180
"""Most members of a baggage header that the SDK reads."""

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
# The common case, that needs no more than to be passed on: no encoded name, no property, no ``+``, no white space.
_SIMPLE_MEMBER = r"[!#-$&-'*\-.0-9A-Z^-z|~]+=[!#-*\--:<-\[\]-~]*"
_SIMPLE_BAGGAGE = re.compile(rf"{_SIMPLE_MEMBER}(?:,{_SIMPLE_MEMBER})*")
# W3C Trace Context, section 3.3.1: key and value
_STATE_MEMBER = re.compile(
    r"(?:[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)


def well_formed(name: str, texts: list[str], once: Collection[str]) -> tuple[str, bool]:
    """Return several headers of one ``name``, one of W3C's, as one that is well-formed, and whether that is all of them.

    Of ``traceparent`` the first counts; the others are lists, and count together. For ``once`` see `baggage_from`.
    """
    if name == "traceparent":
        return _traceparent_from(texts[0] if texts else "")
    header = texts[0] if len(texts) == 1 else ",".join(texts)
    return baggage_from(header, once) if name == "baggage" else trace_state_from(header)


def baggage_from(header: str, once: Collection[str]) -> tuple[str, bool]:
    """Return what of a baggage ``header`` a propagator of the API can read, and whether that is all of it.

    Of the names that count ``once``: they come first, so that they are among what there is room for. The first of
    a name counts: a later one may be another that white space has made the same. They lose their properties, which
    would be read as part of the value. ``+`` stays one in an id, and would be read as a space; in a name, which may
    well have spaces, that is what the propagators of older services mean.
    """
    if is_simple(header, once):
        return header, True
    if len(header) > _MAX_READ:
        return "", False
    found = members(header)
    own: dict[str, str] = {}
    others: list[str] = []
    for member in found:
        if "=" not in member or len(member) > _MAX_MEMBER:
            continue
        name = _name_of(member)
        if not name or name in own or (name not in once and len(others) >= MAX_MEMBERS):
            continue  # unseen: of very many members most are not kept, and to look at each takes long
        if not _BAGGAGE_MEMBER.fullmatch(member):
            continue
        text = "".join(member.split())  # white space may only stand beside a sign there, and older SDKs refuse it
        if name in once:
            plain = text.partition(";")[0]
            own[name] = plain.replace("+", "%2B") if name.endswith((".id", "_id")) else plain
        else:
            others.append(text)
    fit = (member for member in own.values() if len(member) <= _MAX_MEMBER)  # one with a plus has become longer
    kept = _fitting([*fit, *others])
    return ",".join(kept), len(kept) == len(found)


def _name_of(member: str) -> str:
    """Return the name as the propagators of the API have it; one that is nothing but blanks they would send as none."""
    name = member.partition("=")[0]
    return (unquote_plus(name) if "%" in name or "+" in name else name).strip()


def is_simple(header: str, once: Collection[str]) -> bool:
    """Tell whether nothing has to be done for a propagator of the API to read a baggage ``header``: see `baggage_from`."""
    if len(header) > _MAX_MEMBER or _SIMPLE_BAGGAGE.fullmatch(header) is None or header.count(",") >= MAX_MEMBERS:
        return False
    if header.count("session.") <= 1 and header.count("user.id") <= 1:
        return True  # none of ours is there twice
    for name in once:  # noqa: SIM110  # half the time of all(), and asked for each request
        if header.count(name) > 1:
            return False
    return True


def fitted(header: str) -> str:
    """Return a baggage ``header`` with as many of its first members as it may have.

    Those with a space in them take more than the API's propagator has counted, and older SDKs write more.
    """
    if len(header) <= MAX_BAGGAGE and header.count(",") < MAX_MEMBERS:
        return header
    return ",".join(_fitting(members(header)))


def _fitting(found: list[str]) -> list[str]:
    """Return the first of the members ``found``, as many as a header may have."""
    kept = found[:MAX_MEMBERS]
    while sum(map(len, kept)) + len(kept) - 1 > MAX_BAGGAGE:
        kept.pop()
    return kept


def baggage_of(items: Mapping[str, object]) -> str:
    """Return ``items`` as a baggage header (W3C Baggage, section 3.3.1: values are percent-encoded)."""
    return ",".join(f"{quote(key, '')}={quote(str(value), '')}" for key, value in items.items())


def plain_spaces(header: str, names: Collection[str]) -> str:
    """Return a baggage ``header`` of the API's propagator with the spaces in the values of ``names`` as ``%20``.

    It writes ``+``, as in a form, which others read as a plus (opentelemetry-python#5566).
    """
    return ",".join(
        member.replace("+", "%20") if member.partition("=")[0] in names else member for member in header.split(",")
    )


def _traceparent_from(header: str) -> tuple[str, bool]:
    """Return a traceparent ``header``, and whether it is short enough to be one; a longer one is none."""
    return (header, True) if len(header) <= _MAX_TRACEPARENT else ("", False)


def trace_state_from(header: str) -> tuple[str, bool]:
    """Return a tracestate ``header`` without white space beside its members, and whether it is well-formed.

    One that is not is none. Older SDKs refuse the white space, and log the member.
    """
    found = members(header)
    plain = ",".join(found)
    keys = {member.partition("=")[0] for member in found}
    is_good = (
        len(plain) <= _MAX_TRACE_STATE
        and len(found) == len(keys) <= _MAX_STATES
        and all(map(_STATE_MEMBER.fullmatch, found))
    )
    return (plain, True) if is_good else ("", False)


def members(header: str) -> list[str]:
    """Return the members of a list ``header``, without those that are empty."""
    stripped = (member.strip(" \t") for member in header.split(","))
    return [member for member in stripped if member]
