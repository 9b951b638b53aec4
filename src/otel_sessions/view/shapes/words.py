"""What was said in a span or a record: read when somebody asks for it, since most spans are never read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from otel_sessions.view.wire.memos import Memo

from . import content_names
from . import raw as wire
from .content_names import INPUT, OUTPUT
from .facts import NO_WORDS, Message, Words
from .final_answers import without_call
from .ids import encodable
from .json_texts import OF_JSON, loaded
from .messages import ASSISTANT, SYSTEM, TOOL, USER, last_text, messages_in, role_of, text_in
from .names import EVENT_NAME
from .workflow_events import holds_events, is_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .names import Name
    from .raw import Value

_PLAIN, _JSON = "text/plain", "application/json"
_NULL = "null"  # of JSON: what a function has returned that returns nothing

_INPUTS_OF_GENAI, _OUTPUTS_OF_GENAI = "gen_ai.input.messages", "gen_ai.output.messages"

# Attributes with numbers, one for each field of a message: what stands before the number.
_NUMBERED: Mapping[str, str] = {
    "llm.input_messages.<n>.message.*": "llm.input_messages.",
    "llm.output_messages.<n>.message.*": "llm.output_messages.",
    "gen_ai.prompt.<n>.*": "gen_ai.prompt.",
    "gen_ai.completion.<n>.*": "gen_ai.completion.",
}
_STEMS = tuple(stem.encode() for stem in _NUMBERED.values())
_NUMBER = re.compile(r"(\d{1,5})\.(?:message\.)?(.+)", re.ASCII | re.DOTALL)
_TEXT_FIELD = re.compile(r"content(?:\.\d{1,5})?|contents\.\d{1,5}\.message_content\.text", re.ASCII)
_CALL_FIELD = re.compile(r"tool_calls\.\d{1,5}\.(?:tool_call\.function\.)?name", re.ASCII)

_WANTED = frozenset(
    key.encode()
    for key in (
        *(row.key for row in (*content_names.INPUTS, *content_names.OUTPUTS)),
        *content_names.MIME_TYPES.values(),
        content_names.INSTRUCTIONS.key,
    )
)

# By the name of an event who has said it, where it does not tell itself.
_SPEAKERS = {
    "gen_ai.system.message": SYSTEM,
    "gen_ai.user.message": USER,
    "gen_ai.assistant.message": ASSISTANT,
    "gen_ai.tool.message": TOOL,
    "gen_ai.choice": ASSISTANT,
    "gen_ai.content.prompt": USER,
    "gen_ai.content.completion": ASSISTANT,
}
# Where an event, or an attribute of it, has the message itself.
_BODIES = ("gen_ai.event.content", "gen_ai.prompt", "gen_ai.completion", "message")


class _Side(NamedTuple):
    """What is known of what went in, or of what came out: messages, or a text alone."""

    messages: Sequence[Message] = ()
    text: str = ""


_NOTHING = _Side()


def words_of(raw: bytes) -> Words:
    """Return what was said in a serialized span; never raises on any content."""
    span = wire.parsed(wire.Span, raw)
    attributes = span.attributes[:]
    return (None if span.last_event else _plain_words(attributes)) or _words_in(raw, attributes, span.last_event)


def _plain_words(attributes: Sequence[bytes]) -> Words | None:
    """Return the words of a span that has two texts and nothing else: most have. ``None`` where it has another form."""
    texts = ["", ""]
    for attribute in attributes:
        part = _PART_OF[attribute[1:2] and attribute[: attribute[1] + 2]]
        if part == 0:
            continue
        text = "" if part == _OTHER else wire.text_in(attribute)
        if part == _MIME_TYPE and text == _PLAIN:
            continue
        if part >= _MIME_TYPE or not text or text.lstrip()[:1] in OF_JSON:
            return None
        texts[part - 1] = "" if text in content_names.HIDDEN else encodable(text)
    return Words(texts[0], texts[1])


_INPUT_TEXT, _OUTPUT_TEXT, _MIME_TYPE, _OTHER = 1, 2, 3, 4
_PARTS = {
    wire.prefix_of("input.value"): _INPUT_TEXT,
    wire.prefix_of("output.value"): _OUTPUT_TEXT,
    **{wire.prefix_of(key): _MIME_TYPE for key in content_names.MIME_TYPES.values()},
}


def _part_of(prefix: bytes) -> int:
    """Return what an attribute is that begins so: one of the two texts, nothing (0) or something else that may be words."""
    if not wire.is_usual(prefix) or _is_wanted(prefix[2:]):
        return _PARTS.get(prefix, _OTHER)
    return 0


def _is_wanted(key: bytes) -> bool:
    return key in _WANTED or key.startswith(_STEMS)


_PART_OF: Memo[bytes, int] = Memo(_part_of)


def _words_in(raw: bytes, attributes: Sequence[bytes], last_event: bytes) -> Words:
    """Return the words of a span, whatever form they have."""
    said = _said_in(attributes)
    went_in = _side_of(content_names.INPUTS, said, USER)
    came_out = _side_of(content_names.OUTPUTS, said, ASSISTANT)
    if last_event and not (went_in.messages and came_out.messages):
        heard_in, heard_out = _heard_in(wire.events_of(raw))
        went_in, came_out = heard_in if heard_in.messages else went_in, heard_out if heard_out.messages else came_out
    instructions = _instructions(said.get(content_names.INSTRUCTIONS.key)) if went_in.messages else ()
    return _words(went_in, came_out, instructions, _plain(said, "input.value"), _plain(said, "output.value"))


def words_of_log(raw: bytes) -> Words:
    """Return what was said in a serialized log record; never raises on any content."""
    record = wire.parsed(wire.LogRecord, raw)
    attributes = wire.mapping_of(record.attributes)
    told = wire.text_of(record.event_name) or attributes.get(EVENT_NAME.key)
    name = told if isinstance(told, str) else ""
    row = content_names.LOGS.get(name)
    if row is not None:
        side = _of_value(attributes.get(row.key), USER if row.side == INPUT else ASSISTANT)
        return _words(side, _NOTHING) if row.side == INPUT else _words(_NOTHING, side)
    if name not in content_names.EVENTS:
        return NO_WORDS
    body = loaded(wire.value_of(record.body))
    event = _event(name, {**attributes, **body} if isinstance(body, dict) else {**attributes, "content": body})
    return _words(*event, _instructions(attributes.get(content_names.INSTRUCTIONS.key)))


def _words(
    went_in: _Side,
    came_out: _Side,
    instructions: Sequence[Message] = (),
    input_text: str = "",
    output_text: str = "",
) -> Words:
    asked = input_text or _question(went_in.messages) or went_in.text
    answered = output_text or _answer(came_out.messages) or came_out.text
    if not (went_in.messages or came_out.messages):
        return Words(asked, answered)
    before = went_in.messages or _said_by(USER, asked)
    return Words(asked, answered, (*instructions, *before, *(came_out.messages or _said_by(ASSISTANT, answered))))


def _said_by(role: str, text: str) -> Sequence[Message]:
    """Return a text as a message: where one side has messages, the other is one."""
    return (Message(role, text),) if text else ()


def _question(messages: Sequence[Message]) -> str:
    """Return what a person has said last, else what somebody has whose role no convention knows."""
    return last_text(messages, (USER,)) or last_text(
        messages, {each.role for each in messages} - {SYSTEM, ASSISTANT, TOOL}
    )


def _answer(messages: Sequence[Message]) -> str:
    return last_text(messages, (ASSISTANT,)) or last_text(messages, {each.role for each in messages} - {SYSTEM, USER})


def _said_in(attributes: Iterable[bytes]) -> dict[str, Value]:
    """Return the attributes that are words, by their keys."""
    found: dict[str, Value] = {}
    for attribute in attributes:
        raw = attribute if wire.is_usual(attribute) else wire.canonical(attribute)
        key = raw[2 : raw[1] + 2]
        if _is_wanted(key):
            found[wire.text_of(key)] = wire.text_in(raw) or wire.value_in(raw)
    return found


def _side_of(rows: Iterable[Name], said: Mapping[str, Value], role: str) -> _Side:
    """Return what the first of the ``rows`` says that says anything."""
    for row in rows:
        stem = _NUMBERED.get(row.key)
        if stem is not None:
            side = _Side(_numbered(stem, said, role))
        elif row.key in said:
            side = _of_row(row.key, said, role)
        else:
            continue
        if side.messages or side.text:
            return side
    return _NOTHING


def _of_row(key: str, said: Mapping[str, Value], role: str) -> _Side:
    value = said[key]
    mime_type = said.get(content_names.MIME_TYPES.get(key, ""))
    if mime_type == _PLAIN:
        return _Side((), _shown(value) if isinstance(value, str) else "")
    if value == _NULL and (mime_type == _JSON or key in content_names.JSON_ONLY):
        return _NOTHING
    side = _of_value(value, role)
    if key in content_names.BOTH_SIDES:
        return _Side(_halves(side.messages)[role == ASSISTANT])
    if key in content_names.MESSAGES_ONLY:
        return _Side(side.messages)
    return _Side(_new_ones(side.messages), side.text) if role == ASSISTANT else side


def _of_value(value: Value, role: str) -> _Side:
    """Return the messages that a value holds, else its text."""
    inner = loaded(value)
    if isinstance(inner, str):
        return _Side((), _shown(without_call(inner)))
    messages = messages_in(inner, role)
    if messages:
        return _Side(tuple(message for message in messages if message.text not in content_names.HIDDEN))
    if isinstance(inner, dict) and holds_events(inner):
        return _NOTHING
    return _Side((), _shown(text_in(inner)))


def _shown(text: str) -> str:
    return "" if text in content_names.HIDDEN or is_event(text) else encodable(text)


def _halves(messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
    """Return what went in, and what came out: the assistant's messages at the end."""
    end = len(messages)
    while end and messages[end - 1].role == ASSISTANT:
        end -= 1
    return messages[:end], messages[end:]


