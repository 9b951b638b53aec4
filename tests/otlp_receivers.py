"""Receivers of OTLP on this machine that answer as they are told, well or badly."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Received:
    """What came: each request with its path, its headers in lower case and its body."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def answering(  # noqa: PLR0913  # each is one thing that a receiver may do
    status: int = 200,
    body: bytes = b"",
    *,
    kind: str = "application/x-protobuf",
    headers: dict[str, str] | None = None,
    after: float = 0,
    closes: bool = False,
) -> Iterator[Received]:
    """Answer every POST with ``status`` and ``body``, ``after`` some seconds, or close the connection."""
    received, is_over = Received(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.paths.append(self.path)
            received.headers.append({name.lower(): value for name, value in self.headers.items()})
            received.bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))))
            is_over.wait(after)
            if closes:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    received.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield received
    finally:
        is_over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
