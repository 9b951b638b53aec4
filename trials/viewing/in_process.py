"""Asks the ASGI application itself, with the real intake before it and a store behind it, as fast as it goes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from harness.memory import rss
from otel_sessions.view.api.application import api_routes
from otel_sessions.view.options import Options
from otel_sessions.view.page.application import page_routes
from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.serving import application
from otel_sessions.view.store.sqlite import SQLiteStore
from trials import _log

from .asked import TOKEN, Asked, Maker
from .judging import Answer, fault_of
from .real_bodies import real_bodies

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message

    from otel_sessions.view.wire.batch import Batch

# One batch in so many is really stored.
_STORED = 50
_AT_A_TIME = 8
_LOOKED_AT = 5.0
_REPEATS = 3
_SHOWN = 20


@dataclass(slots=True)
class Tally:
    """What was seen; times are in milliseconds, memory in MB.

    Attributes:
        statuses: How often each was answered.
        tolerated: Answers with 200 to JSON that the parser of protobuf does not take.
        kept: Spans and records that reached the store.
        stored: Of these, those that were really stored.
        middle: Memory when half was done; ``end``: when all was.
    """

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    tolerated: int = 0
    kept: int = 0
    stored: int = 0
    faults: int = 0
    shown: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_case: str = ""
    middle: float = 0.0
    end: float = 0.0
    seconds: float = 0.0

    def note(self, what: str) -> None:
        """Count a fault, and keep the first."""
        self.faults += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(what[:1_500])

    def add(self, other: Tally) -> None:
        """Take in what another process has seen; of memory the one that grew more."""
        self.requests += other.requests
        self.statuses.update(other.statuses)
        self.tolerated += other.tolerated
        self.kept += other.kept
        self.stored += other.stored
        self.faults += other.faults
        self.shown = [*self.shown, *other.shown][:_SHOWN]
        if other.slowest > self.slowest:
            self.slowest, self.slowest_case = other.slowest, other.slowest_case
        if not self.end or other.end / other.middle > self.end / self.middle:
            self.middle, self.end = other.middle, other.end
        self.seconds = max(self.seconds, other.seconds)


class _Log(_log.Log):
    """Everything that is logged at WARNING or above, and what nobody has caught, is a fault."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(30)
        self._tally = tally
        threading.excepthook = lambda args: tally.note(f"raised in a thread: {args.exc_value!r}")
        sys.unraisablehook = lambda args: tally.note(f"unraisable: {args.exc_value!r}")

    def emit(self, record: logging.LogRecord) -> None:
        self._tally.note(f"logged: {_log.said(record)}")


class _Store:
    """Counts what is written, and has a real one write some of it."""

    def __init__(self, real: SQLiteStore, tally: Tally) -> None:
        self._real = real
        self._tally = tally
        self._batches = 0

    def write(self, batch: Batch) -> None:
        self._batches += 1
        self._tally.kept += len(batch.spans) + len(batch.logs)
        if self._batches % _STORED == 0:
            self._real.write(batch)
            self._tally.stored += len(batch.spans) + len(batch.logs)


def run(requests: int, seconds: float, seed: str) -> Tally:
    """Ask ``requests`` times, for no more than ``seconds``; nothing is to be on stderr meanwhile."""
    tally = Tally()
    log = _Log(tally)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        real = ending.enter_context(closing(SQLiteStore.open(Path(folder) / "view.db")))
        intake = ending.enter_context(closing(Intake(_Store(real, tally).write)))
        routes = [*api_routes(real), *page_routes(real)]
        apps = [application(intake, Tokens(token), routes, Options(), 4318) for token in (None, TOKEN)]
        asyncio.run(_ask_all(apps, Maker(Random(seed), real_bodies(7)), requests, seconds, tally))  # noqa: S311
        real.settle()
    log.close()
    return tally


async def _ask_all(apps: Sequence[ASGIApp], maker: Maker, requests: int, seconds: float, tally: Tally) -> None:
    start = time.monotonic()

    def is_over() -> bool:
        return tally.requests >= requests or time.monotonic() - start > seconds

    async def client() -> None:
        while not is_over():
            tally.requests += 1
            await _ask_once(apps, maker.next(), tally)
            if not tally.middle and (tally.requests >= requests / 2 or time.monotonic() - start > seconds / 2):
                tally.middle = rss()

    await asyncio.gather(*(client() for _ in range(_AT_A_TIME)))
    tally.end, tally.seconds = rss(), time.monotonic() - start


async def _ask_once(apps: Sequence[ASGIApp], asked: Asked, tally: Tally) -> None:
    app = apps[asked.with_token]
    try:
        answer, taken = await _answer(app, asked)
        fault = fault_of(asked, answer)
    except Exception as error:  # noqa: BLE001  # it is counted
        tally.note(f"raised: {error!r} by {_shown(asked)}")
        return
    tally.statuses[answer.status] += 1
    tally.tolerated += answer.status == 200 and asked.expected.statuses == {200, 400}
    if fault is not None:
        tally.note(f"{fault}\n  by {_shown(asked)}")
    if taken > max(_LOOKED_AT, tally.slowest):
        # What is slow every time, and not what was slow once.
        again = [(await _answer(app, asked))[1] for _ in range(_REPEATS)]
        taken = min(taken, *again)
        if taken > tally.slowest:
            tally.slowest, tally.slowest_case = taken, _shown(asked)


async def _answer(app: ASGIApp, asked: Asked) -> tuple[Answer, float]:
    size = max(1, -(-len(asked.body) // asked.pieces))
    pieces = [asked.body[first : first + size] for first in range(0, len(asked.body), size)] or [b""]
    sent: list[Message] = []

    async def receive() -> Message:
        if not pieces:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        sent.append(message)

    start = time.perf_counter()
    await app(_scope(asked), receive, send)
    taken = (time.perf_counter() - start) * 1000
    first, *rest = sent
    return Answer(first["status"], dict(first["headers"]), b"".join(each.get("body", b"") for each in rest)), taken


def _scope(asked: Asked) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": asked.path,
        "raw_path": asked.path.encode("utf-8", "replace"),
        "query_string": asked.query,
        "root_path": "",
        "headers": asked.headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 4318),
    }


def _shown(asked: Asked) -> str:
    return f"{asked.method} {asked.path[:200]}?{asked.query[:200]!r} {asked.headers!r:.500} {asked.body[:600]!r}"
