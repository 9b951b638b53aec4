"""A backend that says a request is taken when it is on its disk, and so may be killed at any time.

``python storing_backend.py HOST PORT DIRECTORY`` is the program.
"""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from local_receiver import decompressed
from ports import free_port
from servers import Installed, Restartable
from wire import spans_in

if TYPE_CHECKING:
    from starlette.requests import Request

    from wire import WireSpan

_UNFINISHED = ".unfinished"


class StoringBackend(Restartable):
    """The program, with what it has on its disk in a folder of ``directory``, at an address of this machine."""

    def __init__(self, directory: Path, host: str = "127.0.0.1") -> None:
        self.stored = directory / "stored"
        self.stored.mkdir(parents=True)
        port = free_port()
        command = [sys.executable, __file__, host, str(port), str(self.stored)]
        paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
        installed = Installed("backend", command, paths, port, "/", host)
        self.url = installed.url
        super().__init__(installed, directory)

    @property
    def bodies(self) -> list[bytes]:
        """The requests that it has taken, in the order of arrival."""
        files = [path for path in self.stored.iterdir() if path.suffix != _UNFINISHED]
        return [path.read_bytes() for path in sorted(files, key=lambda path: path.stat().st_ctime_ns)]

    def spans(self) -> list[WireSpan]:
        return spans_in(self.bodies)


def main(host: str, port: int, directory: Path) -> None:
    async def take(request: Request) -> Response:
        body = decompressed(await request.body(), request)
        store(body, directory / uuid.uuid4().hex)
        return Response(media_type="application/x-protobuf")

    routes = [Route("/", lambda _: Response()), Route("/v1/{signal}", take, methods=["POST"])]
    uvicorn.run(Starlette(routes=routes), host=host, port=port, log_level="warning")


def store(body: bytes, path: Path) -> None:
    """Write a file that is there as a whole or not at all."""
    unfinished = path.with_suffix(_UNFINISHED)
    with unfinished.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
