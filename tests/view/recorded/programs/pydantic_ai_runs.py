"""Runs of an agent of pydantic-ai, whatever else is done with its spans: the conversation by its own id."""

from __future__ import annotations

import os

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order


def agent() -> Agent:
    client = AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"], max_retries=0)
    answering = OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=client))
    return Agent(answering, name="helper", tools=[find_order])


async def of_ada(helper: Agent, **ids) -> None:
    first = await helper.run(ORDER, **ids)
    await helper.run(NEIGHBOUR, message_history=first.all_messages())


async def of_bob(helper: Agent, **ids) -> None:
    async with helper.run_stream(LISBON, **ids) as result:
        async for _ in result.stream_text(debounce_by=None):
            break
    try:
        await helper.run(TOO_MUCH, **ids)
    except ModelHTTPError:
        return
    message = "the model has answered"
    raise AssertionError(message)
