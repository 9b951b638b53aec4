"""Microsoft's Agent Framework, which traces itself; its session's id is on no span, and nobody gives it one."""

import asyncio
import contextlib

import openai
from agent_framework import Agent
from agent_framework.exceptions import AgentFrameworkException
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatCompletionClient
from openai import AsyncOpenAI

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order, pipeline

provider = pipeline()
enable_instrumentation(enable_sensitive_data=True)


async def main():
    answering = OpenAIChatCompletionClient(model=MODEL, async_client=AsyncOpenAI(max_retries=0))
    agent = Agent(answering, name="helper", tools=[find_order])
    session = agent.create_session(session_id="conv-ada")
    for question in (ORDER, NEIGHBOUR):
        await agent.run(question, session=session)
    session = agent.create_session(session_id="conv-bob")
    async for update in agent.run(LISBON, session=session, stream=True):
        if update.text:
            break
    with contextlib.suppress(AgentFrameworkException, openai.RateLimitError):
        await agent.run(TOO_MUCH, session=session)


asyncio.run(main())
provider.shutdown()
