"""Chainlit, on its own server under FastAPI's instrumentation, where each user has a socket."""

from __future__ import annotations

import asyncio
import os
import tempfile

os.environ.pop("RUN", None)  # .ci/run has one, and Chainlit would take it for settings of its own
os.environ["CHAINLIT_APP_ROOT"] = tempfile.mkdtemp()  # where it writes its settings when it is imported

from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

FastAPIInstrumentor().instrument()  # Chainlit makes its application of the class that it finds

import chainlit
import pytest
from chainlit.server import app
from openinference.instrumentation.openai import OpenAIInstrumentor

from chainlit_page import converse_by_socket
from conversations import at_once
from hosts import are_apart_in_a_host, ask, served
from otel_sessions import bind_session, set_session
from turns import ADA, BOB, User

TURNS = 4


@pytest.fixture(scope="module")
def url(_pipeline, model):
    OpenAIInstrumentor().instrument(tracer_provider=_pipeline.provider)

    @chainlit.on_message
    async def answer(message):
        session, name, how = message.content.split()
        user = User(session, name)
        if how == "block":
            with set_session(session, user_id=name):
                said = ask(user, model.base_url)
        elif how == "step":
            with set_session(session, user_id=name):
                async with chainlit.Step(name="asking"):
                    said = await chainlit.make_async(ask)(user, model.base_url)
        else:
            if how == "bound":
                bind_session(session, user_id=name)
            said = await chainlit.make_async(ask)(user, model.base_url)
        await chainlit.Message(said).send()

    with served(app) as url:
        yield url


def converse(url, *ways):
    def talk(user):
        contents = [f"{user.session} {user.name} {ways[number % len(ways)]}" for number in range(TURNS)]
        asyncio.run(converse_by_socket(url, user.session, contents))

    at_once(talk, ADA, BOB)


@pytest.mark.parametrize("way", ["block", "step"])
def test_the_session_of_a_handler_is_around_its_turn_alone(emptied, url, way):
    converse(url, way)
    are_apart_in_a_host(emptied, ADA, BOB, turns_of_each=TURNS)


@pytest.mark.parametrize("way", ["block", "bound"])
def test_a_message_without_a_session_is_in_none_of_another_user(emptied, url, way):
    converse(url, way, "bare")
    are_apart_in_a_host(emptied, ADA, BOB, turns_of_each=TURNS, may_lack_ids=True)
