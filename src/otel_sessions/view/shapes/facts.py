"""What one span or one log record says, whatever convention it was written in."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What a span is of, as far as its attributes tell."""

    OTHER = 0
    TURN = 1
    """Marked as one by us."""
    AGENT = 2
    LLM = 3
    TOOL = 4
    RETRIEVER = 5
    CHAIN = 6
    EVALUATION = 7
    HTTP_CLIENT = 8
    HTTP_SERVER = 9
    NOISE = 10
    """To be folded: chunks of a stream, processors, modules that load."""

    __hash__ = int.__hash__  # that of an enumeration is written in Python, and each span is looked up by its kind


class Named(NamedTuple):
    """An id that a span names, and where.

    Attributes:
        id: The id, as text.
        key: The attribute.
        rank: Its place in the table, 0 for ``session.id`` on the span, 1 for ``session.id`` on the resource: the
            lowest wins. A browser's visit has the last one.
    """

    id: str
    key: str
    rank: int


class Tokens(NamedTuple):
    """What a model read and wrote; ``None`` is "not recorded", which is not 0.

    ``cache_read``, ``cache_write`` are parts of ``input``, and ``reasoning`` of ``output``, also where a convention has
    them beside it.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    total: int | None = None


NO_TOKENS = Tokens()


class Judgement(NamedTuple):
    """A check of ours or of the GenAI conventions, an evaluation of OpenInference, a feedback.

    Attributes:
        name: What was judged.
        passed: ``None`` where it can't be told.
        score: ``None`` for none.
        label: Empty for none.
        explanation: Empty for none.
        is_feedback: Whether a person has said it.
        of_session: Whether it is about the session, not about the turn.
    """

    name: str
    passed: bool | None = None
    score: float | None = None
    label: str = ""
    explanation: str = ""
    is_feedback: bool = False
    of_session: bool = False


class Facts(NamedTuple):
    """What one span says of itself. Times are unix time in ns; an empty text is none.

    Attributes:
        span_id: 8 bytes.
        parent_span_id: 8 bytes, or none.
        kind: What it is of.
        span_kind: ``SpanKind`` of OTLP, 0 to 5.
        end: 0 where it has not ended.
        error: What went wrong, empty for nothing: the message of the status, else that of the last exception, else
            ``error``. Also of ``langfuse.observation.level=ERROR`` and ``genkit:state=error``.
        service: ``service.name`` of the resource.
        scope: The name of the instrumentation scope.
        session: The session that it names by the best key of the table, ``None`` for none.
        user: The user likewise.
        session_name: ``session.name``.
        path: ``session.path``.
        previous_id: ``session.previous_id``.
        displaced_id: ``session.displaced_id``.
        model: The model that answered, else the one that was asked.
        tokens: Its own; a sum of spans below, where its convention repeats that there. None where a convention tells there
            what more than this run has used (`content_names.ACCUMULATED`).
        cost: In USD, ``None`` where it has none.
        has_input, has_output: Whether words of the user and of the answer are recorded on it (`words`).
        judgements: Checks, evaluations and feedback that are recorded on it.
        is_failed_call: An HTTP client's span with 4xx or 5xx to a model's path.
    """

    span_id: bytes
    parent_span_id: bytes
    name: str
    kind: Kind
    span_kind: int
    start: int
    end: int
    error: str
    service: str
    scope: str
    session: Named | None
    user: Named | None
    session_name: str
    path: str
    previous_id: str
    displaced_id: str
    model: str
    tokens: Tokens
    cost: float | None
    has_input: bool
    has_output: bool
    judgements: tuple[Judgement, ...]
    is_failed_call: bool


class LogFacts(NamedTuple):
    """What one log record says of itself, as `Facts`.

    Attributes:
        event: The name of the event, empty for a plain message.
        severity: ``SeverityNumber`` of OTLP, 0 to 24.
        has_words: Whether it is a message of a conversation (the events of the GenAI conventions before 1.37).
    """

    span_id: bytes
    time: int
    event: str
    severity: int
    service: str
    scope: str
    session: Named | None
    user: Named | None
    judgements: tuple[Judgement, ...]
    has_words: bool


class Message(NamedTuple):
    """One message of a conversation.

    Attributes:
        role: ``system``, ``user``, ``assistant`` or ``tool``, or what the convention has.
        text: What was said, of all its parts; empty where it only calls tools.
        tools: The names of the tools that it calls.
    """

    role: str
    text: str
    tools: tuple[str, ...] = ()


class Words(NamedTuple):
    """What was said in a span.

    Attributes:
        input: What a person reads as the question: the last message of the user, else the text as it is.
        output: What a person reads as the answer, likewise.
        messages: All messages that went in and came out, in order; empty where the convention has a text alone.
    """

    input: str = ""
    output: str = ""
    messages: tuple[Message, ...] = ()


NO_WORDS = Words()
