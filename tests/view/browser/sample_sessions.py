"""Sessions to look at: conversations of a shop, with calls of models and tools, errors, checks and feedback."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from otel_sessions.view.wire.reading import read_logs, read_traces
from otlp_bodies import NOON, a_log, a_span, logs_body, pairs

if TYPE_CHECKING:
    from otel_sessions.view.store.sqlite import SQLiteStore

_TALKS = (
    ("Order support", "Where is my order 4711?", "It left Porto this morning and is with you on Thursday."),
    ("Trip planning", "Three days in Lisbon, with children?", "Day one: Alfama by tram 28, then the castle."),
    ("Recipe ideas", "What can I cook with leeks and eggs?", "A leek frittata, in twenty minutes."),
    ("Refund", "I was charged twice.", "You are right, and one of the two is on its way back."),
    ("Code review", "Why does this test fail on Mondays?", "Its clock is in UTC, and the week begins on Sunday there."),
    ("", "مرحبا، أين طلبي؟", "طلبك في الطريق إليك."),
)
_USERS = ("ada", "grace", "katherine", "linus", "margaret", "נועה")
_MODELS = ("gpt-5-mini", "claude-sonnet-5", "mistral-large")
_SERVICES = ("chat-gateway", "assistant", "orders")


def fill(store: SQLiteStore, sessions: int, *, now: int, seed: int = 7) -> None:
    """Write so many sessions, the last of which ended a moment before ``now``, in ns."""
    dice = Random(seed)  # noqa: S311
    shift = (now - NOON) // 10**6
    for number in range(sessions):
        begins = shift - (sessions - number) * 470_000 - dice.randrange(200_000)
        for turn in range(dice.choice((1, 2, 3, 5, 8))):
            _write_turn(store, dice, number, turn, begins + turn * 40_000)
    store.write(
        read_traces(
            _request(
                "scheduler",
                [
                    a_span(
                        9_999_991,
                        1,
                        start=shift - 60_000,
                        name="GET /health",
                        kind=2,
                        attributes={"http.request.method": "GET", "url.path": "/health"},
                    )
                ],
            )
        )
    )
    torn = [
        a_span(
            9_999_992,
            2,
            start=shift - 90_000,
            length=900,
            name="POST /chat",
            kind=2,
            attributes={"session.id": "conv-1000"},
        ),
        a_span(9_999_992, 3, 2, start=shift - 89_000, length=300, name="task", attributes={"session.id": "job-17"}),
        a_span(9_999_993, 4, start=shift - 80_000, length=400, name="chat", attributes=_llm(dice, "gpt-5-mini")),
    ]
    store.write(read_traces(_request("worker", torn)))
    store.settle()


def _write_turn(store: SQLiteStore, dice: Random, number: int, turn: int, start: int) -> None:
    name, question, answer = _TALKS[number % len(_TALKS)]
    trace = number * 100 + turn + 1
    ids = {"session.id": f"conv-{1_000 + number}", "user.id": _USERS[number % 5 if number % 11 else 5]}
    named = {"session.name": name} if name else {}
    length = int(dice.lognormvariate(7.2, 0.6))
    fails = dice.random() < 0.06
    model = dice.choice(_MODELS)
    base = trace * 10
    root = a_span(
        trace, base, start=start, length=length, name="POST /chat", kind=2, attributes=ids,
    )  # fmt: skip
    words = {"input.value": question, "output.value": answer, "openinference.span.kind": "AGENT"}
    status = {"code": 2, "message": "no answer in time"} if fails else None
    agent = a_span(
        trace, base + 1, base, start=start + 5, length=length - 10, name="assistant", attributes=ids | words | named,
        **({"status": status} if status else {}),
    )  # fmt: skip
    llm = a_span(
        trace, base + 2, base + 1, start=start + 9, length=max(length // 2, 1), name=f"chat {model}",
        attributes=ids | _llm(dice, model) | ({"llm.cost.total": round(dice.random() / 50, 5)} if number % 3 else {}),
    )  # fmt: skip
    tool = a_span(
        trace, base + 3, base + 1, start=start + length // 2 + 12, length=max(length // 6, 1), name="look_up_order",
        attributes=ids | {"openinference.span.kind": "TOOL", "tool.name": "look_up_order", "input.value": '{"order": 4711}'},
    )  # fmt: skip
    store.write(read_traces(_request("chat-gateway", [root])))
    store.write(read_traces(_request("assistant", [agent, llm])))
    store.write(read_traces(_request("orders", [tool])))
    if dice.random() < 0.2:
        store.write(read_logs(logs_body(_judgement(dice, trace, base + 1, ids, start + length))))


def _judgement(dice: Random, trace: int, span: int, ids: dict[str, str], at: int):
    is_feedback = dice.random() < 0.5
    score = float(dice.random() > 0.4)
    attributes = ids | {
        "gen_ai.evaluation.name": "thumb" if is_feedback else "polite",
        "gen_ai.evaluation.score.value": score,
        "gen_ai.evaluation.score.label": "pass" if score else "fail",
    }
    if is_feedback:
        attributes["annotation.annotator_kind"] = "HUMAN"
    return a_log(None, trace=trace, span=span, at=at, event_name="gen_ai.evaluation.result", attributes=attributes)


def _llm(dice: Random, model: str) -> dict[str, object]:
    return {
        "openinference.span.kind": "LLM",
        "llm.model_name": model,
        "llm.token_count.prompt": dice.randrange(300, 9_000),
        "llm.token_count.completion": dice.randrange(20, 900),
    }


def _request(service: str, spans: list[trace_pb2.Span]) -> bytes:
    of_scope = trace_pb2.ScopeSpans(scope=InstrumentationScope(name=f"{service}.tracing", version="1"), spans=spans)
    by = Resource(attributes=pairs({"service.name": service}))
    return ExportTraceServiceRequest(
        resource_spans=[trace_pb2.ResourceSpans(resource=by, scope_spans=[of_scope])]
    ).SerializeToString()
