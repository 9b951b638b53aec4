"""A chat service with FastAPI: the id of the conversation is in the request, and every span of the request has it.

    uvicorn fastapi_app:app
    curl localhost:8000/chat --json '{"conversation": "conv-42", "user": "ada", "text": "What is a span?"}'
    curl -H 'x-session-id: conv-42' -H 'x-user-id: ada' 'localhost:8000/ask?question=What+is+a+span'

Take ids from a request only where you trust who sends it: behind your own gateway, or after your
own authentication.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, FastAPI, Header
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic import BaseModel

from otel_sessions import bind_session
from otel_sessions.sdk import instrument

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
instrument(provider, trust_incoming=False)  # at the edge: what strangers send in baggage is not our session
OpenAIInstrumentor().instrument(tracer_provider=provider)
tracer = provider.get_tracer("service")


@asynccontextmanager
async def lifespan(_api: FastAPI) -> AsyncIterator[None]:
    """Send the last spans: a server that is stopped by a signal does not come to Python's own end."""
    yield
    provider.shutdown()


app = FastAPI(lifespan=lifespan)
# Not a span for each piece of a body: one that has ended before the id was known does not get it.
FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, exclude_spans=["receive", "send"])


class Message(BaseModel):
    """What is sent to the chat; without a ``conversation`` it begins one."""

    text: str
    user: str
    conversation: str | None = None


@app.post("/chat")
async def chat(message: Message, tasks: BackgroundTasks) -> StreamingResponse:
    session = bind_session(message.conversation, user_id=message.user)  # from the span of the server to the last task
    tasks.add_task(remember, message)
    return StreamingResponse(answer(message.text), headers={"x-session-id": session.id or ""}, media_type="text/plain")


@app.get("/ask")
async def ask(
    question: str,
    x_session_id: Annotated[str | None, Header()] = None,
    x_user_id: Annotated[str | None, Header()] = None,
) -> str:
    if x_session_id is not None:
        bind_session(x_session_id, user_id=x_user_id)
    return "".join([piece async for piece in answer(question)])


async def answer(question: str) -> AsyncIterator[str]:
    with tracer.start_as_current_span("answer"):
        stream = await AsyncOpenAI().responses.create(model="gpt-4o-mini", input=question, stream=True)
        async for event in stream:
            if event.type == "response.output_text.delta":
                yield event.delta


def remember(message: Message) -> None:
    """Stand for what is done after the response: to store, to summarize, to judge."""
    with tracer.start_as_current_span("remember") as span:
        span.set_attribute("length", len(message.text))
