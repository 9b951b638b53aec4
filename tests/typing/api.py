"""Never run: checked by mypy and pyright, as the code of a user would be."""

from __future__ import annotations

from uuid import uuid4

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from typing_extensions import assert_type

import otel_sessions
from otel_sessions import Session, SessionScope, clear_session, get_session, set_session, step, update_session
from otel_sessions.sdk import SessionSpanProcessor, instrument, uninstrument

assert_type(set_session(), SessionScope)
assert_type(set_session(Context(), "conv-42", user_id=uuid4()), SessionScope)
assert_type(set_session("conv-42", user_id="ada", name="n", path="/p", previous_id=3), SessionScope)
assert_type(set_session(42, metadata={"tier": "gold", "seats": 3}, tags=["beta"]), SessionScope)
assert_type(set_session(session_id=uuid4()), SessionScope)
assert_type(set_session(lambda: "conv-42"), SessionScope)
assert_type(update_session(user_id="ada", name="n", metadata={}, tags=()), SessionScope)
assert_type(clear_session(), SessionScope)
assert_type(clear_session(Context()), SessionScope)
assert_type(step("outline"), SessionScope)
assert_type(get_session(), Session | None)
assert_type(get_session(Context()), Session | None)
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


async def main() -> None:
    assert_type(await work("word"), bytes)
    async with set_session("a") as inside:
        assert_type(inside, Session)


class Service:
    @step("ask")
    def ask(self, question: str) -> str:
        return question


assert_type(Service().ask("why?"), str)

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor())
provider.add_span_processor(SessionSpanProcessor(conflict="span", disabled=False))
instrument()
instrument(provider, conflict="scope")
uninstrument(tracer_provider=provider)

# What must not pass.
set_session(Context(), 3.5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
set_session("first", "second")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
step(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
session.id = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
handle(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
