"""OpenAI's Agents SDK under OpenInference: its own session is on no span, the one of ``using_session`` is."""

import asyncio
import contextlib

import openai
from agents import Agent, OpenAIChatCompletionsModel, Runner, SQLiteSession, function_tool
from openai import AsyncOpenAI
from openinference.instrumentation import using_session, using_user
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order, pipeline

provider = pipeline()
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider, exclusive_processor=True)


async def main():
    answering = OpenAIChatCompletionsModel(MODEL, AsyncOpenAI(max_retries=0))
    helper = Agent("helper", tools=[function_tool(find_order)], model=answering)
    with using_session("conv-ada"), using_user("ada"):
        session = SQLiteSession("sqlite-ada")
        for question in (ORDER, NEIGHBOUR):
            await Runner.run(helper, question, session=session)
    with using_session("conv-bob"), using_user("bob"):
        async for event in Runner.run_streamed(helper, LISBON).stream_events():
            if event.type == "raw_response_event":
                break
        with contextlib.suppress(openai.RateLimitError):
            await Runner.run(helper, TOO_MUCH)


asyncio.run(main())
provider.shutdown()
