"""A small chat application, written as anybody would who has an OpenTelemetry pipeline and wants sessions in it."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sessions import set_session, step, turn
from otel_sessions.sdk import instrument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessage
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

    Messages: TypeAlias = list[Any]  # of either API; it goes through JSON between the two processes

MODEL = os.environ.get("OTEL_SESSIONS_DEMO_MODEL") or "gpt-4o-mini"

_MANNERS = "You are a friendly assistant. Answer in one or two short sentences, without lists and markdown."
_SECONDS_PER_ANSWER = 30.0
_MAX_TOOL_ROUNDS = 3

_FIND_ORDER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Find an order of the shop by its number.",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}},
            "required": ["order_id"],
        },
    },
}


class Application:
    """What the whole process has once: a client of the API and a tracer."""

    def __init__(self, client: OpenAI, tracer: Tracer) -> None:
        self.client = client
        self.tracer = tracer

    def find_order(self, order_id: str) -> str:
        """Return an order as JSON: a tool for the model, with a look-up that has a span of its own."""
        kind = {"openinference.span.kind": "TOOL", "tool.name": "find_order", "input.value": order_id}
        with self.tracer.start_as_current_span("find_order", attributes=kind) as span:
            with self.tracer.start_as_current_span("read orders table"):
                time.sleep(0.02)
            found = json.dumps({"order_id": order_id, "status": "on its way", "arrives": "Thursday"})
            span.set_attribute("output.value", found)
            return found


@contextmanager
def application(exporter: SpanExporter) -> Iterator[Application]:
    """Set up the pipeline: the session processor beside what would be there anyway."""
    provider = TracerProvider(resource=Resource.create({"service.name": "demo-chat", "process.pid": os.getpid()}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    instrument(provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    try:
        with OpenAI(timeout=_SECONDS_PER_ANSWER) as client:
            yield Application(client, provider.get_tracer("demo.chat"))
    finally:
        provider.shutdown()


class Chat:
    """One conversation; it knows nothing of sessions, like most code that calls a model."""

    def __init__(self, app: Application, messages: Messages | None = None) -> None:
        self._app = app
        self.messages = messages or [{"role": "system", "content": _MANNERS}]

    def ask(self, question: str) -> None:
        """One turn by chat completions."""
        with self._turn(question):
            self._say(self._complete().content)

    def ask_streaming(self, question: str) -> None:
        """One turn by chat completions, streamed."""
        with self._turn(question):
            stream = self._app.client.chat.completions.create(
                model=MODEL, messages=self.messages, stream=True, stream_options={"include_usage": True}
            )
            self._say("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices))

    def ask_with_tools(self, question: str) -> None:
        """One turn by chat completions, in which the model may look up orders."""
        with self._turn(question):
            message = self._complete(tools=[_FIND_ORDER])
            for _ in range(_MAX_TOOL_ROUNDS):
                if not message.tool_calls:
                    break
                self._call_tools(message)
                message = self._complete(tools=[_FIND_ORDER])
            self._say(message.content)

    def respond(self, question: str) -> None:
        """One turn by the responses API."""
        with self._turn(question):
            self._say(self._app.client.responses.create(model=MODEL, input=self.messages).output_text)

    def respond_streaming(self, question: str) -> None:
        """One turn by the responses API, streamed."""
        with self._turn(question):
            events = self._app.client.responses.create(model=MODEL, input=self.messages, stream=True)
            self._say("".join(event.delta for event in events if event.type == "response.output_text.delta"))

    @contextmanager
    def _turn(self, question: str) -> Iterator[None]:
        """One exchange, as one trace: what the user said, and the answer."""
        self.messages.append({"role": "user", "content": question})
        with turn(input=question) as exchange:
            yield
            exchange.output = self.messages[-1]["content"]

    def _say(self, answer: str | None) -> None:
        self.messages.append({"role": "assistant", "content": answer or ""})

    def _complete(self, **options: Any) -> ChatCompletionMessage:  # noqa: ANN401  # what the client takes
        completion = self._app.client.chat.completions.create(model=MODEL, messages=self.messages, **options)
        message: ChatCompletionMessage = completion.choices[0].message
        return message

    def _call_tools(self, message: ChatCompletionMessage) -> None:
        self.messages.append(message.to_dict())
        for call in message.tool_calls or ():
            if call.type == "function":
                found = self._app.find_order(str(json.loads(call.function.arguments).get("order_id")))
                self.messages.append({"role": "tool", "tool_call_id": call.id, "content": found})


def first_process(app: Application) -> dict[str, Any]:
    """Hold three conversations; return the ids of their sessions, and what it takes to resume the first one."""
    with set_session(user_id="ada", name="Trip planning") as trip:
        chat = Chat(app)
        chat.ask("I have three days in Lisbon. What should I see?")
        chat.ask_streaming("Which of the days would a five-year-old like most?")

    with set_session(session_id=f"course-{uuid4().hex[:8]}", user_id="grace", name="Course creation") as course:
        author = Chat(app)
        with step("outline"):
            author.respond("Outline a course on the history of computing, in three lessons.")
        with step("lesson"), step("1"):
            author.respond_streaming("Write the opening of lesson 1.")

    with set_session(session_id=f"order-{uuid4().hex[:8]}", user_id="ada", name="Order support") as support:
        helpdesk = Chat(app)
        helpdesk.ask_with_tools("Where is my order 4711?")
        helpdesk.ask_streaming("Could it go to my neighbour instead?")

    sessions = [{"id": one.id, "user": one.user_id, "name": one.name} for one in (trip, course, support)]
    return {"sessions": sessions, "stored": {"session_id": trip.id, "user_id": "ada", "messages": chat.messages}}


def second_process(app: Application, stored: dict[str, Any]) -> dict[str, Any]:
    """Resume a conversation that another process has stored: the same id is the same session."""
    with set_session(session_id=stored["session_id"], user_id=stored["user_id"], name="Trip planning"):
        Chat(app, stored["messages"]).ask("Back again. They forecast rain for the first day: what then?")
    return {}
