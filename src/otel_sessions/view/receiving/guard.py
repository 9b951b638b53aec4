"""What stands before everything that is served: the host that is meant, the page that asks, the token; as ASGI."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from . import answers
from .access import is_host_allowed, is_same_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .access import Tokens

_log = logging.getLogger(__name__)

_OTLP_PREFIX = "/v1/"
# Everything comes from here, and nothing is written into a page that a browser would run.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_NOT_STORED = (b"cache-control", b"no-store")
_TOKEN = "token"  # noqa: S105  # the name of a parameter


class Guard:
    """Lets through to ``app`` what may ask it.

    Args:
        app: Gets what is asked for pages and the API, and what is none of ``otlp``.
        otlp: What answers at the paths of OTLP. It has rules of its own, and no router to pass, which would take as long
            as all that is done here.
        tokens: Knows who may read.
        hosts: Names of this server beside those of loopback, in lower case.
        cookie: The name of the cookie: those of one host hold for all its ports.
    """

    def __init__(
        self, app: ASGIApp, otlp: Mapping[str, ASGIApp], tokens: Tokens, hosts: frozenset[str], cookie: str
    ) -> None:
        """Stand before ``app``."""
        self._app = app
        self._otlp = otlp
        self._tokens = tokens
        self._hosts = hosts
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let ``app`` do it."""
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        is_otlp = scope["path"].startswith(_OTLP_PREFIX)
        if not is_host_allowed(host, self._hosts):
            message = f"this server is not {host!r}: see the option --allow-host"
            await (_refuse_sender(send, message) if is_otlp else _say(send, 403, message))
        elif is_otlp:
            # Not by the router, to which a path with the end of a line in it is none of these.
            await self._otlp.get(scope["path"], self._otlp[answers.NOWHERE])(scope, receive, send)
        else:
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            await self._show(scope, headers, receive, _with_headers(send))

    async def _show(self, scope: Scope, headers: Mapping[bytes, str], receive: Receive, send: Send) -> None:
        if not _is_own_page(headers):
            await _say(send, 403, "pages from elsewhere may not read this")
        elif self._may_read(headers):
            await self._run(scope, receive, send)
        elif cookie := self._cookie_for(scope):
            await _redirect(send, _without_token(scope), f"{self._cookie}={cookie}; Path=/; HttpOnly; SameSite=Strict")
        else:
            message = (
                "open the link that otel-sessions view has written, or send the header Authorization: Bearer TOKEN"
            )
            await _say(send, 401, message, (b"www-authenticate", b"Bearer"))

    def _may_read(self, headers: Mapping[bytes, str]) -> bool:
        if not self._tokens.are_needed or self._tokens.is_bearer(headers.get(b"authorization", "")):
            return True
        cookies = (part.strip().partition("=") for part in headers.get(b"cookie", "").split(";"))
        return any(name == self._cookie and self._tokens.is_cookie(value) for name, _, value in cookies)

    def _cookie_for(self, scope: Scope) -> str | None:
        shown = dict(_query(scope)).get(_TOKEN)
        return None if shown is None or scope["method"] != "GET" else self._tokens.cookie_for(shown)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:  # noqa: BLE001  # starlette has answered, and raises it once more to be logged
            _log.exception("a page could not be shown")


def _is_own_page(headers: Mapping[bytes, str]) -> bool:
    """Tell whether no page from elsewhere asks; that a link there was followed is no harm."""
    origin = headers.get(b"origin")
    if origin is not None and not is_same_origin(origin, headers[b"host"]):
        return False
    is_elsewhere = headers.get(b"sec-fetch-site") in {"cross-site", "same-site"}
    return not is_elsewhere or headers.get(b"sec-fetch-mode") == "navigate"


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _without_token(scope: Scope) -> bytes:
    """Return the path, which can't be read as that of another host, and the query without the token."""
    path = "/" + quote(scope["path"].lstrip("/\\"))
    query = urlencode([(name, value) for name, value in _query(scope) if name != _TOKEN])
    return (f"{path}?{query}" if query else path).encode()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            # Assets may be stored, and say so.
            own = _HEADERS if any(name.lower() == _NOT_STORED[0] for name, _ in headers) else (*_HEADERS, _NOT_STORED)
            message = {**message, "headers": [*headers, *own]}
        await send(message)

    return sending


async def _refuse_sender(send: Send, message: str) -> None:
    body = answers.status(answers.PERMISSION_DENIED, message, "json")
    await _send(send, 403, body, (b"content-type", b"application/json"))


async def _say(send: Send, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
    await _send(send, status, f"{message}\n".encode(), (b"content-type", b"text/plain; charset=utf-8"), *headers)


async def _redirect(send: Send, location: bytes, cookie: str) -> None:
    await _send(send, 303, b"", (b"location", location), (b"set-cookie", cookie.encode()))


async def _send(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    sized = (*headers, (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": list(sized)})
    await send({"type": "http.response.body", "body": body})
