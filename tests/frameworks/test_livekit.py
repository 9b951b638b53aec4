"""LiveKit's agents, by text and without a room: what a session of theirs starts belongs to where it was started."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import Agent, AgentSession, function_tool, llm
from livekit.agents.telemetry import set_tracer_provider

from conversations import settled
from turns import ADA, BOB, find_order


class Answers(llm.LLM):
    """A model that has the order found, and then tells of it."""

    def chat(self, *, chat_ctx, tools=None, conn_options, **_options):
        return Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Answer(llm.LLMStream):
    async def _run(self):
        last = self._chat_ctx.items[-1]
        if last.type == "function_call_output":
            delta = llm.ChoiceDelta(role="assistant", content="It arrives on Friday.")
        else:
            call = llm.FunctionToolCall(name="find_order", arguments='{"order_id": "4711"}', call_id="call-1")
            delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
        await asyncio.sleep(0.01)
        self._event_ch.send_nowait(llm.ChatChunk(id="chunk-1", delta=delta))


class Helper(Agent):
    def __init__(self):
        super().__init__(instructions="Help.", llm=Answers())

    @function_tool
    async def find_order(self, order_id: str) -> str:
        """Return the status of an order."""
        return find_order(order_id)


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    set_tracer_provider(_pipeline.provider)


async def converse(user, *, turns=2):
    async with AgentSession() as session:
        await session.start(Helper())
        for _ in range(turns):
            await session.run(user_input=user.question)


def are_apart(turns):
    turns.are_apart(ADA, BOB)
    names = {(span.attributes["session.id"], span.name) for span in turns.spans()}
    for user in (ADA, BOB):
        assert {"agent_turn", "llm_node", "find_order"} <= {name for session, name in names if session == user.session}


async def in_a_block(turns, user):
    with turns.of(user):
        await converse(user)


def test_sessions_one_after_the_other(turns):
    async def main():
        for user in (ADA, BOB):
            await in_a_block(turns, user)
            await settled()
            turns.nothing_is_left()

    asyncio.run(main())
    are_apart(turns)


def test_sessions_at_once(turns):
    async def main():
        await asyncio.gather(in_a_block(turns, ADA), in_a_block(turns, BOB))
        turns.nothing_is_left()

    asyncio.run(main())
    are_apart(turns)


def test_a_session_that_goes_on_after_its_block_and_the_next_one_of_nobody(turns):
    async def main():
        with turns.of(ADA):
            session = AgentSession()
            await session.start(Helper())
        await session.run(user_input=ADA.question)
        turns.are_apart(ADA)
        turns.exporter.clear()
        await converse(BOB, turns=1)
        of_nobody = turns.spans()
        await session.aclose()
        return of_nobody

    of_nobody = asyncio.run(main())
    assert {"agent_turn", "llm_node", "find_order"} <= {span.name for span in of_nobody}
    assert {span.attributes.get(key) for span in of_nobody for key in ("session.id", "user.id")} == {None}
