"""OTLP over HTTP, as ASGI: what the protocol has a server answer (OTLP 1.x, "OTLP/HTTP")."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from . import refusals
from .access import is_loopback_origin
from .answers import MEDIA_TYPES, NOWHERE, status, success
from .refusals import refusal_of
from .unpacking import ENCODINGS, MAX_BODY_SIZE, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from .access import Tokens
    from .answers import Form, Rejected, Signal
    from .intake import Intake
    from .refusals import Refusal

# Until the next piece of a body comes.
BODY_SECONDS = 30.0

_SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")
_FORMS: dict[bytes, Form] = {
    b"application/x-protobuf": "protobuf",
    b"application/protobuf": "protobuf",
    b"application/json": "json",
}
_HEADERS_OF = {401: ((b"www-authenticate", b"Bearer"),), 405: ((b"allow", b"POST, OPTIONS"),)}
_NO_CONTENT = 204
_MEDIA_TYPES = {form: media_type.encode() for form, media_type in MEDIA_TYPES.items()}


def otlp_endpoints(intake: Intake, tokens: Tokens, cors: Collection[str] = ()) -> dict[str, ASGIApp]:
    """Return what answers at each path of OTLP, and at ``/v1/{rest:path}``, which is none.

    Args:
        intake: Takes the requests.
        tokens: Knows who may send.
        cors: Origins of pages that may send, beside those of this machine; ``*`` for any.
    """
    signals = {f"/v1/{signal}": _Endpoint(signal, intake, tokens, cors) for signal in _SIGNALS}
    return {**signals, NOWHERE: _Endpoint(None, intake, tokens, cors)}


class _Refused(Exception):  # noqa: N818  # no error: it carries an answer
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class _Gone(Exception):  # noqa: N818  # no error: nobody is there to answer
    """The client has gone before its body was there."""


class _Answer(NamedTuple):
    status: int
    media_type: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _Endpoint:
    """Answers requests for one signal, or for a path that is none's."""

    def __init__(self, signal: Signal | None, intake: Intake, tokens: Tokens, cors: Collection[str]) -> None:
        self._signal: Signal | None = signal
        self._intake = intake
        self._tokens = tokens
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin")
        if origin is not None and not self._may_send(origin):
            answer = _refused(refusals.FOREIGN_ORIGIN, _form(headers))
        elif scope["method"] == "OPTIONS" and origin is not None:
            answer = _preflight(headers)
        else:
            try:
                answer = await self._answer(scope["method"], headers, receive)
            except _Gone:
                return
        # A page of an origin that may send reads the answer, without its cookies.
        allowed = () if origin is None or answer.status == refusals.FOREIGN_ORIGIN.status else _allowed(origin)
        await _send(send, answer, allowed)

    def _may_send(self, origin: bytes) -> bool:
        text = origin.decode("latin-1")
        return is_loopback_origin(text) or text in self._cors or "*" in self._cors

    async def _answer(self, method: str, headers: Mapping[bytes, bytes], receive: Receive) -> _Answer:
        form = _form(headers)
        try:
            return await self._kept(method, headers, form, receive)
        except _Gone:
            raise
        except _Refused as refused:
            return _refused(refused.refusal, form)
        except Exception as error:  # noqa: BLE001  # whatever the store raises
            return _refused(refusal_of(error), form)

    async def _kept(self, method: str, headers: Mapping[bytes, bytes], form: Form | None, receive: Receive) -> _Answer:
        """Return the answer to what was kept."""
        signal = self._expected(method, headers)
        encoding = headers.get(b"content-encoding", b"identity").strip().lower().decode("latin-1")
        if form is None:
            raise _Refused(refusals.UNKNOWN_FORM)
        if encoding not in ENCODINGS:
            raise _Refused(refusals.UNKNOWN_ENCODING)
        with self._intake.waiting() as take:
            body = await _body(headers, receive, take)
            rejected = await self._written(signal, form, encoding, body)
        return _Answer(200, _MEDIA_TYPES[form], success(signal, form, rejected))

    async def _written(self, signal: Signal, form: Form, encoding: str, body: bytes) -> Rejected | None:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Rejected | None] = loop.create_future()

        def done(rejected: Rejected | None, error: Exception | None) -> None:
            with suppress(RuntimeError):  # the loop has ended, and nobody is there to answer
                loop.call_soon_threadsafe(_settle, outcome, rejected, error)

        self._intake.submit(signal, form, encoding, body, done)
        return await outcome

    def _expected(self, method: str, headers: Mapping[bytes, bytes]) -> Signal:
        if self._signal is None:
            raise _Refused(refusals.NOWHERE)
        if method != "POST":
            raise _Refused(refusals.NOT_POST)
        if self._tokens.are_needed and not self._tokens.is_bearer(headers.get(b"authorization", b"").decode("latin-1")):
            raise _Refused(refusals.NOT_AUTHENTICATED)
        return self._signal


def _settle(outcome: asyncio.Future[Rejected | None], rejected: Rejected | None, error: Exception | None) -> None:
    if outcome.cancelled():
        return
    if error is None:
        outcome.set_result(rejected)
    else:
        outcome.set_exception(error)


def _form(headers: Mapping[bytes, bytes]) -> Form | None:
    return _FORMS.get(headers.get(b"content-type", b"").partition(b";")[0].strip().lower())


async def _body(headers: Mapping[bytes, bytes], receive: Receive, take: Callable[[int], None]) -> bytes:
    """Return the body, each piece of which is counted with ``take`` as it comes."""
    if int(headers.get(b"content-length", b"0")) > MAX_BODY_SIZE:  # a number, as the parser of HTTP has seen
        raise TooLargeError
    pieces: list[bytes] = []
    size = 0
    message = await receive()
    while message["type"] == "http.request":
        piece = message["body"]
        size += len(piece)
        if size > MAX_BODY_SIZE:
            raise TooLargeError
        take(len(piece))
        pieces.append(piece)
        if not message["more_body"]:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS)
        except asyncio.TimeoutError as error:
            raise _Refused(refusals.TOO_SLOW) from error
    raise _Gone


def _refused(refusal: Refusal, form: Form | None) -> _Answer:
    """Return a refusal in the encoding of its request, which OTLP asks for, and as JSON where that has none."""
    form = form or "json"
    body = status(refusal.code, refusal.message, form, refusal.retry_seconds)
    headers = _HEADERS_OF.get(refusal.status, ())
    if refusal.retry_seconds is not None:
        headers = (*headers, (b"retry-after", str(refusal.retry_seconds).encode()))
    return _Answer(refusal.status, _MEDIA_TYPES[form], body, headers)


def _preflight(headers: Mapping[bytes, bytes]) -> _Answer:
    """Return what lets a page send with the headers that it asks for (Fetch, "CORS-preflight fetch")."""
    allowed = [
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", headers.get(b"access-control-request-headers", b"content-type")),
        (b"access-control-max-age", b"3600"),
    ]
    if b"access-control-request-private-network" in headers:  # a page that is not of this machine
        allowed.append((b"access-control-allow-private-network", b"true"))
    return _Answer(204, b"", b"", tuple(allowed))


def _allowed(origin: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"Origin"),
    )


async def _send(send: Send, answer: _Answer, more: tuple[tuple[bytes, bytes], ...]) -> None:
    headers = [*answer.headers, *more]
    if answer.status != _NO_CONTENT:
        headers += ((b"content-type", answer.media_type), (b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
