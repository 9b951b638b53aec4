"""Gradio, on its own server under FastAPI's instrumentation: all its events are below the span of a request that has ended."""

from __future__ import annotations

from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

FastAPIInstrumentor().instrument()  # Gradio makes its application of the class that it finds

import gradio as gr
import pytest
from gradio_client import Client
from openinference.instrumentation.openai import OpenAIInstrumentor

from conversations import at_once
from hosts import are_apart_in_a_host, ask
from otel_sessions import bind_session, set_session
from turns import ADA, BOB, User

TURNS = 4


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    OpenAIInstrumentor().instrument(tracer_provider=_pipeline.provider)


@pytest.fixture(scope="module")
def url(_pipeline, model):
    def in_function(session: str, name: str) -> str:
        with set_session(session, user_id=name):
            return ask(User(session, name), model.base_url)

    async def in_coroutine(session: str, name: str) -> str:
        with set_session(session, user_id=name):
            return ask(User(session, name), model.base_url)

    async def in_async_generator(session: str, name: str) -> str:
        with set_session(session, user_id=name):
            yield "..."
            yield ask(User(session, name), model.base_url)

    def wrapped(session: str, name: str) -> str:
        yield from set_session(session, user_id=name).wrap(answers(session, name))

    def answers(session, name):
        yield "..."
        yield ask(User(session, name), model.base_url)

    def in_generator(session: str, name: str) -> str:
        with set_session(session, user_id=name):
            yield from answers(session, name)

    def bound(session: str, name: str) -> str:
        bind_session(session, user_id=name)
        return ask(User(session, name), model.base_url)

    def bare(session: str, name: str) -> str:
        return ask(User(session, name), model.base_url)

    with gr.Blocks() as blocks:
        for handler in (in_function, in_coroutine, in_async_generator, wrapped, in_generator, bound, bare):
            gr.api(handler, api_name=handler.__name__)
    _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    yield url
    blocks.close()


def converse(url, *handlers):
    """Have two users at once, each with a client, go through ``handlers`` again and again."""

    def talk(user):
        client = Client(url, verbose=False)
        for number in range(TURNS):
            client.predict(user.session, user.name, api_name=f"/{handlers[number % len(handlers)]}")

    at_once(talk, ADA, BOB)


@pytest.mark.parametrize("handler", ["in_function", "in_coroutine", "in_async_generator", "wrapped"])
def test_the_session_of_a_handler_is_around_its_turn_alone(emptied, url, handler):
    converse(url, handler)
    are_apart_in_a_host(emptied, ADA, BOB, turns_of_each=TURNS)


@pytest.mark.warned_of("nothing is bound")
@pytest.mark.parametrize("handler", ["in_generator", "bound"])
def test_what_does_not_hold_in_gradio_reaches_nobody_else(emptied, url, handler):
    converse(url, handler, "bare")
    are_apart_in_a_host(emptied, ADA, BOB, turns_of_each=TURNS, may_lack_ids=True)
