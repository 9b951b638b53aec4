"""A FastAPI application: /right binds, /handler sets in the handler, /depends in a sync dependency."""

import os

from fastapi import Depends, FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import bind_session, set_session
from otel_sessions.sdk import instrument

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
trace.set_tracer_provider(provider)
instrument()
tracer = trace.get_tracer("app")
app = FastAPI()
FastAPIInstrumentor.instrument_app(app)


def work():
    with tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}):
        return os.getpid()


@app.get("/right")
def right(conversation: str):
    bind_session(conversation, user_id="ada")
    return work()


@app.get("/handler")
def handler(conversation: str):
    with set_session(conversation, user_id="ada"):
        return work()


def session(conversation: str):
    with set_session(conversation, user_id="ada"):
        yield


@app.get("/depends", dependencies=[Depends(session)])
def depends():
    return work()
