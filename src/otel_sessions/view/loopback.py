"""An ASGI application on a real socket of this machine, for as long as a ``with`` block lasts."""

from __future__ import annotations

import contextvars
import socket
import threading
import time
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import ASGIApp
    from typing_extensions import Self

_HOST = "127.0.0.1"
_START_SECONDS = 10.0
# Clients keep connections open; the block must not wait for them.
_STOP_SECONDS = 1


class LoopbackServer:
    """Serves ``app`` on 127.0.0.1, at a port that the operating system chooses, in a thread of its own."""

    def __init__(self, app: ASGIApp) -> None:
        """Take a port, and serve nothing yet."""
        self._socket = socket.create_server((_HOST, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as `receiving.sockets` tells
        # Without a lifespan, logging set-up and signal handlers: this is a guest in somebody's process.
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            # Longer than batches are apart, 5 seconds, as uvicorn's own is: a connection would end as it is used again.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        # In an empty context: a request is not in the session of who has started the server.
        serve = contextvars.Context().run
        self._thread = threading.Thread(target=serve, args=(self._serve,), name="otel-sessions-server", daemon=True)
        self._port: int = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it answers, without a path."""
        return f"http://{_HOST}:{self._port}"

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self._stop()
                message = f"no server at {self.url}"
                raise RuntimeError(message)
            time.sleep(0.005)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving, and close the socket."""
        self._stop()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def _stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
