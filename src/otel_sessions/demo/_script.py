"""What the local stand-in answers: a few prepared lines, chosen by the conversation so far. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_CHARACTERS_PER_TOKEN = 4  # what OpenAI names as the average of English text


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; ``role`` is system, user, assistant or tool."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The wish to have a tool called; ``arguments`` is a JSON object."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in words, or a wish to call a tool."""

    text: str = ""
    call: ToolCall | None = None

    @property
    def tokens(self) -> int:
        """How many tokens it has, by its length."""
        return count_tokens(self.call.arguments if self.call else self.text)

    @property
    def pieces(self) -> list[str]:
        """The parts in which a stream brings it: words, with the space that follows."""
        return re.findall(r"\S+\s*", self.call.arguments if self.call else self.text)


@dataclass(frozen=True, slots=True)
class _Line:
    """An answer to a question (a pattern), given only if the conversation before has a certain word in it."""

    asked: str
    answer: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class _ToolLine:
    """A tool to call for a question: groups of the pattern are its arguments, fields of its result fill the answer."""

    asked: str
    tool: str
    answer: str


_LINES = (
    _Line(
        "three days in lisbon",
        "Day one: Alfama and the castle. Day two: Belém, its tower and its tarts. Day three: a train to Sintra.",
    ),
    _Line(
        "five-year-old",
        "Day two: in Belém there is a riverside to run along, and the tarts come warm from the oven.",
        after="Lisbon",
    ),
    _Line(
        r"\brain\b",
        "Day one: swap the castle for the Oceanarium, and keep Sintra for a clear sky.",
        after="Sintra",
    ),
    _Line(
        "history of computing",
        "Lesson 1: Looms and engines. Lesson 2: Machines with a memory. Lesson 3: A computer on every desk.",
    ),
    _Line(
        "lesson 1",
        "In 1804 a loom in Lyon read its pattern from punched cards. Nobody called that a program yet.",
        after="Looms",
    ),
    _Line("neighbour", "Yes: tell me the neighbour's name, and order 4711 goes there instead.", after="4711"),
)

_TOOL_LINES = (
    _ToolLine(
        r"order (?P<order_id>\d+)",
        "find_order",
        "Order {order_id} is {status} and arrives on {arrives}.",
    ),
)


def reply(messages: Sequence[Message], tools: Collection[str] = ()) -> Reply:
    """Return the reply to a conversation: the same one every time.

    Args:
        messages: All of them, oldest first.
        tools: Names of the tools that may be called.
    """
    if messages and messages[-1].role == "tool":
        return Reply(_answer_from_tool(messages[-1].text))
    asked = next((message.text for message in reversed(messages) if message.role == "user"), "")
    call = _tool_call(asked, tools)
    return Reply(call=call) if call else Reply(_answer(asked, messages))


def count_tokens(text: str) -> int:
    """Return about how many tokens a model would count in ``text``."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def _tool_call(asked: str, tools: Collection[str]) -> ToolCall | None:
    for line in _TOOL_LINES:
        found = re.search(line.asked, asked, re.IGNORECASE)
        if found and line.tool in tools:
            return ToolCall(line.tool, json.dumps(found.groupdict()))
    return None


def _answer_from_tool(result: str) -> str:
    answers = (_filled(line, result) for line in _TOOL_LINES)
    return next(filter(None, answers), f"The tool says: {result}")


def _filled(line: _ToolLine, result: str) -> str:
    try:
        return line.answer.format_map(json.loads(result))
    except (ValueError, KeyError, TypeError):  # the result of another tool
        return ""


def _answer(asked: str, messages: Sequence[Message]) -> str:
    before = "\n".join(message.text for message in messages[:-1])
    for line in _LINES:
        if re.search(line.asked, asked, re.IGNORECASE):
            return line.answer if line.after in before else "I can't tell yet: what is this about?"
    turns = sum(message.role == "user" for message in messages)
    return f"That was your message number {turns}; I am a stand-in and know only a few answers."
