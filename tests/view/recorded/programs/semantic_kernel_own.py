"""Semantic Kernel, which traces itself; the thread's id is on no span, and nobody gives it a session."""

import asyncio
import contextlib
import logging

from openai import AsyncOpenAI
from opentelemetry.sdk._logs import LoggingHandler
from semantic_kernel.agents import ChatCompletionAgent, ChatHistoryAgentThread
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.exceptions import ServiceResponseException
from semantic_kernel.functions import kernel_function

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order, log_pipeline, pipeline

provider, logger_provider = pipeline(), log_pipeline()
logging.getLogger("semantic_kernel.utils.telemetry").addHandler(LoggingHandler(logger_provider=logger_provider))
logging.getLogger("semantic_kernel.utils.telemetry").setLevel(logging.INFO)


class Orders:
    @kernel_function(name="find_order", description="Find an order by its number.")
    def find_order(self, order_id: str) -> str:
        return find_order(order_id)


async def main():
    service = OpenAIChatCompletion(ai_model_id=MODEL, async_client=AsyncOpenAI(max_retries=0))
    agent = ChatCompletionAgent(service=service, name="helper", plugins=[Orders()])
    thread = ChatHistoryAgentThread(thread_id="conv-ada")
    for question in (ORDER, NEIGHBOUR):
        await agent.get_response(messages=question, thread=thread)
    thread = ChatHistoryAgentThread(thread_id="conv-bob")
    async for _ in agent.invoke_stream(messages=LISBON, thread=thread):
        break
    with contextlib.suppress(ServiceResponseException):
        await agent.get_response(messages=TOO_MUCH, thread=thread)


asyncio.run(main())
provider.shutdown()
logger_provider.shutdown()
