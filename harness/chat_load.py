"""Requests of OTLP as a chat service sends them: sessions of five turns, ten spans each. The same for the same seed.

A request is of one service, as those of an exporter are, and holds whole turns, children first. A span takes about 420
bytes. One session in ten has no id on its spans, one span in fifty has failed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

TURNS = 5
SPANS = 10
"""Of a turn."""

_BEGIN = 1_790_000_000 * 10**9
_SECOND = 10**9
_SERVICES = ("chat", "search", "billing", "gateway")
_MODELS = ("model-small", "model-large", "model-cheap")
_NAMES = ("support", "onboarding", "research", "checkout", "drafting")
_WORDS = (
    "where",
    "is",
    "my",
    "order",
    "and",
    "when",
    "will",
    "it",
    "come",
    "refund",
    "please",
    "the",
    "invoice",
    "of",
    "last",
    "month",
    "was",
    "wrong",
    "can",
    "you",
    "change",
    "address",
    "delivery",
    "tomorrow",
    "morning",
    "thanks",
    "what",
    "does",
    "it",
    "cost",
    "to",
    "send",
    "this",
    "back",
    "show",
    "all",
    "open",
    "tickets",
    "summary",
)


class Load(NamedTuple):
    """What is sent.

    Attributes:
        sessions: How many, of `TURNS` turns.
        spans_per_request: At the most.
        text: Bytes that each span has beside the others.
    """

    sessions: int
    spans_per_request: int = 512
    text: int = 0

    @property
    def spans(self) -> int:
        """How many in all."""
        return self.sessions * TURNS * SPANS


class Request(NamedTuple):
    """One request, as it is sent."""

    body: bytes
    spans: int


def requests_of(load: Load, seed: int = 7) -> Iterator[Request]:
    """Give all requests, in the order of their turns: sessions go on beside each other, forty at a time."""
    dice = random.Random(seed)  # noqa: S311  # the same requests in each run
    waiting: dict[str, list[Span]] = {service: [] for service in _SERVICES}
    for at, (session, turn) in enumerate(_order(load.sessions)):
        service = _SERVICES[session % len(_SERVICES)]
        queue = waiting[service]
        queue += _turn(dice, session, turn, _BEGIN + at * _SECOND // 10, load.text)
        while len(queue) >= load.spans_per_request:
            yield _request(service, queue[: load.spans_per_request])
            del queue[: load.spans_per_request]
    for service, queue in waiting.items():
        for first in range(0, len(queue), load.spans_per_request):
            yield _request(service, queue[first : first + load.spans_per_request])


def long_session(turns: int) -> Iterator[Request]:
    """Give the requests of one session, ``long-conversation``."""
    dice = random.Random(turns)  # noqa: S311  # the same requests in each run
    for turn in range(turns):
        spans = _turn(dice, 0, turn, _BEGIN + turn * 10 * _SECOND, 0)
        for span in spans:
            for attribute in span.attributes:
                if attribute.key == "session.id":
                    attribute.value.string_value = "long-conversation"
        yield _request(_SERVICES[0], spans)


def _order(sessions: int) -> Iterator[tuple[int, int]]:
    for first in range(0, sessions, 40):
        for turn in range(TURNS):
            yield from ((session, turn) for session in range(first, min(first + 40, sessions)))


def _request(service: str, spans: list[Span]) -> Request:
    of_service = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    for key, value in {"service.name": service, "service.version": "1.4.2", "host.name": f"{service}-1"}.items():
        of_service.resource.attributes.add(key=key).value.string_value = value
    of_service.scope_spans[0].scope.name = "openinference.instrumentation.openai"
    return Request(ExportTraceServiceRequest(resource_spans=[of_service]).SerializeToString(), len(spans))


def _turn(dice: random.Random, session: int, turn: int, start: int, text: int) -> list[Span]:
    trace_id, parent = dice.randbytes(16), dice.randbytes(8)
    ids = _ids(session)
    question, answer = (" ".join(dice.choices(_WORDS, k=12)) for _ in range(2))
    spans = [
        _span(dice, trace_id, parent, start + number * 10**7, kind, _of_kind(dice, kind, question, answer) | ids, text)
        for number, kind in enumerate(("LLM", "TOOL", "HTTP", "TOOL", "LLM", "RETRIEVER", "HTTP", "LLM", "CHAIN"), 1)
    ]
    root = _span(dice, trace_id, b"", start, "TURN", _of_kind(dice, "TURN", question, answer) | ids, text)
    root.span_id, root.name, root.end_time_unix_nano = parent, "turn", start + _SECOND + turn * 10**8
    if dice.random() < SPANS / 50:
        spans[0].status.code = Status.STATUS_CODE_ERROR
        spans[0].status.message = "the model answered 429"
    return [*spans, root]


def _ids(session: int) -> dict[str, str | int]:
    if session % 10 == 9:
        return {}
    return {
        "session.id": f"conversation-{session:08}",
        "user.id": f"user-{session // 10:07}",
        "session.name": _NAMES[session % len(_NAMES)],
    }


def _of_kind(dice: random.Random, kind: str, question: str, answer: str) -> dict[str, str | int]:
    if kind in {"LLM", "TURN"}:
        said: dict[str, str | int] = {"input.value": question, "output.value": answer}
        if kind == "TURN":
            return {"openinference.span.kind": "CHAIN", **said}
        model = {"llm.model_name": dice.choice(_MODELS), "llm.provider": "openai"}
        read, wrote = dice.randrange(1000), dice.randrange(300)
        return {
            "openinference.span.kind": kind,
            **said,
            **model,
            "llm.token_count.prompt": read,
            "llm.token_count.completion": wrote,
        }
    if kind == "HTTP":
        return {
            "http.request.method": "POST",
            "server.address": "api.internal",
            "url.full": "http://api.internal/v1/search?q=orders&page=1",
            "http.response.status_code": 200,
            "network.protocol.version": "1.1",
            "user_agent.original": "python-client/2.31",
        }
    return {
        "openinference.span.kind": kind,
        "tool.name": "find_orders",
        "tool.parameters": '{"customer": 4711, "limit": 20, "since": "2026-01-01", "states": ["open", "sent", "returned"]}',
        "code.function.name": "find_orders",
        "code.file.path": "app/tools/orders.py",
        "thread.name": "worker-3",
    }


def _span(  # noqa: PLR0913, PLR0917  # a span has these
    dice: random.Random,
    trace_id: bytes,
    parent: bytes,
    start: int,
    kind: str,
    attributes: dict[str, str | int],
    text: int,
) -> Span:
    span = Span(
        trace_id=trace_id,
        span_id=dice.randbytes(8),
        parent_span_id=parent,
        name={"LLM": "ChatCompletion", "HTTP": "POST"}.get(kind, "find_orders"),
        kind=Span.SPAN_KIND_CLIENT if kind == "HTTP" else Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start,
        end_time_unix_nano=start + 9 * 10**6,
    )
    for key, value in attributes.items():
        if isinstance(value, int):
            span.attributes.add(key=key).value.int_value = value
        else:
            span.attributes.add(key=key).value.string_value = value
    if text:
        span.attributes.add(key="app.document").value.string_value = "x" * text
    return span
