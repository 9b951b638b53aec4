"""A model on the loopback: the stand-in of the demo, with what frameworks ask for beside that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from otel_sessions.demo import _wire
from otel_sessions.demo._script import Message, Reply, ToolCall, reply
from otel_sessions.demo._standin import StandIn, _json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Message", "Model", "Reply", "ToolCall", "reply"]


class Model(StandIn):
    """Answers as the stand-in, or as ``answers`` does, in streams and at once.

    It calls the tool ``find_order`` for a question about an order, where that is offered, and then answers by its result.
    """

    answers: Callable[[Sequence[Message], Collection[str]], Reply] = staticmethod(reply)

    async def _chat(self, request: Request) -> Response:
        body = await _json(request)
        messages = _wire.chat_messages(body)
        answer = self.answers(messages, _wire.tool_names(body))
        if body.get("stream"):
            include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            return self._stream(_wire.chat_events(messages, answer, include_usage=include_usage))
        await self._think(answer)
        return JSONResponse(_wire.chat_completion(messages, answer))
