"""A local stand-in for the OpenAI API, for machines without a key: real sockets, prepared answers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from otel_sessions.view.loopback import LoopbackServer

from . import _script, _wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.requests import Request

    from ._script import Reply
    from ._wire import Json

# About the speed of a fast model, so that times in the view mean something.
SECONDS_PER_WORD = 0.008


class StandIn(LoopbackServer):
    """Answers like the OpenAI API at `base_url` while its ``with`` block lasts.

    ::

        with StandIn() as api:
            client = OpenAI(base_url=api.base_url, api_key="none")

    Args:
        seconds_per_word: How long it thinks, for each word of the answer.
    """

    def __init__(self, *, seconds_per_word: float = SECONDS_PER_WORD) -> None:
        self._seconds_per_word = seconds_per_word
        routes = [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/responses", self._responses, methods=["POST"]),
            Route("/v1/models", _models),
        ]
        app = Starlette(routes=routes, exception_handlers={_wire.BadRequestError: _refuse})
        super().__init__(app)

    @property
    def base_url(self) -> str:
        """The base URL for a client."""
        return f"{self.url}/v1"

    async def _chat(self, request: Request) -> Response:
        body = await _json(request)
        messages = _wire.chat_messages(body)
        reply = _script.reply(messages, _wire.tool_names(body))
        if body.get("stream"):
            include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            return self._stream(_wire.chat_events(messages, reply, include_usage=include_usage))
        await self._think(reply)
        return JSONResponse(_wire.chat_completion(messages, reply))

    async def _responses(self, request: Request) -> Response:
        body = await _json(request)
        messages = _wire.input_messages(body)
        reply = _script.reply(messages, _wire.tool_names(body))
        if body.get("stream"):
            return self._stream(_wire.response_events(messages, reply))
        await self._think(reply)
        return JSONResponse(_wire.response(messages, reply))

    async def _think(self, reply: Reply) -> None:
        await asyncio.sleep(self._seconds_per_word * len(reply.pieces))

    def _stream(self, events: Iterable[str]) -> Response:
        async def paced() -> AsyncIterator[str]:
            for event in events:
                await asyncio.sleep(self._seconds_per_word)
                yield event

        return StreamingResponse(paced(), media_type="text/event-stream")


async def _models(_: Request) -> Response:
    return JSONResponse(_wire.models())


async def _json(request: Request) -> Json:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        message = "the body is not JSON"
        raise _wire.BadRequestError(message) from error
    if not isinstance(body, dict):
        message = "the body is not a JSON object"
        raise _wire.BadRequestError(message)
    return body


async def _refuse(_: Request, error: Exception) -> Response:
    return JSONResponse(_wire.error(str(error)), status_code=400)
