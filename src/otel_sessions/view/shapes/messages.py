"""Messages in whatever form a convention, a provider or a framework writes them: decoded values to `Message`. Pure.

What is read was seen in: OpenTelemetry's ``parts``, OpenAI's chat and responses, Anthropic, Gemini and ADK, Bedrock,
LangChain (also as it serializes its objects), the Vercel AI SDK, Mastra, Genkit, pydantic-ai, agno and llama-index. All of
them are lists of objects with a role and a content, below one of a few names; so one reader serves, and none is tried first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .facts import Message
from .ids import encodable
from .json_texts import dumped, loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .raw import Value

MAX_DEPTH = 12
"""How deep messages are looked for."""

MAX_ROLE = 64
"""Longest name of a role, in characters."""

MOST = 2000
"""Most messages that are read of one value: the last ones."""

_MOST_LOOKS = 20_000
"""How many values are looked at for messages."""

_MOST_PARTS = 200
"""How many parts of a part are read."""

_MOST_WRAPPINGS = 64
"""How many lists of one thing, and the like, are taken off a text."""

USER, ASSISTANT, SYSTEM, TOOL = "user", "assistant", "system", "tool"

_ROLES = {
    "human": USER,
    "humanmessage": USER,
    "ai": ASSISTANT,
    "aimessage": ASSISTANT,
    "aimessagechunk": ASSISTANT,
    "model": ASSISTANT,
    "chatbot": ASSISTANT,
    "systemmessage": SYSTEM,
    "developer": SYSTEM,
    "toolmessage": TOOL,
    "function": TOOL,
    "tool-call": TOOL,
    "tool-response": TOOL,
    **{role: role for role in (USER, ASSISTANT, SYSTEM, TOOL)},
}

# Where messages are in a request, an answer, or the state of a graph; what stands first is taken, but for the instructions.
_INSTRUCTIONS = ("system", "system_instruction", "systemInstruction", "instructions")
_HOLDERS = (
    "messages",
    "new_message",
    "all_messages",
    "chat_history",
    "contents",
    "message",
    "choices",
    "candidates",
    "generations",
    "update",
    "state",
    "inputs",
    "outputs",
    "prompt",
    "input",
    "output",
    "kwargs",
    "config",
)
# A text that a person reads, where an object is no message: of an argument, of a result.
_TEXTS = (
    "raw",
    "text",
    "content",
    "question",
    "query",
    "prompt",
    "input",
    "user_input",
    "task",
    "answer",
    "output",
    "outputs",
    "result",
    "response",
    "combined_chunk_content",
    "final_output",
    "completion",
    "message",
    "input_str",
)
# What is a part of a message by its key alone: of Gemini, Bedrock, Genkit, and the Vercel AI SDK.
_CALL_KEYS = ("functionCall", "function_call", "toolUse", "toolRequest")
_RESULT_KEYS = ("functionResponse", "function_response", "toolResult", "toolResponse")
_OF_PART = (*_CALL_KEYS, *_RESULT_KEYS, "toolName")
_OF_MESSAGE = ("role", "parts", "content", "contents", "tool_calls", "toolCalls", "function_call")
_CALLS = frozenset(
    {"tool_call", "tool-call", "tool_use", "function_call", "toolRequest", "tool-invocation", "server_tool_call"}
)
_RESULTS = frozenset(
    {
        "tool_call_response",
        "tool-result",
        "tool_result",
        "function_call_output",
        "tool_return",
        "server_tool_call_response",
    }
)
_OF_FAILURE = frozenset({"error_code", "error_message"})
"""What an event of ADK has that tells of a failure in the place of an answer."""

_TEXTUAL = frozenset({"text", "input_text", "output_text"})
_SILENT = frozenset(
    {
        "reasoning",
        "thinking",
        "redacted_thinking",
        "blob",
        "uri",
        "file",
        "image",
        "image_url",
        "input_image",
        "step-start",
    }
)


def messages_in(value: Value, role: str) -> list[Message]:
    """Return the messages that a decoded value holds; none where it holds none, also where it is a text.

    Args:
        value: A list of messages, a message, or an object that holds them somewhere.
        role: Of whom a message without a role is.
    """
    return [*_found(value, _Search(role), MAX_DEPTH)][-MOST:]


class _Search:
    """A search for messages: of whom those without a role are, and how many values may still be looked at."""

    __slots__ = ("left", "role")

    def __init__(self, role: str) -> None:
        self.role = role
        self.left = _MOST_LOOKS


def text_in(value: Value) -> str:
    """Return what a person reads of a decoded value that holds no messages: its one text, else the value as JSON."""
    for _ in range(_MOST_WRAPPINGS):
        if isinstance(value, str):
            return encodable(value)
        inside = _inside(value)
        if not inside:
            break
        (value,) = inside
    is_nothing = value is None or value in ({}, []) or (isinstance(value, dict) and value.keys() >= _OF_FAILURE)
    return "" if is_nothing else dumped(value)


def _inside(value: Value) -> list[Value]:
    """Return the one thing of an object, or of a list, that a person reads; nothing where there is no such thing."""
    if isinstance(value, list):
        return value if len(value) == 1 else []
    if not isinstance(value, dict):
        return []
    called = _argument(value)
    if called is not None:
        return [called]
    return [value[key] for key in _TEXTS if isinstance(value.get(key), str) and value[key]][:1]


def _argument(value: Mapping[str, Value]) -> Value:
    """Return what a function was called with, as OpenLLMetry and llama-index write it, if that is one value; ``None`` for none."""
    arguments, named = value.get("args", []), value.get("kwargs", {})
    if not isinstance(arguments, list) or not isinstance(named, dict) or not value.keys() <= {"args", "kwargs"}:
        return None
    values = [*arguments, *named.values()]
    return values[0] if len(values) == 1 else values or None


def _found(value: Value, search: _Search, depth: int) -> Iterator[Message]:
    search.left -= 1
    if depth <= 0 or search.left <= 0:
        return
    if isinstance(value, list):
        yield from _of_list(value, search, depth)
    elif isinstance(value, dict):
        yield from _of_object(value, search, depth)


def _of_list(values: list[Value], search: _Search, depth: int) -> Iterator[Message]:
    items = values[-MOST:]
    if len(items) == 2 and _is_pair(items):  # noqa: PLR2004  # of LangGraph: who, and what
        yield Message(role_of(items[0], search.role), encodable(str(items[1])))
        return
    if items and all(isinstance(item, dict) and _is_part(item) for item in items):
        yield _message({"content": items}, search.role)
        return
    for item in items:
        yield from _found(loaded(item) if depth == MAX_DEPTH else item, search, depth - 1)


def _is_pair(items: list[Value]) -> bool:
    who, what = items
    return isinstance(who, str) and isinstance(what, str) and who.lower() in _ROLES


def _of_object(value: dict[str, Value], search: _Search, depth: int) -> Iterator[Message]:
    kind, data = _kind_of(value), value.get("data")
    if kind == "constructor" and isinstance(value.get("kwargs"), dict):  # of LangChain
        yield from _found(value["kwargs"], search, depth - 1)
    elif kind in _CALLS | _RESULTS and "role" not in value:  # of OpenAI's responses
        yield _message({"content": [value]}, ASSISTANT if kind in _CALLS else TOOL)
    elif _is_message(value):
        yield _message(value, search.role)
    elif isinstance(data, dict) and kind.lower() in _ROLES:
        yield from _found({"role": kind, **data}, search, depth - 1)
    else:
        yield from _below(value, search, depth)


def _kind_of(value: Mapping[str, Value]) -> str:
    """Return the type that an object says it is of, nothing for none."""
    kind = value.get("type")
    return kind if isinstance(kind, str) else ""


def _is_message(value: Mapping[str, Value]) -> bool:
    if isinstance(value.get("toolCalls"), list) and value["toolCalls"]:  # the answer of a step of Mastra
        return True
    has_role = isinstance(value.get("role"), str) or _kind_of(value).lower() in _ROLES
    return has_role and any(key in value for key in _OF_MESSAGE)


def _is_part(value: Mapping[str, Value]) -> bool:
    """Tell whether an object is a part of a message, and none itself."""
    kind = _kind_of(value)
    if "role" in value or kind in {"message", "constructor"}:
        return False
    if kind:
        return kind in _TEXTUAL or kind in _SILENT or kind in _CALLS or kind in _RESULTS
    if any(key in value for key in _OF_PART):
        return True
    return isinstance(value.get("text"), str) and not any(key in value for key in _HOLDERS)


def _below(value: Mapping[str, Value], search: _Search, depth: int) -> Iterator[Message]:
    for key in _INSTRUCTIONS:
        text = _text_of(value.get(key))
        if text and any(holder in value for holder in _HOLDERS):
            yield Message(SYSTEM, text)
    parts = value.get("parts") or value.get("content")
    if isinstance(parts, (list, dict)):
        held = [*_found(parts, search, depth - 1)]
        if held:
            yield from held
            return
    for key in _HOLDERS:
        if key not in value:
            continue
        inner = loaded(value[key])
        held = [*_found(inner, search, depth - 1)] if isinstance(inner, (list, dict)) else []
        if held:
            yield from held
            return
        if key in {"prompt", "input"} and isinstance(inner, str) and len(value) > 1:
            yield Message(search.role, encodable(inner))
            return


def _message(value: Mapping[str, Value], role: str) -> Message:
    """Return one message: an object with a role and parts, or a content."""
    written = value["role"] if isinstance(value.get("role"), str) else _kind_of(value)
    name = role_of(written, role)
    parts = [*_parts_of(value)]
    calls = [call for part in parts for call in _call_in(part)]
    calls += [call for key in ("tool_calls", "toolCalls") for call in _calls_in(value.get(key))]
    calls += _calls_in([value["function_call"]]) if isinstance(value.get("function_call"), dict) else []
    text = _joined(map(_text_of, parts))
    if name == USER and not text and parts and all(map(_is_result, parts)):  # of pydantic-ai and Anthropic
        name = TOOL
    if name == TOOL and not text:
        text = _joined(map(_result_in, parts))
    return Message(name, encodable(text), tuple(calls))


def role_of(written: Value, default: str) -> str:
    """Return a role as all conventions call it."""
    if not isinstance(written, str) or not written:
        return default
    lowered = written.lower()
    return default if lowered == "message" else _ROLES.get(lowered, encodable(lowered[:MAX_ROLE]))


def _parts_of(value: Mapping[str, Value]) -> Iterator[Value]:
    for key in ("parts", "content", "contents"):
        content = value.get(key)
        if isinstance(content, dict) and isinstance(content.get("parts"), list):  # of Mastra
            content = content["parts"]
        if isinstance(content, list):
            yield from content[:MOST]
            return
        if content is not None and content != "":
            yield content
            return


def _text_of(part: Value, depth: int = MAX_DEPTH) -> str:
    """Return the text of a part of a message, nothing where it is none."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or depth <= 0:
        return ""
    kind = _kind_of(part)
    if kind in _CALLS or kind in _RESULTS or kind in _SILENT:
        return ""
    text = next((part[key] for key in ("text", "content", "refusal", "value") if isinstance(part.get(key), str)), None)
    if isinstance(text, str):
        return text
    inner = part.get("parts") or part.get("content") or part.get("blocks")
    return _joined(_text_of(each, depth - 1) for each in inner[:_MOST_PARTS]) if isinstance(inner, list) else ""


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(filter(None, texts))


