"""The JSON of the OpenAI API as far as the stand-in speaks it: chat completions, responses and their streams. Pure."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

from ._script import Message, count_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ._script import Reply

Json: TypeAlias = "dict[str, Any]"

# It stands in the spans, so that nobody takes a prepared answer for that of a model.
MODEL = "stand-in"


class BadRequestError(ValueError):
    """The request is not one that the stand-in can answer; the text says why."""


def chat_messages(body: Json) -> list[Message]:
    """Return the conversation of a request for a chat completion.

    Raises:
        BadRequestError: There is none.
    """
    return _messages(body.get("messages"), "messages")


def input_messages(body: Json) -> list[Message]:
    """Return the conversation of a request for a response.

    Raises:
        BadRequestError: There is none, or it is stored on a server.
    """
    if body.get("previous_response_id"):
        message = "the stand-in stores no responses: send the conversation as input"
        raise BadRequestError(message)
    given = body.get("input")
    instructions = body.get("instructions")
    head = [Message("system", instructions)] if isinstance(instructions, str) else []
    return head + ([Message("user", given)] if isinstance(given, str) else _messages(given, "input"))


def tool_names(body: Json) -> set[str]:
    """Return the names of the functions that may be called; the two APIs nest them differently."""
    tools = body.get("tools")
    found = [tool.get("function", tool) for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return {tool["name"] for tool in found if isinstance(tool, dict) and isinstance(tool.get("name"), str)}


def chat_completion(messages: Sequence[Message], reply: Reply) -> Json:
    """Return a whole chat completion."""
    message: Json = {"role": "assistant", "content": None if reply.call else reply.text, "refusal": None}
    if reply.call:
        message["tool_calls"] = [_chat_call(reply)]
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(reply), "logprobs": None}
    return {**_chat_head("chat.completion"), "choices": [choice], "usage": _chat_usage(messages, reply)}


def chat_events(messages: Sequence[Message], reply: Reply, *, include_usage: bool) -> Iterator[str]:
    """Yield a chat completion as server-sent events."""
    head = _chat_head("chat.completion.chunk")
    for delta in _chat_deltas(reply):
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _finish_reason(reply)}]})
    if include_usage:
        yield _event({**head, "choices": [], "usage": _chat_usage(messages, reply)})
    yield "data: [DONE]\n\n"


def response(messages: Sequence[Message], reply: Reply) -> Json:
    """Return a whole response."""
    return {
        **_response_head(),
        "status": "completed",
        "output": [_output_item(reply)],
        "usage": _response_usage(messages, reply),
    }


def response_events(messages: Sequence[Message], reply: Reply) -> Iterator[str]:
    """Yield a response as server-sent events."""
    finished = response(messages, reply)
    started = {**finished, "status": "in_progress", "output": [], "usage": None}
    events = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
        *_item_events(finished["output"][0], reply),
        {"type": "response.completed", "response": finished},
    ]
    for number, event in enumerate(events):
        yield f"event: {event['type']}\n" + _event({**event, "sequence_number": number})


def error(message: str) -> Json:
    """Return the body of a refusal."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def models() -> Json:
    """Return the list of models: one."""
    model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "otel-sessions"}
    return {"object": "list", "data": [model]}


def _messages(given: object, name: str) -> list[Message]:
    if not isinstance(given, list) or not given:
        message = f"{name} must be a list that is not empty"
        raise BadRequestError(message)
    return [_message(item) for item in given if isinstance(item, dict)]


def _message(item: Json) -> Message:
    if item.get("type") == "function_call_output":
        return Message("tool", str(item.get("output")))
    return Message(str(item.get("role", "assistant")), _text(item.get("content")))


def _text(content: object) -> str:
    """Return the text of a message, which is a string or a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _chat_head(kind: str) -> Json:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


def _chat_call(reply: Reply) -> Json:
    call = _called(reply)
    return {"id": f"call_{uuid4().hex[:24]}", "type": "function", "function": call}


def _called(reply: Reply) -> Json:
    return {"name": reply.call.name, "arguments": reply.call.arguments} if reply.call else {}


def _chat_deltas(reply: Reply) -> Iterator[Json]:
    """Yield the changes to the message that the client builds up."""
    if not reply.call:
        yield {"role": "assistant", "content": ""}
        yield from ({"content": piece} for piece in reply.pieces)
        return
    call = _chat_call(reply)
    call["function"]["arguments"] = ""
    yield {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **call}]}
    for piece in reply.pieces:
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.call else "stop"


def _prompt_tokens(messages: Iterable[Message]) -> int:
    return sum(count_tokens(message.text) for message in messages)


def _chat_usage(messages: Iterable[Message], reply: Reply) -> Json:
    prompt = _prompt_tokens(messages)
    return {"prompt_tokens": prompt, "completion_tokens": reply.tokens, "total_tokens": prompt + reply.tokens}


def _response_usage(messages: Iterable[Message], reply: Reply) -> Json:
    prompt = _prompt_tokens(messages)
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": reply.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + reply.tokens,
    }


def _response_head() -> Json:
    return {
        "id": f"resp_{uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "model": MODEL,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }


def _output_item(reply: Reply) -> Json:
    if reply.call:
        identity = {"id": f"fc_{uuid4().hex}", "call_id": f"call_{uuid4().hex[:24]}"}
        return {"type": "function_call", **identity, "status": "completed", **_called(reply)}
    content = [_text_part(reply.text)]
    return {
        "type": "message",
        "id": f"msg_{uuid4().hex}",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }


def _text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _item_events(item: Json, reply: Reply) -> Iterator[Json]:
    """Yield the events of the one output item."""
    empty: Json = {"arguments": ""} if reply.call else {"content": []}
    started = {**item, "status": "in_progress", **empty}
    yield {"type": "response.output_item.added", "output_index": 0, "item": started}
    place = {"item_id": item["id"], "output_index": 0}
    yield from (_call_events(place, reply) if reply.call else _text_events({**place, "content_index": 0}, reply))
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}


def _call_events(place: Json, reply: Reply) -> Iterator[Json]:
    kind = "response.function_call_arguments"
    for piece in reply.pieces:
        yield {"type": f"{kind}.delta", **place, "delta": piece}
    yield {"type": f"{kind}.done", **place, **_called(reply)}


def _text_events(place: Json, reply: Reply) -> Iterator[Json]:
    yield {"type": "response.content_part.added", **place, "part": _text_part("")}
    for piece in reply.pieces:
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": reply.text, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": _text_part(reply.text)}


def _event(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
