"""Open pages are told that something has changed, and nothing of what."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette

from otel_sessions.view.loopback import LoopbackServer
from otel_sessions.view.page.live import MAX_LISTENERS, Live
from otlp_bodies import a_turn

if TYPE_CHECKING:
    from http.client import HTTPResponse


class Listener:
    """One that listens to a server, as a browser does."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(url.removeprefix("http://"), timeout=60)
        self._connection.request("GET", "/live")
        self.answer: HTTPResponse = self._connection.getresponse()

    def line(self) -> str:
        """Return the next line that says something."""
        while not (line := self.answer.readline().decode().strip()):
            pass
        return line

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


@contextmanager
def serving(live: Live):
    with LoopbackServer(Starlette(routes=[live.route()])) as server:
        yield server.url


def until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_number_comes_at_once_and_when_something_has_changed(client):
    listener = Listener(client.url)

    assert listener.answer.status == 200
    assert listener.answer.headers["content-type"].startswith("text/event-stream")
    assert listener.answer.headers["cache-control"] == "no-store"
    assert listener.line() == "retry: 2000"
    assert listener.line() == f"data: {client.store.revision()}"
    client.send(a_turn(1, "s", "secret words", "a"))
    # Two, if it was looked at before what was written was settled.
    assert f"data: {client.store.revision()}" in (listener.line() for _ in range(2))
    listener.close()


def test_who_comes_later_is_told_the_same_number():
    live = Live(lambda: 5)
    with serving(live) as url:
        listeners = [Listener(url) for _ in range(3)]
        for each in listeners:
            assert (each.line(), each.line()) == ("retry: 2000", "data: 5")
            each.close()


def test_nothing_is_looked_at_while_nobody_listens():
    asked = []
    live = Live(lambda: asked.append(1) or len(asked))
    with serving(live) as url:
        time.sleep(0.3)
        assert asked == []
        listener = Listener(url)
        listener.line()
        until(lambda: len(asked) > 1)
        listener.close()
        until(lambda: not live._listeners and live._watching is None)
        before = len(asked)
        time.sleep(0.5)
        assert len(asked) == before


def test_a_word_without_a_meaning_keeps_the_connection():
    with serving(Live(lambda: 1, heartbeat=0.05)) as url:
        listener = Listener(url)
        assert [listener.line() for _ in range(4)] == ["retry: 2000", "data: 1", ":", ":"]
        listener.close()


def test_so_many_pages_may_listen_and_no_more():
    live = Live(lambda: 1)
    with serving(live) as url:
        listeners = [Listener(url) for _ in range(MAX_LISTENERS)]
        for each in listeners:
            each.line()

        refused = Listener(url)

        assert (refused.answer.status, refused.answer.headers["retry-after"]) == (503, "5")
        listeners.pop().close()
        until(lambda: len(live._listeners) < MAX_LISTENERS)
        listeners.append(Listener(url))
        assert listeners[-1].answer.status == 200
        for each in (refused, *listeners):
            each.close()


def test_a_store_that_can_not_be_read_for_a_moment_is_asked_again(caplog):
    caplog.set_level(logging.DEBUG, "otel_sessions")
    numbers = iter([OSError("not now"), 7])

    def revision() -> int:
        number = next(numbers, 7)
        if isinstance(number, OSError):
            raise number
        return number

    with serving(Live(revision)) as url:
        listener = Listener(url)
        assert (listener.line(), listener.line()) == ("retry: 2000", "data: 7")
        listener.close()
    assert "nobody knows whether something has changed" in caplog.text


@pytest.mark.parametrize("leaves", ["while it waits", "before it begins"])
def test_who_leaves_is_forgotten(leaves):
    async def listen() -> Live:
        live = Live(lambda: 1)
        response = await live._answer(None)
        assert len(live._listeners) == 1

        async def receive():
            if leaves == "while it waits":
                await asyncio.sleep(0.3)
            return {"type": "http.disconnect"}

        async def send(_message):
            await asyncio.sleep(0)

        await asyncio.wait_for(response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send), 20)
        return live

    assert not asyncio.run(listen())._listeners
