"""How fast a full store answers: the 95th percentile of what a client on the same machine waits, and what it takes."""

from __future__ import annotations

import http.client
import json
import random
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from harness.chat_load import Load, long_session, requests_of

from .ingest import send
from .servers import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.chat_load import Request

    from .servers import Kind, Running

_IDLE = 15.0
"""Seconds after which a store has compressed what nobody writes to."""


class Question(NamedTuple):
    """Something that is asked of it.

    Attributes:
        name: What it is called on the page.
        bar: Milliseconds, at the most.
        ask: Returns another path each time.
    """

    name: str
    bar: float
    ask: Callable[[random.Random, int], str]


class Filled(NamedTuple):
    """What a full store has shown.

    Attributes:
        spans: How many it holds.
        milliseconds: By question, the 95th percentile.
        memory: Bytes that the server holds, after all questions.
        file: Bytes of its file for each byte that came over the wire.
    """

    spans: int
    milliseconds: Mapping[str, float]
    memory: int
    file: float


def _sessions(**parameters: str) -> str:
    return "/api/sessions?" + urlencode(parameters)


QUESTIONS = (
    Question("newest first", 10, lambda _dice, _all: _sessions(limit="50")),
    Question(
        "one filter and a sort",
        50,
        lambda dice, _all: _sessions(
            sort=dice.choice(["-tokens", "-turns", "-errors", "end"]),
            **dict(
                [dice.choice([("service", "chat"), ("name", "support"), ("model", "model-large"), ("error", "true")])]
            ),
        ),
    ),
    Question(
        "several filters and a sort",
        150,
        lambda dice, _all: _sessions(
            sort=dice.choice(["-tokens", "-end"]),
            name=dice.choice(["support", "research"]),
            service=dice.choice(["chat", "search"]),
            model="model-cheap",
            error=dice.choice(["true", "false"]),
            since="2026-01-01T00:00:00Z",
        ),
    ),
    Question(
        "users",
        20,
        lambda dice, _all: "/api/users?" + urlencode({"sort": dice.choice(["-last", "-sessions", "-tokens"])}),
    ),
    Question("one session of 200 turns", 50, lambda _dice, _all: "/api/sessions/long-conversation"),
    Question(
        "free text",
        200,
        lambda dice, _all: _sessions(
            q=" ".join(dice.sample(["refund", "invoice", "delivery", "summary", "tickets"], 2))
        ),
    ),
)


def measure(kind: Kind, sessions: int, repeats: int) -> Filled:
    """Fill a store, let it come to rest, and ask it everything."""
    with tempfile.TemporaryDirectory() as folder, running(kind, Path(folder)) as server:
        wire = 0

        def counted(requests: Iterator[Request]) -> Iterator[Request]:
            nonlocal wire
            for request in requests:
                wire += len(request.body)
                yield request

        send(server, counted(requests_of(Load(sessions))))
        send(server, counted(iter(long_session(200))))
        server.wait_until_quiet()
        time.sleep(_IDLE)
        server.wait_until_quiet()
        asked = {question.name: _percentile(server, question, sessions, repeats) for question in QUESTIONS}
        size = sum(file.stat().st_size for file in Path(folder).glob("view.db*"))
        return Filled(_spans(server), asked, server.memory(), size / wire)


def _percentile(server: Running, question: Question, sessions: int, repeats: int) -> float:
    dice = random.Random(3)  # noqa: S311  # the same questions in each run
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    waited = [_asked(connection, question.ask(dice, sessions)) for _ in range(repeats + 5)][5:]
    connection.close()
    return quantiles(waited, n=20)[-1] * 1_000


def _asked(connection: http.client.HTTPConnection, path: str) -> float:
    before = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.OK:
        message = f"{path}: {answer.status}"
        raise RuntimeError(message)
    return time.perf_counter() - before


def _spans(server: Running) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/api/coverage")
    counted: int = json.load(connection.getresponse())["spans"]
    connection.close()
    return counted
