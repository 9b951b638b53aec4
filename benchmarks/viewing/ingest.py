"""How many spans a server takes per second of its CPU, until it has done all that it does with them."""

from __future__ import annotations

import http.client
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.chat_load import Load, requests_of

from .servers import running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.chat_load import Request

    from .servers import Kind, Running

_CONNECTIONS = 2


class Case(NamedTuple):
    """One kind of requests.

    Attributes:
        name: What it is called on the page.
        load: What is sent.
        of_slow: How many spans are enough for a server that takes few in a second; 0 where it has no turn.
    """

    name: str
    load: Load
    of_slow: int


class Figure(NamedTuple):
    """What one run has shown, of spans and bytes per second of the server's CPU."""

    spans: float
    megabytes: float


def cases(*, is_quick: bool) -> list[Case]:
    """Return what is sent."""
    part = 40 if is_quick else 1
    return [
        Case("512 spans a request", Load(8_000 // part), 2_560),
        Case("32 spans a request", Load(2_000 // part, 32), 0),
        Case("4 spans a request", Load(1_000 // part, 4), 0),
        Case("512 spans of 20 kB a request", Load(400 // part, 512, 20_000), 0),
    ]


def measure(kind: Kind, case: Case, *, is_slow: bool) -> Figure:
    """Start a server, warm it up, send all requests, and wait until it is quiet."""
    with tempfile.TemporaryDirectory() as folder, running(kind, Path(folder)) as server:
        send(server, requests_of(case.load._replace(sessions=40), seed=1))
        server.wait_until_quiet()
        chosen = _first(requests_of(case.load), case.of_slow if is_slow else case.load.spans)
        before = server.cpu()
        send(server, chosen)
        server.wait_until_quiet()
        used = server.cpu() - before
    return Figure(sum(each.spans for each in chosen) / used, sum(len(each.body) for each in chosen) / used / 1e6)


def send(server: Running, requests: Iterable[Request]) -> None:
    """Send all requests over connections that stay open; one that is not taken is an error.

    A connection takes its next request when the one before is answered, so no queue grows in the server.
    """
    each = iter(requests)
    lock = threading.Lock()

    def taken() -> Iterator[Request]:
        while True:
            with lock:
                request = next(each, None)
            if request is None:
                return
            yield request

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for done in [pool.submit(_send_over, server, taken()) for _ in range(_CONNECTIONS)]:
            done.result()


def _first(requests: Iterable[Request], spans: int) -> Sequence[Request]:
    chosen: list[Request] = []
    sent = 0
    for request in requests:
        if sent >= spans:
            break
        chosen.append(request)
        sent += request.spans
    return chosen


def _send_over(server: Running, requests: Iterable[Request]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    headers = {"Content-Type": "application/x-protobuf", **server.kind.headers}
    for request in requests:
        connection.request("POST", "/v1/traces", request.body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            message = f"{server.kind.name} has answered {answer.status}"
            raise RuntimeError(message)
    connection.close()