def _new_ones(messages: Sequence[Message]) -> Sequence[Message]:
    """Return what came out, where a state is the answer, in which all that was said before is kept: what follows the user."""
    last = max((place for place, message in enumerate(messages) if message.role == USER), default=-1)
    return messages[last + 1 :] or messages


def _numbered(stem: str, said: Mapping[str, Value], role: str) -> tuple[Message, ...]:
    """Return messages whose fields are one attribute each, with the number of the message in the key."""
    fields: dict[int, dict[str, Value]] = {}
    for key, value in said.items():
        match = _NUMBER.fullmatch(key, len(stem)) if key.startswith(stem) else None
        if match:
            fields.setdefault(int(match[1]), {})[match[2]] = value
    found = (_flat(each, role) for _, each in sorted(fields.items()))
    return tuple(message for message in found if message.text or message.tools)


def _flat(fields: Mapping[str, Value], default: str) -> Message:
    texts, calls = [], []
    for field, value in sorted(fields.items(), key=lambda item: _in_order(item[0])):
        if not isinstance(value, str):
            continue
        if _TEXT_FIELD.fullmatch(field):
            texts.append(_content(value))
        elif _CALL_FIELD.fullmatch(field):
            calls.append(encodable(value))
    text = "\n".join(filter(None, texts))
    return Message(role_of(fields.get("role"), default), "" if text in content_names.HIDDEN else text, tuple(calls))


