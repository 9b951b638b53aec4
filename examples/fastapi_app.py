"""A chat service with FastAPI: the conversation comes with the request, the user from the log-in, and feedback later.

Its log-in and its table stand for yours. To try it:
    uvicorn fastapi_app:app
    alias ask="curl -i -H 'authorization: Bearer ada-key'"
    ask localhost:8000/chat --json '{"conversation": "conv-42", "text": "What is a span?"}'
    ask localhost:8000/feedback --json '{"message": "(its x-message-id)", "good": true}'
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import uuid4

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic import BaseModel

from otel_sessions import bind_session, feedback, turn
from otel_sessions.sdk import instrument

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
instrument(provider, trust_incoming=False)  # at the edge: what strangers send in baggage is not our session
OpenAIInstrumentor().instrument(tracer_provider=provider)
tracer = provider.get_tracer("service")
model = AsyncOpenAI()


@asynccontextmanager
async def lifespan(_api: FastAPI) -> AsyncIterator[None]:
    """Send the last spans: a server that is stopped by a signal does not come to Python's own end."""
    yield
    provider.shutdown()


app = FastAPI(lifespan=lifespan)
# Not a span for each piece of a body: one that has ended before the id was known does not get it.
FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, exclude_spans=["receive", "send"])

USERS = {"ada-key": "ada", "bob-key": "bob"}  # your log-in, which also knows whether a conversation is the user's own
answers: dict[str, tuple[str, str]] = {}  # your table of answers: by their id, who asked, and the handle of the turn


def authenticated(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    """Return who sends the request; not what the request says of itself."""
    if credentials.credentials not in USERS:
        raise HTTPException(401)
    return USERS[credentials.credentials]


User = Annotated[str, Depends(authenticated)]


class Question(BaseModel):
    """What is sent to the chat; without a ``conversation`` it begins one."""

    text: str
    conversation: str | None = None


class Thumb(BaseModel):
    """What is thought of an answer, by the ``x-message-id`` that came with it."""

    message: str
    good: bool


@app.post("/chat")
async def chat(question: Question, user: User, tasks: BackgroundTasks) -> StreamingResponse:
    session = bind_session(question.conversation, user_id=user)  # from the span of the server to the last task
    tasks.add_task(remember, question)
    with turn("chat", input=question.text) as t:
        answers[message := str(uuid4())] = user, t.handle
        stream = await model.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": question.text}], stream=True
        )
        body = t.wrap(words(stream))  # the turn goes on until the last word, which is its output
    headers = {"x-session-id": session.id or "", "x-message-id": message}
    return StreamingResponse(body, headers=headers, media_type="text/plain")


async def words(stream: AsyncStream[ChatCompletionChunk]) -> AsyncIterator[str]:
    async with stream:
        async for chunk in stream:
            if chunk.choices:
                yield chunk.choices[0].delta.content or ""


@app.post("/feedback", status_code=204)
async def judge(thumb: Thumb, user: User) -> None:
    asked_by, handle = answers.get(thumb.message, (None, ""))
    if asked_by != user:
        raise HTTPException(404)
    feedback("thumb", passed=thumb.good, session=handle)


def remember(question: Question) -> None:
    """Stand for what is done after the response: to store, to summarize, to judge."""
    with tracer.start_as_current_span("remember") as span:
        span.set_attribute("length", len(question.text))
