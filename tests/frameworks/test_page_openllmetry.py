"""The program of the page of chat hosts for Chainlit, as it is pasted."""

from __future__ import annotations

import asyncio

from chainlit_page import converse_by_socket
from conversations import at_once
from turns import ADA, BOB

TURNS = 2


def test_each_thread_of_chainlit_is_a_session_and_each_turn_a_trace(desk):
    def talk(user):
        asyncio.run(converse_by_socket(url, user.session, [user.question] * TURNS))

    desk.environment.pop("RUN", None)  # .ci/run has one, and Chainlit would take it for settings of its own
    desk.environment["OTEL_SESSION_FLUSH"] = "5000"  # it ends by os._exit, which exports nothing
    command = ("-m", "chainlit", "run", "--headless")
    with desk.serving("chainlit_app.py", *command, port="CHAINLIT_PORT") as url:
        at_once(talk, ADA, BOB)
    assert sorted(desk.turns().values()) == [TURNS, TURNS]
