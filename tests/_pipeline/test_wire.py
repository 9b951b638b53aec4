"""The main job, seen on the wire: the real openai client and instrumentor, real OTLP bytes on a real socket."""

from __future__ import annotations

import asyncio
import multiprocessing

import pytest
from openai import AsyncOpenAI, OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from otel_sessions import set_session, step
from otel_sessions.demo import StandIn
from otel_sessions.sdk import SessionSpanProcessor, instrument
from wire import spans_of

MESSAGES = [{"role": "user", "content": "What is a span?"}]


@pytest.fixture
def api():
    with StandIn(seconds_per_word=0) as api:
        yield api


def by_hand(provider, exporter):
    provider.add_span_processor(SessionSpanProcessor())
    provider.add_span_processor(BatchSpanProcessor(exporter))


def after_the_exporter(provider, exporter):
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.add_span_processor(SessionSpanProcessor())


def by_instrument(provider, exporter):
    provider.add_span_processor(BatchSpanProcessor(exporter))
    instrument(provider)


@pytest.fixture(params=[by_hand, after_the_exporter, by_instrument])
def provider(request, receiver):
    provider = TracerProvider(shutdown_on_exit=False)
    request.param(provider, OTLPSpanExporter(endpoint=receiver.endpoint))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield provider
    instrumentor.uninstrument()
    provider.shutdown()


@pytest.mark.warned_of("propagators")
def test_every_span_of_a_chat_arrives_with_both_ids(provider, receiver, api):
    tracer = provider.get_tracer("app")
    with OpenAI(base_url=api.base_url, api_key="none") as client:
        with set_session(session_id="conv-1", user_id="ada"), tracer.start_as_current_span("turn"):
            client.chat.completions.create(model="m", messages=MESSAGES)
        with set_session(session_id="conv-1", user_id="ada"), tracer.start_as_current_span("turn"):
            for _ in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
                pass
        with set_session(session_id="conv-2", user_id="bob", name="Chat"), step("ask"):
            client.responses.create(model="m", input="What is a trace?")
            for _ in client.responses.create(model="m", input="What is a trace?", stream=True):
                pass
        client.chat.completions.create(model="m", messages=MESSAGES)
    provider.force_flush()
    seen = sorted(
        (span.attributes.get("session.id", ""), span.attributes.get("user.id", ""), span.name)
        for span in spans_of(receiver)
    )
    assert seen == [
        ("", "", "ChatCompletion"),
        ("conv-1", "ada", "ChatCompletion"),
        ("conv-1", "ada", "ChatCompletion"),
        ("conv-1", "ada", "turn"),
        ("conv-1", "ada", "turn"),
        ("conv-2", "bob", "Response"),
        ("conv-2", "bob", "Response"),
    ]
    assert {span.attributes["session.path"] for span in spans_of(receiver) if span.name == "Response"} == {"/ask"}


@pytest.mark.warned_of("propagators")
def test_conversations_that_run_at_the_same_time_stay_apart(provider, receiver, api):
    async def turn(client, number):
        with set_session(session_id=f"conv-{number}", user_id=f"user-{number}"):
            stream = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": f"I am {number}."}], stream=True
            )
            async for _ in stream:
                pass

    async def main():
        async with AsyncOpenAI(base_url=api.base_url, api_key="none") as client:
            await asyncio.gather(*(turn(client, number) for number in range(20)))

    asyncio.run(main())
    provider.force_flush()
    said = {
        (
            span.attributes["session.id"],
            span.attributes["user.id"],
            span.attributes["llm.input_messages.0.message.content"],
        )
        for span in spans_of(receiver)
    }
    assert said == {(f"conv-{number}", f"user-{number}", f"I am {number}.") for number in range(20)}


def _one_turn(endpoint: str, session_id: str | None) -> str | None:
    provider = TracerProvider()
    by_hand(provider, OTLPSpanExporter(endpoint=endpoint))
    with set_session(session_id=session_id, user_id="ada") as session:
        provider.get_tracer("app").start_span("turn").end()
    provider.shutdown()
    return session.id


def test_a_session_goes_on_in_another_process(receiver):
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as first:
        session_id = first.apply(_one_turn, (receiver.endpoint, None))
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as second:
        assert second.apply(_one_turn, (receiver.endpoint, session_id)) == session_id
    turns = spans_of(receiver)
    assert [span.attributes["session.id"] for span in turns] == [session_id] * 2
    assert turns[0].trace_id != turns[1].trace_id
