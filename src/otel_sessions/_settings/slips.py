"""Values that are right by their form and hardly meant as what they are: slips of the pen. Pure.

What is found here is said, so that nobody has, say, all conversations of a fleet in one session of the name `environment`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

_CLOSE = 0.85
"""How like a word another has to be for it: one letter that is missing, doubled, or in the place of its neighbour."""

_LIKE = {
    "environ": frozenset({"environment", "env"}),
    "auto": frozenset({"automatic", "atuo", "aut", "auot", "random", "uuid"}),
}
_SWITCHES = frozenset({"true", "false", "yes", "no", "on", "off", "none", "null", "nil", "undefined"})
_EVERYWHERE = frozenset({"any", "anywhere", "every", "everywhere", "everything", "everyone", "public"})
_NOWHERE = frozenset({"nobody", "nothing", "nowhere"})
_WORDS = frozenset({"private", "all", "none", "mcp"})

# RFC 9110, sections 11.6.2 and 11.7.2, and RFC 6265: who sends them is let in by them, and they change.
_SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_READ_ANYWAY = frozenset({"baggage", "traceparent", "tracestate"})

# What shells, Compose, Windows, and templates would have filled in, and documentation shows; with an @ it is the id of a mail.
_NOT_FILLED_IN = re.compile(r"\$\w+|\$[({][^()}]*[)}]|%\w+%|\{\{.*\}\}|\{\w+\}|<[^<>@]*>")
_QUOTED = re.compile(r"""(["'])(.+)\1""", re.DOTALL)


def unquoted(text: str) -> str:
    """Return ``text`` without the quotes around it, which tools that read a file of variables may leave there."""
    quoted = _QUOTED.fullmatch(text)
    return quoted[2].strip() if quoted else text


def of_id(text: str) -> str | None:
    """Return what is wrong with ``text`` as an id of the whole process; ``None`` for nothing."""
    if text.lower() in _SWITCHES:
        return "it says yes or no, or nothing, and is no id"
    if _NOT_FILLED_IN.fullmatch(text):
        return "it is the name of something that was not filled in"
    return None


def of_session_id(text: str) -> str | None:
    """Return what is wrong with ``text`` as the session of the whole process; ``None`` for nothing."""
    word = text.lower()
    for meant, like in _LIKE.items():
        if word in like:
            return f"{meant} may be meant"
    if word != "environ" and _is_slip_of("environ", word):
        return "environ may be meant"
    return of_id(text)


def of_destination(item: str) -> str | None:
    """Return what to say of a name of one label that is listed as a host; ``None`` for nothing."""
    if item in _WORDS:
        return None
    if item in _SWITCHES or item in _EVERYWHERE or item in _NOWHERE:
        return "a host of that name; did you mean one of private, all, none?"
    if _is_slip_of("private", item):
        return "a host of that name; did you mean private?"
    return None


def of_header(name: str) -> str | None:
    """Return what is wrong with the header ``name`` as one that names a session or a user; ``None`` for nothing."""
    if name in _SECRET:
        return f"{name} holds a secret, which would be on every span"
    return f"{name} is no id, and is read anyway" if name in _READ_ANYWAY else None


def _is_slip_of(meant: str, word: str) -> bool:
    """Tell whether ``word`` is ``meant`` but for a letter; with a digit behind it, it is a name."""
    return word.isalpha() and bool(get_close_matches(word, [meant], 1, _CLOSE))
