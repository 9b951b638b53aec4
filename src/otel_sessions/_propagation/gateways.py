"""The session as headers of a request, for gateways that read it there: one table, and the call that uses it.

A gateway stands between the application and the provider, and sees requests, not spans. To name the session to it is
an act of the application, in one call; what goes out by itself, and to whom, is not concerned (`egress`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from otel_sessions import _diagnostics
from otel_sessions._context.entry import get_current
from otel_sessions._context.resolution import state_in
from otel_sessions._context.state import as_of_now
from otel_sessions._session.session import METADATA_PREFIX, NAME, PATH, SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Gateway:
    """What one gateway reads: a row of the table.

    Attributes:
        name: What a user calls it.
        address: Where its headers are documented.
        headers: Pairs of its header and our key.
        defaults: Values of headers that a request of a session has in any case.
        metadata: What stands before each key of the metadata.
    """

    name: str
    address: str
    headers: tuple[tuple[str, str], ...]
    defaults: tuple[tuple[str, str], ...] = ()
    metadata: str = ""


_TABLE = (
    Gateway(
        "helicone",
        "https://docs.helicone.ai/helicone-headers/header-directory",
        (
            ("Helicone-Session-Id", SESSION_ID),
            ("Helicone-Session-Path", PATH),
            ("Helicone-Session-Name", NAME),
            ("Helicone-User-Id", USER_ID),
        ),
        (("Helicone-Session-Path", "/"),),
        metadata="Helicone-Property-",
    ),
)

_GATEWAYS = {gateway.name: gateway for gateway in _TABLE}

# RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PRINTABLE_ASCII = "".join(map(chr, range(0x20, 0x7F)))


def session_headers(gateway: str) -> dict[str, str]:
    """Return the current session as headers of a request through a gateway, empty where there is none.

    ::

        client.chat.completions.create(..., extra_headers=session_headers("helicone"))

    As ids may be shown (``OTEL_SESSION_USER_PRIVACY``); of the metadata what ``OTEL_SESSION_METADATA_ON_WIRE``
    lists. A value that is not ASCII is percent-encoded UTF-8 (RFC 3986), as HTTP clients refuse others.

    Args:
        gateway: ``"helicone"``: ``Helicone-Session-Id``, ``-Session-Path`` (``/`` outside of steps),
            ``-Session-Name``, ``Helicone-User-Id``, and ``Helicone-Property-<key>`` of the metadata.

    Whoever the request goes to gets the headers: pass them where the client calls the gateway. Never raises.
    """
    row = _row_of(gateway)
    if row is None:
        known = ", ".join(_GATEWAYS)
        _diagnostics.warn_caller(
            "gateway", "session_headers: that gateway is not known, so there are no headers; %s is", known
        )
        return {}
    try:
        state = state_in(get_current())
        return {} if state is None else _headers(row, as_of_now(state).items)
    except Exception as error:  # noqa: BLE001  # telemetry must not break the application
        _diagnostics.warn_caller("session_headers", "session_headers: reading raised %s", type(error).__name__)
        return {}


def _row_of(name: object) -> Gateway | None:
    return _GATEWAYS.get(name) if isinstance(name, str) else None


def _headers(gateway: Gateway, items: Mapping[str, object]) -> dict[str, str]:
    """Return what travels of a session, its baggage ``items``, under the names of ``gateway``."""
    found = dict(gateway.defaults) if SESSION_ID in items else {}
    found |= {name: _value(items[key]) for name, key in gateway.headers if key in items}
    return found | _properties(gateway, items)


def _properties(gateway: Gateway, items: Mapping[str, object]) -> dict[str, str]:
    metadata = {key.removeprefix(METADATA_PREFIX): key for key in items if key.startswith(METADATA_PREFIX)}
    if not all(map(_TOKEN.fullmatch, metadata)):
        _diagnostics.warn_caller(
            "header name", "session_headers: a key of the metadata can't be the name of a header, and is left out"
        )
    return {gateway.metadata + name: _value(items[key]) for name, key in metadata.items() if _TOKEN.fullmatch(name)}


def _value(value: object) -> str:
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return quote(text, safe=_PRINTABLE_ASCII.replace("%", ""))
