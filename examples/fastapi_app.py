"""A FastAPI service: the session id comes in a header, and every span of the request has it.

    uvicorn fastapi_app:app
    curl -H 'x-session-id: conv-42' -H 'x-user-id: ada' 'localhost:8000/ask?question=What+is+a+span'

Take ids from a header only where you trust who sends it: behind your own gateway, or after your
own authentication. The span of the server starts from what the instrumentation reads in the
request, and from nothing else; so the middleware stands around everything, and hands the session
over as what is read there: a W3C ``baggage`` header, in place of any that a client has sent.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from openai import AsyncOpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.datastructures import MutableHeaders

from otel_sessions import set_session
from otel_sessions.sdk import SessionSpanProcessor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor())
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
OpenAIInstrumentor().instrument(tracer_provider=provider)


@asynccontextmanager
async def lifespan(_api: FastAPI) -> AsyncIterator[None]:
    """Send the last spans: a server that is stopped by a signal does not come to Python's own end."""
    yield
    provider.shutdown()


api = FastAPI(lifespan=lifespan)
FastAPIInstrumentor.instrument_app(api, tracer_provider=provider)


@api.get("/ask")
async def ask(question: str) -> str:
    with provider.get_tracer("service").start_as_current_span("answer"):
        reply = await AsyncOpenAI().responses.create(model="gpt-4o-mini", input=question)
    return reply.output_text


class SessionFromHeaders:
    """An ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the application that it stands around."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            headers = MutableHeaders(scope=scope)
            del headers["baggage"]
            if "x-session-id" in headers:
                session = set_session(Context(), headers["x-session-id"], user_id=headers.get("x-user-id"))
                W3CBaggagePropagator().inject(headers, session.context)
        await self.app(scope, receive, send)


app = SessionFromHeaders(api)
