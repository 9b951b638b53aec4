"""Asks a `view` that is a process of its own: over sockets, where heads are hostile too, and over gRPC."""

from __future__ import annotations

import gzip
import http.client
import signal
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import grpc

from . import oracle
from .asked import Asked, Maker
from .damage import damaged
from .judging import Answer, fault_of, fault_of_export
from .real_bodies import Real, real_bodies
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

_CLIENTS = 4
_SHOWN = 20
# What has no end yet is waited for by the server, for its rest.
_WAIT_SECONDS = 0.1
_TIMEOUT = 60.0
_SERVICE = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
_METHODS = {
    "traces": _SERVICE.format("trace", "Trace"),
    "logs": _SERVICE.format("logs", "Logs"),
    "metrics": _SERVICE.format("metrics", "Metrics"),
}
_STATUSES = {grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.RESOURCE_EXHAUSTED: 413}
_BOMB_BYTES = 2**26 + 2**20
# One in so many requests.
_BOMBS = 500


@dataclass(slots=True)
class Wired:
    """What was seen; memory of the process that was asked is in MB.

    Attributes:
        over_http: How many requests, ``over_grpc`` likewise.
        hostile_heads: Of those over HTTP, how many had a head that was damaged.
        middle: Its memory when half was done; ``end``: when all was.
    """

    over_http: int = 0
    over_grpc: int = 0
    hostile_heads: int = 0
    faults: int = 0
    shown: list[str] = field(default_factory=list)
    middle: float = 0.0
    end: float = 0.0

    def note(self, what: str) -> None:
        """Count a fault, and keep the first."""
        self.faults += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(what[:1_500])


def run(requests: int, seconds: float, seed: int) -> Wired:
    """Ask ``requests`` times, half of them over gRPC, for no more than ``seconds``."""
    wired = Wired()
    real = real_bodies(7)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
        server = Server(Path(folder) / "view.db", has_grpc=True, errors=errors)
        server.start()
        end = time.monotonic() + seconds
        for half in range(2):
            _ask(wired, server, [_Client(wired, server, real, f"{seed}-{half}-{n}") for n in range(_CLIENTS)],
                 requests // 2, end - (1 - half) * seconds / 2)  # fmt: skip
            wired.middle, wired.end = wired.end, server.rss()
        _find_it_well(wired, server)
        errors.seek(0)
        if said := errors.read():
            wired.note(f"on stderr: {said[:1_000]!r}")
    return wired


def _ask(wired: Wired, server: Server, clients: list[_Client], requests: int, end: float) -> None:
    with ThreadPoolExecutor(_CLIENTS) as pool, grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        for done in [pool.submit(each.ask, requests // _CLIENTS, end, channel) for each in clients]:
            for what, count in zip(("over_http", "over_grpc", "hostile_heads"), done.result(), strict=True):
                setattr(wired, what, getattr(wired, what) + count)


def _find_it_well(wired: Wired, server: Server) -> None:
    """See that it still answers, and ends as it should."""
    try:
        server.get("/api/coverage")
        server.get("/api/sessions")
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        wired.note(f"it does not answer at the end: {error!r}")
    status = server.end(signal.SIGINT)
    if status:
        wired.note(f"it ends with {status}")


class _Client:
    """Asks one request after the other."""

    def __init__(self, wired: Wired, server: Server, real: list[Real], seed: str) -> None:
        self._wired = wired
        self._port = server.port
        self._dice = Random(seed)  # noqa: S311  # to be run again
        self._real = [each for each in real if each.form == "protobuf"]
        self._maker = Maker(self._dice, real)
        self._bomb = gzip.compress(bytes(_BOMB_BYTES), 9)

    def ask(self, requests: int, end: float, channel: grpc.Channel) -> tuple[int, int, int]:
        """Return how many were asked over HTTP, over gRPC, and with a hostile head."""
        calls: dict[str, Callable[..., bytes]] = {
            signal: channel.unary_unary(method) for signal, method in _METHODS.items()
        }
        done = hostile = 0
        while done < requests and time.monotonic() < end:
            hostile += self._over_http()
            self._over_grpc(calls)
            done += 2
        return done // 2, done // 2, hostile

    def _over_grpc(self, calls: dict[str, Callable[..., bytes]]) -> None:
        real = self._dice.choice(self._real)
        body = self._maker.body(real)
        expected = oracle.of_body(real.signal, "protobuf", "identity", body)
        status, answer = 200, b""
        try:
            answer = calls[real.signal](body, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            status = _STATUSES.get(error.code(), 500)
            trailers: Any = error.trailing_metadata()
            answer = dict(trailers or ()).get("grpc-status-details-bin", b"")
        fault = fault_of_export(real.signal, "protobuf", expected, status, answer)
        if status not in expected.statuses:
            fault = f"status {status} instead of {sorted(expected.statuses)}"
        if fault is not None:
            self._wired.note(f"over gRPC: {fault}\n  by {body[:600]!r}")

    def _over_http(self) -> bool:
        """Return whether the head was hostile."""
        asked = self._asked()
        if self._dice.random() < 1 / _BOMBS:
            asked = self._bombing(asked)
        raw = _raw(asked, is_chunked=self._dice.random() < 0.2)
        is_hostile = self._dice.random() < 0.1
        if is_hostile:
            head, _, body = raw.partition(b"\r\n\r\n")
            raw = damaged(self._dice, head, [head, self._dice.randbytes(40)]) + b"\r\n\r\n" + body
        try:
            answer = self._answer(raw, asked.method, _WAIT_SECONDS if is_hostile else _TIMEOUT)
        except (OSError, http.client.HTTPException) as error:
            if not is_hostile:
                self._wired.note(f"over HTTP: no answer: {error!r}\n  by {raw[:600]!r}")
            return is_hostile
        fault = _fault_of_any(answer) if is_hostile else _fault(asked, answer)
        if fault is not None:
            self._wired.note(f"over HTTP: {fault}\n  by {raw[:600]!r}")
        return is_hostile

    def _asked(self) -> Asked:
        """Return what is not about a token: there is none."""
        while (asked := self._maker.next()).with_token:
            pass
        return asked

    def _bombing(self, asked: Asked) -> Asked:
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
        expected = oracle.Expected(frozenset({413}))
        return asked._replace(method="POST", path="/v1/traces", query=b"", headers=headers, body=self._bomb,
                              signal="traces", form="json", expected=expected)  # fmt: skip

    def _answer(self, raw: bytes, method: str, seconds: float) -> Answer:
        with socket.create_connection(("127.0.0.1", self._port), _TIMEOUT) as connection:
            connection.settimeout(seconds)
            with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before all has come
                connection.sendall(raw)
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            headers = {name.lower().encode(): value.encode("latin-1") for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())


def _raw(asked: Asked, *, is_chunked: bool) -> bytes:
    """Return a request as it stands on the wire."""
    target = quote(asked.path, safe="/%", errors="replace").encode() + (b"?" + asked.query if asked.query else b"")
    lines = [asked.method.encode() + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in asked.headers]
    body = asked.body
    if any(name == b"content-length" for name, _ in asked.headers):
        pass
    elif is_chunked and body:
        lines.append(b"transfer-encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _fault(asked: Asked, answer: Answer) -> str | None:
    """Return what is wrong; what the parser of HTTP refuses is answered by it."""
    is_refused_as_http = answer.status == 400 and answer.headers.get(b"content-type", b"").startswith(b"text/plain")
    return None if is_refused_as_http else fault_of(asked, answer)


def _fault_of_any(answer: Answer) -> str | None:
    return f"status {answer.status}: {answer.body[:200]!r}" if answer.status >= 500 else None
