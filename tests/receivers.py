"""The receiver of the local page on real sockets of this machine, before a store that keeps batches in a list."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import TYPE_CHECKING, NamedTuple

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from otel_sessions.view.options import Options
from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.receiving.sockets import listen
from otel_sessions.view.serving import _config, application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_sessions.view.wire.batch import Batch


@dataclass
class Kept:
    """A store: each batch is kept, or ``error`` raised, once ``may_write`` is set; ``has_begun`` is set before."""

    batches: list[Batch] = field(default_factory=list)
    error: Exception | None = None
    may_write: threading.Event = field(default_factory=threading.Event)
    has_begun: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_write.set()

    def write(self, batch: Batch) -> None:
        self.has_begun.set()
        assert self.may_write.wait(60)
        if self.error is not None:
            raise self.error
        self.batches.append(batch)

    @property
    def spans(self) -> list:
        return [span for batch in self.batches for span in batch.spans]

    @property
    def logs(self) -> list:
        return [log for batch in self.batches for log in batch.logs]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """One that listens: ``kept`` is what it has kept."""

    port: int
    kept: Kept
    intake: Intake
    tokens: Tokens

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request; names of headers have ``_`` for ``-``."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def post(self, path: str, body: bytes, kind: str = "application/x-protobuf", **headers: str) -> Answer:
        return self.ask("POST", path, body, content_type=kind, **headers)


async def _page(request):
    return PlainTextResponse(f"page {request.url.path} {request.url.query}")


async def _broken(_request):
    raise ZeroDivisionError


PAGES = (
    Route("/broken", _broken),
    Route("/stored", lambda _: PlainTextResponse("asset", headers={"Cache-Control": "max-age=9"})),
    Route("/{rest:path}", _page, methods=["GET", "POST"]),
)


@contextmanager
def receiving(*, token: str | None = None, max_waiting: int | None = None, **options) -> Iterator[Receiver]:
    """Serve OTLP, and `PAGES`, until the block ends."""
    kept = Kept()
    intake = Intake(kept.write, **({} if max_waiting is None else {"max_waiting": max_waiting}))
    tokens = Tokens(token)
    sockets = listen(["127.0.0.1", "::1"], 0)
    port = sockets[0].getsockname()[1]
    server = uvicorn.Server(_config(application(intake, tokens, PAGES, Options(**options), port)))
    thread = threading.Thread(target=server.run, args=(sockets,))
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        yield Receiver(port, kept, intake, tokens)
    finally:
        kept.may_write.set()
        server.should_exit = True
        thread.join()
        intake.close()
        for each in sockets:
            each.close()