def _in_order(field: str) -> tuple[tuple[int, str], ...]:
    """Return what sorts numbers within a key by their value."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in field.split("."))


def _content(value: str) -> str:
    """Return the text of a content, which may be the parts of a message as JSON."""
    if not value.startswith("["):
        return encodable(value)
    parts = loaded(value)
    messages = messages_in(parts, USER) if isinstance(parts, list) else []
    return "\n".join(message.text for message in messages) or encodable(value)


def _heard_in(events: Iterable[bytes]) -> tuple[_Side, _Side]:
    """Return what events of a span say, in their order."""
    went_in: list[Message] = []
    came_out: list[Message] = []
    for data in events:
        event = wire.parsed(wire.Event, data)
        name = wire.text_of(event.name)
        if name in content_names.EVENTS:
            sides = _event(name, wire.mapping_of(event.attributes))
            went_in += sides[0].messages
            came_out += sides[1].messages
    return _Side(went_in), _Side(came_out)


def _event(name: str, said: Mapping[str, Value]) -> tuple[_Side, _Side]:
    """Return what one event says, as what went in and what came out."""
    side = content_names.EVENTS[name]
    if side not in {INPUT, OUTPUT}:
        return _of_value(said.get(_INPUTS_OF_GENAI), USER), _of_value(said.get(_OUTPUTS_OF_GENAI), ASSISTANT)
    found = _Side(_event_messages(said, _SPEAKERS[name]))
    return (found, _NOTHING) if side == INPUT else (_NOTHING, found)


def _event_messages(said: Mapping[str, Value], speaker: str) -> Sequence[Message]:
    body = next((said[key] for key in _BODIES if said.get(key)), None)
    if body is not None:
        side = _of_value(body, speaker)
        return side.messages or ((Message(speaker, side.text),) if side.text else ())
    fields = {key: loaded(said.get(key)) for key in ("content", "tool_calls")}
    message = {**fields, "role": role_of(said.get("role"), speaker)}
    found = [each for each in messages_in(message, speaker) if each.text or each.tools]
    content = said.get("content")
    if found or not isinstance(content, str) or not content:
        return found
    return [Message(str(message["role"]), encodable(content))]  # JSON that is no message: what a tool is called with


def _instructions(value: Value) -> Sequence[Message]:
    side = _of_value(value, SYSTEM)
    text = "\n".join(message.text for message in side.messages) or side.text
    return (Message(SYSTEM, text),) if text else ()


def _plain(said: Mapping[str, Value], key: str) -> str:
    """Return a text that is said to be one, and so was written for people."""
    value = said.get(key)
    is_plain = said.get(content_names.MIME_TYPES[key]) == _PLAIN
    return _shown(value) if is_plain and isinstance(value, str) else ""
