"""Killed in mid-write, started again, and what was not answered sent again: nothing acknowledged is lost, nothing twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.chat_load import Load, requests_of

from .all_answers import digests, settled
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable

_SENDERS = 3


class Kills(NamedTuple):
    """What was seen.

    Attributes:
        kills: How many.
        acknowledged: Spans of requests that were answered with success.
        lost: Of these, how many are not there.
        twice: By how many spans the sums are above those that were sent.
        differs: Answers that a fresh reindex of the file changes, by path.
    """

    kills: int
    acknowledged: int
    lost: int
    twice: int
    differs: list[str]


def run(kills: int, seed: int) -> Kills:
    """Kill it again and again while three clients send; a request without an answer is sent again, until it has one."""
    dice = random.Random(seed)  # noqa: S311  # to be run again
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "view.db"
        server = Server(file)
        server.start()
        sending = _Sending(server, (request.body for request in requests_of(Load(4_000, 100), seed)))
        for _ in range(kills):
            time.sleep(dice.uniform(0.1, 1.0))
            server.end(signal.SIGKILL)
            server.start()
        sending.stop()
        counted = settled(server)["spans"]
        sent = sum(_count(body) for body in sending.acknowledged)
        before = digests(server)
        server.end()
        command = [str(Path(sys.executable).with_name("otel-sessions")), "view", "--db", str(file), "--reindex"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        server.start()
        after = digests(server)
        server.end()
    differs = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return Kills(kills, sent, max(sent - counted, 0), max(counted - sent, 0), differs)


class _Sending:
    """Clients that send requests until they are stopped; each request until it is answered."""

    def __init__(self, server: Server, bodies: Iterable[bytes]) -> None:
        self.acknowledged: list[bytes] = []
        self._server, self._bodies = server, iter(bodies)
        self._lock, self._is_over = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(_SENDERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each client bring its request to its end, and no other."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        while not self._is_over.is_set():
            with self._lock:
                body = next(self._bodies, None)
            if body is None:
                return
            while not self._server.post(body):
                time.sleep(0.01)
            self.acknowledged.append(body)


def _count(body: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(body)
    return sum(len(scope.spans) for of_resource in request.resource_spans for scope in of_resource.scope_spans)
