"""The model that the recorded programs ask: it reports the same tokens for each call, and refuses one question."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from model import Message, Model, Reply, ToolCall, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from starlette.requests import Request

INPUT, OUTPUT, CACHED, REASONING = 20, 5, 8, 2
"""The tokens of each call: the cached ones are part of the input, those of reasoning part of the output."""

_REFUSED = "too much"
_FINAL = "final_answer"
_OF_CHAT = {
    "prompt_tokens": INPUT,
    "completion_tokens": OUTPUT,
    "total_tokens": INPUT + OUTPUT,
    "prompt_tokens_details": {"cached_tokens": CACHED},
    "completion_tokens_details": {"reasoning_tokens": REASONING},
}
_OF_RESPONSES = {
    "input_tokens": INPUT,
    "input_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": 0},
    "output_tokens": OUTPUT,
    "output_tokens_details": {"reasoning_tokens": REASONING},
    "total_tokens": INPUT + OUTPUT,
}


def answers(messages: Sequence[Message], tools: Collection[str]) -> Reply:
    """Answer as the demo's stand-in does, whatever a framework makes of the names of tools and of what they return."""
    found = re.search(r'\{"order_id".*?\}', messages[-1].text.replace(r"\"", '"'))
    names = {name.rpartition("-")[2]: name for name in tools}
    answer = reply([Message("tool", found[0])] if found else messages, names)
    if answer.call:
        return Reply(call=ToolCall(names[answer.call.name], answer.call.arguments))
    if _FINAL in tools:  # smolagents answers by a tool
        return Reply(call=ToolCall(_FINAL, json.dumps({"answer": answer.text})))
    return answer


class Answering(Model):
    """A `Model` that counts what it was asked.

    Attributes:
        told: A line for each call.
    """

    answers = staticmethod(answers)

    def __init__(self) -> None:
        super().__init__(seconds_per_word=0.002)
        self.told: list[str] = []

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        asked = [message for message in body["messages"] if message["role"] == "user"][-1:]
        if _REFUSED in str(asked):
            self.told.append("refused")
            return _refusal()
        has_usage = not body.get("stream") or bool((body.get("stream_options") or {}).get("include_usage"))
        return self._counted(await super()._chat(request), has_usage=has_usage)

    async def _responses(self, request: Request) -> Response:
        return self._counted(await super()._responses(request))

    def _counted(self, response: Response, *, has_usage: bool = True) -> Response:
        is_stream = isinstance(response, StreamingResponse)
        self.told.append(f"{'streamed' if is_stream else 'answered'}{'' if has_usage else ', without tokens'}")
        if is_stream:
            return StreamingResponse(_events(response.body_iterator), media_type="text/event-stream")
        return JSONResponse(_with_tokens(json.loads(response.body)))


async def _events(events: AsyncIterator[str]) -> AsyncIterator[str]:
    async for event in events:
        before, data, text = event.partition("data: ")
        is_json = text.startswith("{")
        yield f"{before}{data}{json.dumps(_with_tokens(json.loads(text)))}\n\n" if is_json else event


def _with_tokens(value: Any) -> Any:  # JSON
    """Return an answer with the tokens of each call in the place of those that it has."""
    if isinstance(value, list):
        return [_with_tokens(each) for each in value]
    if not isinstance(value, dict):
        return value
    usages = {"prompt_tokens": _OF_CHAT, "input_tokens": _OF_RESPONSES}
    return next((usages[key] for key in usages if key in value), None) or {
        key: _with_tokens(each) for key, each in value.items()
    }


def _refusal() -> Response:
    error = {"message": "Rate limit reached", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    return JSONResponse({"error": error}, status_code=429, headers={"x-should-retry": "false"})
