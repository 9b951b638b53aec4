"""What of a W3C header is well-formed, and how one is written. Pure, but for one warning.

The propagators of the API check the same, and log what they refuse with all that is in it, each
time; so they are given only what passes here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote, unquote_plus

from otel_sessions import _diagnostics
from otel_sessions._session import ids
from otel_sessions._session.session import ID_KEYS, TAGS
from otel_sessions._session.wire_room import MAX_BAGGAGE, MAX_MEMBER

from .spaces import pluses_kept

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MAX_READ = 32768
"""Longest header that is looked at at all, in characters; most servers take no more of one either."""

_MAX_TRACEPARENT = 512
"""Longest traceparent, in characters: far more than the 55 that there are (W3C Trace Context, section 3.2).

The API's pattern takes the square of its length in time where a line break stands behind blanks.
"""

MAX_MEMBERS = 180
"""Most members of a baggage header that the SDK reads."""

_MOST_OF_A_NAME = 8
"""Most members of one name, in one spelling, that are looked at: the last ones."""

_Candidates: TypeAlias = "tuple[list[str], list[str]]"
"""Members of one name of ours: those whose name is encoded, and those whose name is spelled in full."""

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

    Of ``traceparent`` the first counts; the others are lists, and count together. What is there twice and the same is
    there once: so it is where an application writes headers, and an instrumentation after it. For ``once`` see `baggage_from`.
    """
    if name == "traceparent":
        return _traceparent_from(texts[0] if texts else "")
    header = texts[0] if len(texts) == 1 else ",".join(texts)
    return baggage_from(header, once) if name == "baggage" else trace_state_from(header)


def baggage_from(header: str, once: Collection[str]) -> tuple[str, bool]:
    """Return what of a baggage ``header`` a propagator of the API can read, and whether that is all of it.

    Of the names that count ``once``: they come first, so that they are among what there is room for. The last of a name
    counts, as in the SDKs of all languages, so that a request is in one session throughout a fleet: the last that is of
    use, and one whose name is spelled in full before one that only decoding has made the same. They lose their
    properties, which would be read as part of the value. For ``+`` see `spaces`.
    """
    if is_simple(header, once):
        return header, True
    if len(header) > _MAX_READ:
        return "", False
    found = list(dict.fromkeys(reversed(members(header))))[::-1]  # of what is there twice and the same, the last
    own: dict[str, _Candidates] = {}
    others: list[str] = []
    for member in found:
        if "=" not in member or len(member) > MAX_MEMBER:
            continue
        spelled = member.partition("=")[0].rstrip()
        name = _name_of(spelled, once)
        if name in once:
            own.setdefault(name, ([], []))[spelled == name].append(member)
        elif name and len(others) < MAX_MEMBERS and _BAGGAGE_MEMBER.fullmatch(member):
            others.append("".join(member.split()))  # white space may only stand beside a sign there
    read = {name: _well_spelled(name, candidates) for name, candidates in own.items()}
    if "+" in header and any("+" in text for texts in read.values() for text in texts):
        read = _with_pluses(read)
    kept = _fitting([*filter(None, (_last_good(name, texts) for name, texts in read.items())), *others])
    return ",".join(kept), len(kept) == len(found)


def _well_spelled(name: str, candidates: _Candidates) -> list[str]:
    """Return the well-formed members of one name, the last first, without white space, which older SDKs refuse."""
    encoded, plain = candidates
    last = [*plain[: -_MOST_OF_A_NAME - 1 : -1], *encoded[: -_MOST_OF_A_NAME - 1 : -1]]
    texts = ["".join(member.partition(";")[0].split()) for member in last if _BAGGAGE_MEMBER.fullmatch(member)]
    return [f"{quote(name, '')}={text.partition('=')[2]}" for text in texts] if encoded else texts


def _with_pluses(read: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the members of each name with each ``+`` that stands for itself encoded."""
    beside = ",".join(text.partition("=")[2] for texts in read.values() for text in texts)
    return {
        name: [_with_plus(name, text, beside) if "+" in text else text for text in texts]
        for name, texts in read.items()
    }


def _with_plus(name: str, text: str, beside: str) -> str:
    spelled, _, value = text.partition("=")
    return f"{spelled.replace('+', '%2B')}={pluses_kept(value, beside, is_id=name.endswith(('.id', '_id')))}"


def _last_good(name: str, texts: list[str]) -> str | None:
    """Return the first of the members ``texts`` that is of use; where none is, the first, to be complained of."""
    fit = [text for text in texts if len(text) <= MAX_MEMBER]  # one with a plus has become longer
    if len(fit) < 2:  # noqa: PLR2004  # what it is worth is told where it is read
        return fit[0] if fit else None
    return next((text for text in fit if _is_of_use(name, text)), fit[0])


def _is_of_use(name: str, text: str) -> bool:
    value = unquote_plus(text.partition("=")[2]).strip()
    if name == TAGS:
        return bool(value)
    return ids.is_plain_id(value) if name in ID_KEYS else ids.is_plain_text(value)


def _name_of(spelled: str, once: Collection[str]) -> str:
    """Return a name as the propagators of the API have it; one that is nothing but blanks they would send as none.

    A ``+`` in a name of ours is one.
    """
    if "%" not in spelled and "+" not in spelled:
        return spelled.strip()
    literal = unquote(spelled).strip()
    return literal if literal in once else unquote_plus(spelled).strip()


def is_simple(header: str, once: Collection[str]) -> bool:
    """Tell whether nothing has to be done for a propagator of the API to read a baggage ``header``: see `baggage_from`."""
    if len(header) > MAX_MEMBER or _SIMPLE_BAGGAGE.fullmatch(header) is None or header.count(",") >= MAX_MEMBERS:
        return False
    if header.count("session.") <= 1 and header.count("user.id") <= 1:
        return True  # none of ours is there twice
    for name in once:  # noqa: SIM110  # half the time of all(), and asked for each request
        if header.count(name) > 1:
            return False
    return True


def read_simple(header: str) -> dict[str, object]:
    """Return the entries of a baggage ``header`` that `is_simple`, as the propagator of the API reads them."""
    items: dict[str, object] = {}
    for member in header.split(","):
        name, _, value = member.partition("=")
        items[name] = unquote(value).strip() if "%" in value else value
    return items


def fitted(header: str) -> str:
    """Return a baggage ``header`` with as many of its first members as it may have.

    Those with a space in them take more than the API's propagator has counted, and older SDKs write more.
    """
    if len(header) <= MAX_BAGGAGE and header.count(",") < MAX_MEMBERS:
        return header
    _diagnostics.warn_once(
        "no room in baggage",
        "otel_sessions: baggage of others, which stands behind the session's, is left out of a call: a header has room for "
        "%d entries and %d characters; put less into baggage",
        MAX_MEMBERS,
        MAX_BAGGAGE,
    )
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
    found = list(dict.fromkeys(members(header)))
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