def _call_in(part: Value) -> Iterator[str]:
    if not isinstance(part, dict):
        return
    if _kind_of(part) in _CALLS or ("toolName" in part and "type" not in part):
        inner = part.get("toolInvocation")
        yield from _calls_in([inner if isinstance(inner, dict) else part])
    yield from _calls_in([part[key] for key in _CALL_KEYS if key in part])


def _calls_in(calls: Value) -> list[str]:
    """Return the names of tools that are called."""
    found = []
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            inner = call.get("function")
            names = (call.get("name"), call.get("toolName"), inner.get("name") if isinstance(inner, dict) else inner)
            found += [encodable(name) for name in names if isinstance(name, str) and name][:1]
    return found


def _is_result(part: Value) -> bool:
    return isinstance(part, dict) and (_kind_of(part) in _RESULTS or any(key in part for key in _RESULT_KEYS))


def _result_in(part: Value) -> str:
    """Return what a tool has answered, as a text."""
    if not isinstance(part, dict):
        return ""
    inner: Value = next(
        (part[key] for key in _RESULT_KEYS if key in part),
        part,
    )
    if not isinstance(inner, dict):
        return ""
    for key in ("response", "result", "output", "content", "value"):
        if inner.get(key) is not None:
            return _shown(inner[key])
    return ""


def _shown(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(map(_text_of, value[:_MOST_PARTS])):
        return _joined(map(_text_of, value[:_MOST_PARTS]))
    if isinstance(value, dict) and set(value) <= {"type", "value"} and isinstance(value.get("value"), str):
        return str(value["value"])
    return dumped(value)


def last_text(messages: Sequence[Message], roles: Iterable[str]) -> str:
    """Return the text of the last message of one of the ``roles`` that has one."""
    wanted = frozenset(roles)
    return next((message.text for message in reversed(messages) if message.role in wanted and message.text), "")
