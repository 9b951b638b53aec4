"""Who may send, and who may read: hosts, origins and tokens. Pure, but for the tickets that are handed out."""

from __future__ import annotations

import hmac
import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# Cookies of browsers that opened the page with the token; the oldest is forgotten.
_MAX_COOKIES = 1_000


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or its address, without asking anybody."""
    if host in _LOOPBACK_NAMES or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_host_allowed(header: str, allowed: frozenset[str]) -> bool:
    """Tell whether a ``Host`` header names this server.

    Any address does. A page elsewhere can't make a browser send one that is not where the page came from: what it can
    have is a name of its own that leads here (DNS rebinding).

    Args:
        header: With a port or without.
        allowed: Names beside those of loopback, in lower case.
    """
    host = _host_of(f"//{header}")
    if host is None:
        return False
    return is_loopback(host) or host in allowed or _is_address(host)


def is_loopback_origin(origin: str) -> bool:
    """Tell whether an ``Origin`` header is a page of this machine."""
    host = _host_of(origin)
    return host is not None and is_loopback(host) and origin.startswith(("http://", "https://"))


def is_same_origin(origin: str, host: str) -> bool:
    """Tell whether an ``Origin`` header is a page of this server, which its ``Host`` header names."""
    return origin.lower() == f"http://{host}".lower()


class Tokens:
    """Knows the token, and what was handed out to browsers for it.

    Args:
        token: What has to be shown; ``None`` lets everybody in.
    """

    def __init__(self, token: str | None) -> None:
        """Let in who shows ``token``."""
        self._token = token
        self._tickets: set[str] = set()
        self._cookies: dict[str, None] = {}

    @property
    def are_needed(self) -> bool:
        """Whether a token has to be shown."""
        return self._token is not None

    def ticket(self) -> str:
        """Return what opens the page once: unlike the token it may stand in a command line or a history."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return ticket

    def is_bearer(self, authorization: str) -> bool:
        """Tell whether the value of an ``Authorization`` header shows the token."""
        scheme, _, shown = authorization.partition(" ")
        return self._token is None or (scheme.lower() == "bearer" and _equal(shown.strip(), self._token))

    def cookie_for(self, shown: str) -> str | None:
        """Return a new cookie for the token or a ticket, ``None`` for anything else."""
        if shown in self._tickets:
            self._tickets.discard(shown)
        elif self._token is None or not _equal(shown, self._token):
            return None
        if len(self._cookies) >= _MAX_COOKIES:
            del self._cookies[next(iter(self._cookies))]
        cookie = secrets.token_urlsafe(24)
        self._cookies[cookie] = None
        return cookie

    def is_cookie(self, shown: str) -> bool:
        """Tell whether a cookie was handed out here."""
        return shown in self._cookies


def _host_of(url: str) -> str | None:
    """Return the host of a URL in lower case, ``None`` where there is none or it is more than a host and a port."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    if parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        return None
    return parts.hostname


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _equal(shown: str, token: str) -> bool:
    """Compare in a time that tells nothing of the token."""
    return hmac.compare_digest(shown.encode("utf-8", "replace"), token.encode())
