"""Tells open pages that something has changed, and nothing of what: server-sent events with a number."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

_log = logging.getLogger("otel_sessions")

MAX_LISTENERS = 32
"""Pages that are told at a time; who comes later is asked to come again."""
# With what the store gathers before it brings its lists up to date, and the page that is read then, less than a second.
_PERIOD = 0.2
# Who is gone without a word is found out so.
_HEARTBEAT = 15.0
_AGAIN_MILLISECONDS = 2_000


class Live:
    """What pages listen to.

    Args:
        revision: Returns a number that is another one once a page would be another one. It is called in a thread, and
            only while somebody listens.
        heartbeat: Seconds after which a word is sent that says nothing.
    """

    def __init__(self, revision: Callable[[], int], *, heartbeat: float = _HEARTBEAT) -> None:
        """Begin with nobody."""
        self._revision = revision
        self._heartbeat = heartbeat
        self._number: int | None = None
        self._listeners: set[asyncio.Event] = set()
        self._watching: asyncio.Task[None] | None = None

    def route(self) -> Route:
        """Return the route where pages listen."""
        return Route("/live", self._answer, methods=["GET"])

    async def _answer(self, _: Request) -> Response:
        if len(self._listeners) >= MAX_LISTENERS:
            return PlainTextResponse("So many pages listen already.\n", 503, {"retry-after": "5"})
        return _Stream(self)

    def begin(self) -> asyncio.Event:
        """Return what is set each time that the number is another one; it is to be given to `end`."""
        changed = asyncio.Event()
        self._listeners.add(changed)
        if self._number is not None:
            changed.set()
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch())
        return changed

    def end(self, changed: asyncio.Event) -> None:
        """Listen no more."""
        self._listeners.discard(changed)

    async def words(self, changed: asyncio.Event) -> AsyncIterator[str]:
        """Yield the number that holds now, then each that comes."""
        yield f"retry: {_AGAIN_MILLISECONDS}\n\n"
        while True:
            if await _is_set(changed, self._heartbeat):
                changed.clear()
                yield f"data: {self._number}\n\n"
            else:
                yield ":\n\n"

    async def _watch(self) -> None:
        """Look for another number as long as somebody listens."""
        try:
            while self._listeners:
                await self._look()
                await asyncio.sleep(_PERIOD)
        finally:
            self._watching = self._number = None

    async def _look(self) -> None:
        try:
            number = await asyncio.to_thread(self._revision)
        except Exception:  # noqa: BLE001  # a file that can't be read now may be later; pages say so themselves
            _log.debug("nobody knows whether something has changed", exc_info=True)
            return
        if number != self._number:
            self._number = number
            for each in self._listeners:
                each.set()


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    """Wait for it so long, and tell whether it is."""
    try:
        return await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return False


class _Stream(StreamingResponse):
    """What one page is told, until it goes."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._changed = live.begin()
        super().__init__(live.words(self._changed), media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._live.end(self._changed)
