"""Programs that make spans: what a span starts with decides what it costs to export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Tracer

HTTP_CLIENT: dict[str, Any] = {
    "http.request.method": "POST",
    "url.full": "https://api.example.com/v1/chat/completions",
    "server.address": "api.example.com",
    "server.port": 443,
    "network.protocol.version": "1.1",
    "http.request.resend_count": 0,
    "user_agent.original": "python-httpx/0.28.1",
    "http.route": "/v1/chat/completions",
}
"""What a span of an HTTP client starts with: 8 attributes."""

_HTTP_SERVER: dict[str, Any] = {
    "http.request.method": "POST",
    "url.scheme": "https",
    "url.path": "/chat",
    "http.route": "/chat",
    "server.address": "chat.example.com",
    "server.port": 443,
    "network.protocol.version": "1.1",
    "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "client.address": "192.0.2.17",
}

_QUESTION = "Which of these three flights leaves latest, and can I still change the seat? "
_ANSWER = "The last one leaves at 21:40. Seats can be changed until the gate closes, in the app or at the desk. "

# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
_GEN_AI_START = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.max_tokens": 1024,
    "server.address": "api.example.com",
    "gen_ai.input.messages": _QUESTION * 10,
}
_GEN_AI_END = {
    "gen_ai.response.id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.input_tokens": 412,
    "gen_ai.usage.output_tokens": 187,
    "gen_ai.output.messages": _ANSWER * 3,
}

# https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
_OPENINFERENCE_START = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "input.value": _QUESTION * 12,
    "input.mime_type": "application/json",
}
_OPENINFERENCE_MESSAGES = {
    f"llm.input_messages.{number}.message.{part}": text
    for number in range(10)
    for part, text in (("role", ("user", "assistant")[number % 2]), ("content", (_QUESTION, _ANSWER)[number % 2]))
}
_OPENINFERENCE_END = {
    **_OPENINFERENCE_MESSAGES,
    "llm.model_name": "gpt-4o-mini-2024-07-18",
    "llm.invocation_parameters": '{"model": "gpt-4o-mini", "temperature": 0.2, "max_tokens": 1024}',
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": _ANSWER * 3,
    "llm.token_count.prompt": 412,
    "llm.token_count.completion": 187,
    "llm.token_count.total": 599,
    "output.value": _ANSWER * 4,
    "output.mime_type": "application/json",
}


@dataclass(frozen=True, slots=True)
class Workload:
    """A program.

    Attributes:
        name: Its name where it is spoken of.
        title: What it is, in the tables.
        turn: Makes the spans of one scope.
        spans: How many these are.
    """

    name: str
    title: str
    turn: Callable[[Tracer], None]
    spans: int


def _chat_turn(start: Mapping[str, Any], end: Mapping[str, Any]) -> Callable[[Tracer], None]:
    def turn(tracer: Tracer) -> None:
        with (
            tracer.start_as_current_span("POST /chat", kind=SpanKind.SERVER, attributes=_HTTP_SERVER),
            tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=start) as call,
        ):
            with tracer.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes=HTTP_CLIENT) as request:
                request.set_attribute("http.response.status_code", 200)
            call.set_attributes(end)

    return turn


def _bare_span(tracer: Tracer) -> None:
    tracer.start_span("work").end()


CHAT = Workload(
    "chat turns",
    "chat turn: server, model call and HTTP client spans, with 9, 13 and 9 attributes",
    _chat_turn(_GEN_AI_START, _GEN_AI_END),
    3,
)
OPENINFERENCE_CHAT = Workload(
    "chat turns with the attributes of 10 messages",
    "the same with the OpenInference attributes of 10 messages: 9, 33 and 9",
    _chat_turn(_OPENINFERENCE_START, _OPENINFERENCE_END),
    3,
)
BARE = Workload("bare spans", "one span without attributes", _bare_span, 1)

ALL = (CHAT, OPENINFERENCE_CHAT, BARE)
