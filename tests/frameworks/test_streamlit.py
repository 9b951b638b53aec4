"""Streamlit, on its own server: a script that runs anew for each thing that a user does, in a thread."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from urllib.parse import urlencode

import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server import Server
from websockets.sync.client import connect

from conversations import at_once
from hosts import are_apart_in_a_host
from ports import free_port
from turns import ADA, BOB

TURNS = 4
SECONDS = 60
SCRIPT = """
import streamlit as st
from hosts import ask
from otel_sessions import bind_session, set_session
from turns import User

given = st.query_params
user = User(given["session"], given["name"])

def answer():
    st.write(ask(user, given["model"]))

if given["how"] == "block":
    with set_session(user.session, user_id=user.name):
        answer()
if given["how"] == "stopped":
    with set_session(user.session, user_id=user.name):
        answer()
        st.stop()
if given["how"] == "bound":
    bind_session(user.session, user_id=user.name)
    answer()
if given["how"] == "bare":
    answer()
"""


@pytest.fixture(scope="module")
def url(_pipeline, tmp_path_factory):
    OpenAIInstrumentor().instrument(tracer_provider=_pipeline.provider)
    script = tmp_path_factory.mktemp("streamlit") / "app.py"
    script.write_text(SCRIPT)
    port = free_port()
    options = {"address": "127.0.0.1", "port": port, "headless": True, "fileWatcherType": "none"}
    for name, value in options.items():
        config.set_option(f"server.{name}", value)
    server = Server(str(script), is_hello=False)
    loop, listens = asyncio.new_event_loop(), threading.Event()

    async def serve():
        await server.start()
        listens.set()
        await server.stopped

    thread = threading.Thread(target=contextvars.Context().run, args=(loop.run_until_complete, serve()))
    thread.start()
    assert listens.wait(SECONDS)
    yield f"ws://127.0.0.1:{port}/_stcore/stream"
    loop.call_soon_threadsafe(server.stop)
    thread.join(SECONDS)


def run_script(connection, **given):
    """Have the script run, as a page does that is opened with a query, and wait until it is done."""
    message = BackMsg()
    message.rerun_script.query_string = urlencode(given)
    connection.send(message.SerializeToString())
    while True:
        said = ForwardMsg()
        said.ParseFromString(connection.recv(SECONDS))
        if said.WhichOneof("type") == "script_finished":
            return


def converse(url, model, *ways):
    """Have two users at once, each with a page, go through ``ways`` again and again."""

    def talk(user):
        with connect(url, subprotocols=["streamlit"], proxy=None) as connection:
            for number in range(TURNS):
                how = ways[number % len(ways)]
                run_script(connection, session=user.session, name=user.name, how=how, model=model.base_url)

    at_once(talk, ADA, BOB)


@pytest.mark.parametrize("way", ["block", "stopped"])
def test_the_session_of_a_script_is_around_its_block_alone(emptied, url, model, way):
    converse(url, model, way)
    are_apart_in_a_host(emptied, ADA, BOB, turns_of_each=TURNS)


@pytest.mark.warned_of("nothing is bound")
@pytest.mark.parametrize("way", ["block", "bound"])
def test_a_turn_without_a_session_is_in_none_of_before(emptied, url, model, way):
    converse(url, model, way, "bare")
    are_apart_in_a_host(emptied, ADA, BOB, turns_of_each=TURNS, may_lack_ids=True)
