"""Semantic Kernel, which traces itself where its environment says so, before it is imported."""

from __future__ import annotations

import asyncio
import os

os.environ["SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"] = "true"

import pytest
from openai import AsyncOpenAI
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function

from conversations import AsyncCalls, AsyncStreams, settled
from turns import ADA, BOB, find_order


class Orders:
    @kernel_function(name="find_order", description="Return the status of an order.")
    def find_order(self, order_id: str) -> str:
        return find_order(order_id)


class TestSemanticKernel(AsyncCalls, AsyncStreams):
    scope = "semantic_kernel"

    @pytest.fixture(autouse=True)
    def _agent(self, model):
        def agent():  # its client belongs to one loop
            client = AsyncOpenAI(base_url=model.base_url, api_key="none")
            service = OpenAIChatCompletion(ai_model_id="m", async_client=client)
            return ChatCompletionAgent(service=service, name="helper", plugins=[Orders()])

        self.agent = agent

    async def aask(self, user):
        return await self.agent().get_response(messages=user.question)

    async def astream(self, user):
        async for update in self.agent().invoke_stream(messages=user.question):
            yield update

    def test_a_run_after_a_stream_that_was_left_early_is_below_nothing_of_it(self, turns):
        """In the same task, and the same loop, at once: without the blocks the second run is below the call of the first."""

        async def main():
            with turns.of(ADA):
                async for _ in self.astream(ADA):
                    break
            with turns.of(BOB):
                await self.aask(BOB)
            await settled()

        asyncio.run(main())
        self.judge(turns, BOB, left=(ADA,))
        runs = [span for span in turns.spans() if span.name == "invoke_agent helper"]
        above = {span.attributes["session.id"]: span.parent for span in runs}
        assert (above[BOB.session] is not None) is turns.with_turn
