"""Spans and records in a form that is easy to write, for the cases in `shape_cases`. Times are seconds since the case began."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

NONE: Mapping = MappingProxyType({})


class Span(NamedTuple):
    """A span; ids are small numbers, ``parent`` 0 is none. ``kind`` is that of OTLP without ``SPAN_KIND_``."""

    id: int
    name: str
    parent: int = 0
    start: float = 0
    end: float = 1
    trace: int = 1
    kind: str = "INTERNAL"
    attributes: Mapping = NONE
    service: str = "app"
    resource: Mapping = NONE
    scope: str = "app"
    error: str | None = None
    events: tuple = ()

    def but(self, **changes) -> Span:
        """Return it with other fields, or attributes besides."""
        more = changes.pop("plus", {})
        return self._replace(**changes, attributes={**changes.get("attributes", self.attributes), **more})


class Log(NamedTuple):
    """A record; ``span`` and ``trace`` 0 are none."""

    event: str = ""
    body: object = ""
    trace: int = 1
    span: int = 0
    time: float = 0.5
    attributes: Mapping = NONE
    service: str = "app"
    resource: Mapping = NONE
    scope: str = "app"


class Case(NamedTuple):
    """Spans and records, and what the page is to say of them.

    Attributes:
        sessions: By id; of each what is expected: ``spans``, ``turns`` as pairs of question and answer, ``tokens`` as a pair,
            ``errors``, ``users``, ``cost``, ``failed_checks``, ``feedback``, ``traces``, ``name``, ``latency`` in seconds, ….
        outside: How many spans are in no session.
        torn: The sessions of torn traces, by trace.
        causes: Of the spans that are in no session.
    """

    name: str
    spans: list[Span]
    sessions: dict
    outside: int = 0
    torn: Mapping = NONE
    logs: tuple = ()
    causes: tuple = ()


SESSION = {"session.id": "s-1"}
IDS = {"session.id": "s-1", "user.id": "ada"}
BROWSER = {"telemetry.sdk.language": "webjs"}


def said(question: str = "", answer: str = "") -> dict:
    """Return attributes of words, as we and OpenInference have them."""
    return {key: text for key, text in (("input.value", question), ("output.value", answer)) if text}


def turn(id: int, question: str = "", answer: str = "", **fields) -> Span:  # noqa: A002
    """Return a turn that we have marked."""
    attributes = {"openinference.span.kind": "CHAIN", **said(question, answer), **fields.pop("attributes", SESSION)}
    return Span(id, fields.pop("name", "turn"), attributes=attributes, scope="otel_sessions", **fields)


def llm(id: int, question: str = "", answer: str = "", tokens: tuple = (), **fields) -> Span:  # noqa: A002
    """Return a call of a model, as OpenInference has it."""
    counts = dict(zip(("llm.token_count.prompt", "llm.token_count.completion"), tokens, strict=False))
    messages = [
        ("llm.input_messages.0.message.", "user", question),
        ("llm.output_messages.0.message.", "assistant", answer),
    ]
    words = {
        key: value
        for stem, role, text in messages
        if text
        for key, value in ((f"{stem}role", role), (f"{stem}content", text))
    }
    attributes = {"openinference.span.kind": "LLM", **counts, **words, **fields.pop("attributes", SESSION)}
    return Span(
        id,
        fields.pop("name", "ChatCompletion"),
        attributes=attributes,
        scope=fields.pop("scope", "openinference.instrumentation.openai"),
        **fields,
    )


def chat(id: int, tokens: tuple = (), **fields) -> Span:  # noqa: A002
    """Return a call of a model, as the GenAI conventions have it, without words."""
    counts = dict(zip(("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"), tokens, strict=False))
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m-1",
        **counts,
        **fields.pop("attributes", SESSION),
    }
    return Span(id, "chat m-1", kind="CLIENT", attributes=attributes, **fields)


def agent(id: int, question: str = "", answer: str = "", **fields) -> Span:  # noqa: A002
    """Return an agent, as the GenAI conventions have it."""
    messages = {
        key: json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
        for key, role, text in (
            ("gen_ai.input.messages", "user", question),
            ("gen_ai.output.messages", "assistant", answer),
        )
        if text
    }
    attributes = {"gen_ai.operation.name": "invoke_agent", **messages, **fields.pop("attributes", SESSION)}
    return Span(id, "invoke_agent helper", attributes=attributes, **fields)


def tool(id: int, **fields) -> Span:  # noqa: A002
    """Return the call of a tool."""
    attributes = {
        "openinference.span.kind": "TOOL",
        "tool.name": "search",
        **said("{}", "42"),
        **fields.pop("attributes", SESSION),
    }
    return Span(id, "search", attributes=attributes, **fields)


def server(id: int, name: str = "POST /chat", **fields) -> Span:  # noqa: A002
    """Return the span of an HTTP server."""
    attributes = {"http.request.method": name.partition(" ")[0], **fields.pop("attributes", SESSION)}
    return Span(id, name, kind="SERVER", attributes=attributes, **fields)


def post(id: int, status: int = 200, url: str = "https://model.example/v1/chat/completions", **fields) -> Span:  # noqa: A002
    """Return the span of an HTTP client that calls a model."""
    attributes = {
        "http.request.method": "POST",
        "http.response.status_code": status,
        "url.full": url,
        **fields.pop("attributes", SESSION),
    }
    return Span(id, "POST", kind="CLIENT", attributes=attributes, error="" if status >= 400 else None, **fields)


def check(id: int, name: str, label: str, **fields) -> Span:  # noqa: A002
    """Return a check of ours."""
    told = {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.label": label}
    annotation = {"trace.annotations.0.annotation.name": name, "trace.annotations.0.annotation.label": label}
    attributes = {"openinference.span.kind": "EVALUATOR", **told, **annotation, **fields.pop("attributes", SESSION)}
    return Span(id, f"check {name}", attributes=attributes, scope="otel_sessions", **fields)
