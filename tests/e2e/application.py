"""An application with several users at once, written as anybody would who has a pipeline and wants sessions in it.

It talks to the model at ``OPENAI_BASE_URL``, exports to two backends, and prints what it stored about each turn.
"""

from __future__ import annotations

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI
from openai import AsyncOpenAI, OpenAI
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from pydantic import BaseModel

from conversations import CONTRACT, COURSE, INVOICE, KITCHEN, ORDER, TRIP
from otel_sessions import (
    bind_session,
    check,
    check_includes,
    check_json,
    check_regex,
    get_session,
    set_session,
    step,
    turn,
)
from otel_sessions.view.loopback import LoopbackServer
from pipeline import pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conversations import Conversation
    from otel_sessions import Check, Turn

MODEL = "gpt-4o-mini"
INVOICE_SCHEMA = {
    "type": "object",
    "required": ["supplier", "total"],
    "properties": {"supplier": {"type": "string"}, "total": {"type": "number"}},
}


class Store:
    """What the application keeps: of each turn for the user's thumb, which comes later; and what was checked."""

    def __init__(self) -> None:
        self.turns: list[dict[str, str]] = []
        self.checks: list[dict[str, object]] = []

    def keep(self, one: Turn, *checks: Check) -> None:
        """Keep the handle of a turn, in which trace it is, and what was found of it."""
        context = one.span.get_span_context()
        span_id = f"{context.span_id:016x}"
        ids = {"trace_id": f"{context.trace_id:032x}", "span_id": span_id}
        self.turns.append({"session": get_session().id, "input": one.input, "handle": one.handle} | ids)
        self.keep_checks(span_id, *checks)

    def keep_checks(self, target: str, *checks: Check) -> None:
        """Keep what was found of a span or of a session."""
        self.checks += [{"target": target, **asdict(each)} for each in checks]


class Chat:
    """One conversation; it knows nothing of sessions, like most code that calls a model."""

    def __init__(self, client: OpenAI | AsyncOpenAI) -> None:
        self._client = client
        self._messages = [{"role": "system", "content": "You are a friendly assistant. Answer in short sentences."}]

    def ask(self, question: str) -> str:
        self._hear(question)
        completion = self._client.chat.completions.create(model=MODEL, messages=self._messages)
        return self._say(completion.choices[0].message.content)

    def stream(self, question: str) -> Iterator[str]:
        self._hear(question)
        words = []
        for chunk in self._client.chat.completions.create(
            model=MODEL, messages=self._messages, stream=True, stream_options={"include_usage": True}
        ):
            if chunk.choices and chunk.choices[0].delta.content:
                words.append(chunk.choices[0].delta.content)
                yield words[-1]
        self._say("".join(words))

    async def respond(self, question: str) -> str:
        self._hear(question)
        response = await self._client.responses.create(model=MODEL, input=self._messages)
        return self._say(response.output_text)

    def _hear(self, question: str) -> None:
        self._messages.append({"role": "user", "content": question})

    def _say(self, answer: str) -> str:
        self._messages.append({"role": "assistant", "content": answer})
        return answer


def plan_trip(client: OpenAI, store: Store) -> None:
    """In a thread; the last answer is streamed, and its words are collected by the turn."""
    chat = Chat(client)
    *first, (last, _) = TRIP.turns
    with set_session(TRIP.session_id, user_id=TRIP.user_id, name=TRIP.name):
        for question, _ in first:
            with turn("reply", input=question) as t:
                t.output = chat.ask(question)
                store.keep(t, check_includes(t.output, "Day", name="names a day"))
        with turn("reply", input=last) as t:
            for _ in t.wrap(chat.stream(last)):
                pass
            store.keep(t)


async def create_course(client: AsyncOpenAI, store: Store) -> None:
    """In a task; each part of the work is a step."""
    chat = Chat(client)
    async with set_session(COURSE.session_id, user_id=COURSE.user_id, name=COURSE.name):
        for part, (question, _) in zip(("outline", "lesson-1", "lesson-1", "quiz"), COURSE.turns, strict=True):
            async with step(part), turn("reply", input=question) as t:
                t.output = await chat.respond(question)
                store.keep(t, check("tone", score=0.9, label="friendly", explanation="short, and no jargon"))


def review_contract(client: OpenAI, store: Store) -> None:
    """In a thread; all answers are streamed."""
    chat = Chat(client)
    with set_session(CONTRACT.session_id, user_id=CONTRACT.user_id, name=CONTRACT.name) as session:
        for question, _ in CONTRACT.turns:
            with turn("reply", input=question) as t:
                t.output = "".join(chat.stream(question))
                store.keep(t)
        resolved = check("resolved", passed=True, explanation="the tenant has a sentence to send", session=session)
        store.keep_checks(session.id, resolved)


def take_invoices(client: OpenAI, store: Store) -> None:
    """In a thread, below a span that stays open: each turn has a trace of its own."""
    chat = Chat(client)
    session = set_session(INVOICE.session_id, user_id=INVOICE.user_id, name=INVOICE.name)
    with trace.get_tracer("shop.worker").start_as_current_span("worker"), session:
        for question, _ in INVOICE.turns:
            with turn("reply", input=question, new_trace=True) as t:
                t.output = chat.ask(question)
                store.keep(t, check_json(t.output, schema=INVOICE_SCHEMA, name="invoice"))


class Said(BaseModel):
    """What the browser sends."""

    session_id: str
    user_id: str
    text: str


def service(client: OpenAI, store: Store) -> FastAPI:
    """Two routes: one binds the whole trace of the request, one has a session only around the turn."""
    app = FastAPI()
    chats: dict[str, Chat] = {}

    @app.post("/orders")
    def orders(said: Said) -> str:
        bind_session(said.session_id, user_id=said.user_id, name=ORDER.name)
        return reply(said)

    @app.post("/kitchen")
    def kitchen(said: Said) -> str:
        with set_session(said.session_id, user_id=said.user_id, name=KITCHEN.name):
            return reply(said)

    def reply(said: Said) -> str:
        with turn("reply", input=said.text) as t:
            t.output = chats.setdefault(said.session_id, Chat(client)).ask(said.text)
            store.keep(t, check_regex(t.output, r"\d", name="names a number"))
            return t.output

    FastAPIInstrumentor.instrument_app(app)
    return app


def browse(url: str, conversation: Conversation) -> None:
    """What a browser does: one request for each question."""
    with httpx.Client(trust_env=False, timeout=30) as browser:
        for question, _ in conversation.turns:
            said = {"session_id": conversation.session_id, "user_id": conversation.user_id, "text": question}
            browser.post(url, json=said).raise_for_status()


def serve_everybody(store: Store) -> None:
    """All conversations at the same time."""
    with OpenAI() as client, LoopbackServer(service(client, store)) as server, ThreadPoolExecutor() as pool:
        works = [
            pool.submit(plan_trip, client, store),
            pool.submit(review_contract, client, store),
            pool.submit(take_invoices, client, store),
            pool.submit(browse, f"{server.url}/orders", ORDER),
            pool.submit(browse, f"{server.url}/kitchen", KITCHEN),
            pool.submit(lambda: asyncio.run(create_course(AsyncOpenAI(), store))),
        ]
        for work in works:
            work.result(60)


if __name__ == "__main__":
    store = Store()
    with pipeline() as sent:
        serve_everybody(store)
    json.dump({"turns": store.turns, "checks": store.checks, "sent": sent}, sys.stdout)
