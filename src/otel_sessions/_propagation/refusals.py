"""What did not go out, counted, and the first of each kind said, with the remedy. No ids."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from otel_sessions import _diagnostics
from otel_sessions._forks import ForkSafeLock
from otel_sessions._session.other_names import unknown_part
from otel_sessions._session.session import WIRE_KEYS
from otel_sessions._settings.destinations import NONE, Destinations

from .egress import OFF, UNKNOWN, UNSAMPLED
from .mcp_target import STDIO
from .occurrences import SHORTEST
from .own_names import is_likely_own

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.context import Context

    from otel_sessions._context.state import State

    from .egress import Verdict

_MAX_NAMES = 256
"""Most hosts, and most keys, that are told apart; an application that has more has them made up."""
_OTHERS = "others"
_HIDDEN = "a destination with an id in its name"
_HIDDEN_KEY = "a key with an id in its name"
_NO_NAMES = frozenset({UNKNOWN, UNSAMPLED, STDIO, _HIDDEN})
_LONGEST_KEY = 100
_MAX_WARNED = 16
"""Most hosts that are warned of: what calls more of them is a crawler, and they are not its own."""

_ONE_SETTING = "OTEL_SESSION_PROPAGATE_TO"
_OTHERWISE = (
    "; if it is yours, call it by a name, or by its address in the usual form (10.0.0.1), which can be listed there"
)
_REMEDIES = {
    UNSAMPLED: "it names no host; OTEL_TRACES_SAMPLER=parentbased_session_ratio has such spans remember it",
    OFF: (
        "a tracer configurator has switched it off, so that its span names no host; switch on the scope of the client "
        "(OTEL_PYTHON_TRACER_CONFIGURATOR, or tracer_configurator in a configuration file), or put to_carrier() into "
        "what is sent"
    ),
}


class Refusals:
    """Counts the calls of one guard that were sent without their session, and what was taken out of them."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._hosts: Counter[str] = Counter()
        self._keys: Counter[str] = Counter()
        self._warned = 0

    def hosts(self) -> dict[str, int]:
        """Return how many calls to which host were sent without their session."""
        with self._lock:
            return dict(self._hosts)

    def keys(self) -> dict[str, int]:
        """Return under which keys how many entries were left out."""
        with self._lock:
            return dict(self._keys)

    def of_call(self, verdict: Verdict, state: State, destinations: Destinations, context: Context) -> None:
        """Count a call of the session of ``state`` in ``context``, and say the first one of each host.

        A host that is likely the application's own is a WARNING: see `own_names`.
        """
        host, library = verdict.host, verdict.library  # the first of these is no name where there is the second
        if not self._counted_again(self._hosts, host):
            host = self._counted(self._hosts, _HIDDEN if not library and _names_one(host, state) else host)
        elif not library:
            return
        if host == _OTHERS:
            return
        may_be_own = not library and destinations != NONE and host not in _NO_NAMES
        if may_be_own and self._warned < _MAX_WARNED and is_likely_own(host, context, destinations):
            self._warned += 1
            _diagnostics.warn_once(("refused", host, library), *_said(host, library, destinations))
        else:
            _diagnostics.inform_once(("refused", host, library), *_said(host, library, destinations))

    def of_entries(self, keys: Iterable[str], state: State | None) -> None:
        """Count what was left out by ``keys``, and of the session of ``state``, and say the first of each that is not our own."""
        own = () if state is None else state.items
        for key in {*keys, *own}:
            if self._counted_again(self._keys, key):
                continue
            is_hidden = state is not None and _names_one(unknown_part(key), state)
            counted = self._counted(self._keys, _HIDDEN_KEY if is_hidden else key[:_LONGEST_KEY])
            if counted not in WIRE_KEYS:
                _diagnostics.inform_once(
                    ("withheld", counted),
                    "otel_sessions: %r is left out of calls that are sent without the session: by its name or its value "
                    f"it tells of a session or of a user; {_ONE_SETTING} says who gets those",
                    counted,
                )

    def _counted_again(self, counts: Counter[str], name: str) -> bool:
        """Count what was counted, and so named, before; tell whether it was."""
        with self._lock:
            if name not in counts:
                return False
            counts[name] += 1
        return True

    def _counted(self, counts: Counter[str], name: str) -> str:
        """Count ``name``, and return by which one: there is not room for any number."""
        with self._lock:
            if name not in counts and len(counts) >= _MAX_NAMES:
                name = _OTHERS
            counts[name] += 1
        return name


def _names_one(name: str, state: State) -> bool:
    """Tell whether an id, as given or as shown, stands in ``name``: a short one as a word of it, since ``7`` is in many names."""
    session, lowered = state.session, name.lower()
    ids = (session.id, session.user_id, session.previous_id, *map(str, state.items.values()))
    return any(value and _stands_in(value.lower(), lowered) for value in ids)


def _stands_in(value: str, name: str) -> bool:
    if len(value) >= SHORTEST:
        return value in name
    return re.search(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])", name) is not None


def _said(host: str, library: str, destinations: Destinations) -> tuple[str, ...]:
    """Return what is said of the first call to ``host`` without its session, as a format and its arguments."""
    said = "otel_sessions: calls to %s are sent without the session"
    if host in _REMEDIES:
        by = f" by {library}" if library else ""
        return f"{said}%s: {_REMEDIES[host]}", host, by
    if destinations == NONE:
        return f"{said}: {_ONE_SETTING} is none", host
    if host == STDIO:
        return (
            f"{said}, which {_ONE_SETTING} does not allow; if it is yours: {_ONE_SETTING}=%s,mcp",
            host,
            str(destinations),
        )
    if library:
        remedy = "if that is yours: to_carrier() in the headers, or the message, that you give it"
        return f"{said} by %s, which {_ONE_SETTING} (%s) does not allow; {remedy}", host, library, str(destinations)
    if host in {UNKNOWN, _HIDDEN} or not _can_be_listed(host):
        remedy = "" if host in {UNKNOWN, _HIDDEN} else _OTHERWISE
        return f"{said}, which {_ONE_SETTING} (%s) does not allow{remedy}", host, str(destinations)
    remedy = f"which {_ONE_SETTING} does not allow; if it is yours: {_ONE_SETTING}=%s,%s"
    return f"{said}, {remedy}", host, str(destinations), host


def _can_be_listed(host: str) -> bool:
    """Tell whether the setting takes ``host`` as it is: with what it does not take, it is ``none``."""
    from otel_sessions._settings.hosts import UnusableDestinationError  # noqa: PLC0415  # as where that is used

    try:
        Destinations.parsed((host,))
    except UnusableDestinationError:
        return False
    return True
