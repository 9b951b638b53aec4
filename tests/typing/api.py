"""Never run: checked by mypy and pyright, as the code of a user would be."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from uuid import uuid4

from opentelemetry.context import Context
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import Span
from typing_extensions import assert_type

import otel_sessions
from otel_sessions import (
    Check,
    Session,
    SessionScope,
    Turn,
    bind_session,
    check,
    check_equals,
    check_includes,
    check_json,
    check_regex,
    clear_session,
    end_session,
    feedback,
    from_carrier,
    get_session,
    log,
    session_headers,
    set_session,
    step,
    to_carrier,
    turn,
    update_session,
)
from otel_sessions.sdk import (
    DialectSpanExporter,
    ParentBasedSessionRatio,
    PhoenixAnnotationExporter,
    SessionLogRecordProcessor,
    SessionPropagator,
    SessionRatioSampler,
    SessionSpanProcessor,
    instrument,
    uninstrument,
)
from otel_sessions.testing import InMemoryPipeline, assert_all_spans_have_session

assert_type(set_session(), SessionScope)
assert_type(set_session(Context(), "conv-42", user_id=uuid4()), SessionScope)
assert_type(set_session("conv-42", user_id="ada", name="n", path="/p", previous_id=3), SessionScope)
assert_type(set_session(42, metadata={"tier": "gold", "seats": 3}, tags=["beta"]), SessionScope)
assert_type(set_session(session_id=uuid4()), SessionScope)
assert_type(set_session(None), SessionScope)
assert_type(set_session(Context(), None), SessionScope)
assert_type(set_session(lambda: "conv-42"), SessionScope)
assert_type(update_session(user_id="ada", name="n", metadata={}, tags=()), SessionScope)
assert_type(clear_session(), SessionScope)
assert_type(clear_session(Context()), SessionScope)
assert_type(step("outline"), SessionScope)
assert_type(get_session(), Session | None)
assert_type(get_session(Context()), Session | None)
assert_type(bind_session("conv-42", user_id=uuid4(), name="n", metadata={"seats": 3}, tags=["beta"]), Session)
assert_type(bind_session(), Session)
assert_type(to_carrier(), dict[str, str])
assert_type(to_carrier(environ=True), dict[str, str])
assert_type(to_carrier(level=1), dict[str, str])
assert_type(to_carrier(environ=True, level=2), dict[str, str])
assert_type(from_carrier({"baggage": "session.id=a"}), SessionScope)
assert_type(from_carrier(os.environ), SessionScope)
assert_type(from_carrier([("baggage", b"session.id=a")]), SessionScope)
assert_type(from_carrier(None), SessionScope)
assert_type(session_headers("helicone"), dict[str, str])
assert_type(otel_sessions.set_session("a").context, Context)
assert_type(set_session("a").session, Session)

with set_session("a") as session:
    assert_type(session, Session)
    assert_type(session.id, str | None)
    assert_type(session.tags, tuple[str, ...])


@set_session(session_id=lambda request, **_: request["session"])
def handle(request: dict[str, str], *, verbose: bool = False) -> int:
    return len(request) if verbose else 0


assert_type(handle({}, verbose=True), int)


@set_session("a")
async def work(word: str) -> bytes:
    return word.encode()


@set_session("a")
def numbers(count: int) -> Iterator[int]:
    yield from range(count)


@set_session("a")
async def async_numbers(count: int) -> AsyncIterator[int]:
    yield count


def total() -> Generator[int, str, bytes]:
    yield 1
    return b""


async def async_total() -> AsyncGenerator[int, str]:
    yield 1


assert_type(numbers(3), Iterator[int])
assert_type(async_numbers(3), AsyncIterator[int])
assert_type(set_session("a").wrap(total()), Generator[int, str, bytes])
assert_type(set_session("a").wrap(async_total()), AsyncGenerator[int, str])


with turn("reply", input={"any": "thing"}) as exchange:
    assert_type(exchange, Turn)
    assert_type(exchange.handle, str)
    assert_type(exchange.span, Span)
    exchange.output = "answer"
    assert_type(exchange.wrap(iter(["a"])), Iterator[str])


@turn("reply", input=lambda question: question, new_trace=True)
def reply(question: str) -> int:
    return len(question)


assert_type(reply("why?"), int)


async def main() -> None:
    assert_type(await work("word"), bytes)
    async with turn() as asked:
        assert_type(asked, Turn)
    async with set_session("a") as inside:
        assert_type(inside, Session)


class Service:
    @step("ask")
    def ask(self, question: str) -> str:
        return question


assert_type(Service().ask("why?"), str)

assert_type(SessionSpanProcessor().stats().stamped, int)
assert_all_spans_have_session(InMemoryPipeline().spans(), "conv-42", user_id="ada")

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor())
provider.add_span_processor(SessionSpanProcessor(conflict="span", disabled=False))
instrument()
instrument(provider, conflict="scope")
uninstrument(tracer_provider=provider)
instrument(
    provider,
    LoggerProvider(),
    dialects=["langfuse"],
    aliases={"my.key": "session.id"},
    propagate_to=["private", "*.corp.example"],
    trust_incoming=False,
    incoming_headers={"session.id": "x-session-id"},
    user_privacy="hash",
    user_hash_key=b"key",
    metadata_on_wire=("tenant",),
    conflict="span",
    logs="sampled",
    events=True,
    session_id="auto",
    user_id="ada",
    provider_ids=["user", "session"],
    flush=250,
    disabled=False,
)
instrument(session_id=uuid4(), user_id=uuid4(), provider_ids="none")
instrument(user_id=7, user_privacy="drop")
instrument(dialects="langfuse,genai", aliases="my.key=session.id", propagate_to="none", logs=False)
end_session()
end_session(session)

set_global_textmap(SessionPropagator(get_global_textmap(), propagate_to="all", trust_incoming=True))
SessionPropagator(get_global_textmap(), incoming_headers={"session.id": ["x-a", "x-b"], "user.id": "x-user"})
assert_type(SessionPropagator(get_global_textmap()).refusals(), dict[str, int])
assert_type(SessionPropagator(get_global_textmap()).withheld(), dict[str, int])
TracerProvider(sampler=SessionRatioSampler(0.1))
TracerProvider(sampler=ParentBasedSessionRatio(1))
assert_type(SessionRatioSampler(0.1).keeps_session("conv-42"), bool)
provider.add_span_processor(SimpleSpanProcessor(DialectSpanExporter(ConsoleSpanExporter(), "langfuse")))
LoggerProvider().add_log_record_processor(SessionLogRecordProcessor())

assert_type(check("ok", passed=True, score=1, label="good", explanation="why", response_id="r", session="a"), Check)
assert_type(check("tone", score=0.5, annotator="llm", session=session), Check)
assert_type(feedback("helpful", passed=False, session=to_carrier()), Check)
assert_type(feedback("helpful", score=0.5, session=turn().handle), Check)
assert_type(feedback("helpful", score=0.5, session=turn()), Check)
assert_type(check_json("{}", schema={"type": "object"}, session=uuid4()), Check)
assert_type(check_json(b"{}", schema=True, name="answer"), Check)
assert_type(check_regex("Paris", re.compile("^P", re.IGNORECASE)), Check)
assert_type(check_regex("Paris", "^P", response_id="r"), Check)
assert_type(check_includes("Paris", ["P", b"s"], case_sensitive=False), Check)
assert_type(check_equals([1], (1,)), Check)
assert_type(bool(check("ok", passed=True)), bool)
assert_type(check("ok").passed, bool | None)
log("plan chosen", severity="warn", session="a", response_id="r", plan="b", steps=[1, {"n": 2}])
LoggerProvider().add_log_record_processor(
    BatchLogRecordProcessor(PhoenixAnnotationExporter("http://localhost:6006", {"a": "b"}, timeout=2))
)

# What must not pass.
set_session(Context(), 3.5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
set_session("first", "second")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
set_session("a").wrap(7)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
set_session("a").wrap([1, 2])  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
to_carrier(level=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
from_carrier(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
session_headers(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
instrument(session_id=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
step(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
session.id = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
check("ok", True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
check_regex("a", 7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Check("ok").passed = True  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
handle(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
