"""`otel-sessions view` as a process of its own, and a client of it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.isolation import clean_environment
from harness.memory import rss

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY_WITHIN = 60.0
_OTLP = {"Content-Type": "application/x-protobuf"}


class Server:
    """A `view` on one file, to be killed and started again."""

    def __init__(self, file: Path, *, has_grpc: bool = False, errors: IO[bytes] | None = None) -> None:
        """Choose its ports; ``errors`` is where what it writes to stderr goes."""
        self._file = file
        self.port = _free_port()
        self.grpc_port = _free_port() if has_grpc else 0
        self._errors = errors
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(Path(sys.executable).with_name("otel-sessions")), "view", "--db", str(self._file)]
        options = ["--port", str(self.port), "--grpc-port", str(self.grpc_port), "--no-browser"]
        self._process = subprocess.Popen(  # noqa: S603
            command + options, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=self._errors
        )
        end = time.monotonic() + _READY_WITHIN
        while not self._listens():
            if time.monotonic() > end:
                message = "the view does not answer"
                raise RuntimeError(message)
            time.sleep(0.02)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it as a person does, or kill it; return its exit status."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(30)

    def rss(self) -> float:
        """Return its memory, in MB."""
        assert self._process is not None
        return rss(self._process.pid)

    def post(self, body: bytes) -> bool:
        """Send one request over a connection of its own; tell whether it was answered with success."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/v1/traces", body, _OTLP)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return answer.status == http.client.OK

    def get(self, path: str) -> Any:
        """Return what it answers, as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != http.client.OK:
            message = f"{path}: {answer.status} {body[:200]!r}"
            raise RuntimeError(message)
        return json.loads(body)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def serving(file: Path) -> Iterator[Server]:
    """Serve a file until the block is left."""
    server = Server(file)
    server.start()
    try:
        yield server
    finally:
        server.end()
