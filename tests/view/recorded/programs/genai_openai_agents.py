"""OpenAI's Agents SDK under OpenTelemetry's own instrumentation, which makes a conversation of the group's id."""

import asyncio
import contextlib

import openai
from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
    set_trace_processors,
)
from openai import AsyncOpenAI
from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order, pipeline

provider = pipeline()
set_trace_processors([])  # OpenAI's own would export
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)


async def main():
    answering = OpenAIChatCompletionsModel(MODEL, AsyncOpenAI(max_retries=0))
    helper = Agent("helper", tools=[function_tool(find_order)], model=answering)
    session, of_ada, of_bob = (
        SQLiteSession("sqlite-ada"),
        RunConfig(group_id="conv-ada"),
        RunConfig(group_id="conv-bob"),
    )
    for question in (ORDER, NEIGHBOUR):
        await Runner.run(helper, question, session=session, run_config=of_ada)
    async for event in Runner.run_streamed(helper, LISBON, run_config=of_bob).stream_events():
        if event.type == "raw_response_event":
            break
    with contextlib.suppress(openai.RateLimitError):
        await Runner.run(helper, TOO_MUCH, run_config=of_bob)


asyncio.run(main())
provider.shutdown()
