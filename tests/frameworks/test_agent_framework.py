"""Microsoft's Agent Framework, which traces itself."""

from __future__ import annotations

import pytest
from agent_framework import Agent
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatCompletionClient

from conversations import AsyncCalls, AsyncStreams
from turns import find_order


class TestAgentFramework(AsyncCalls, AsyncStreams):
    scope = "agent_framework"

    @pytest.fixture(autouse=True)
    def _agent(self, model):
        enable_instrumentation(enable_sensitive_data=True)

        def agent():  # its client belongs to one loop
            client = OpenAIChatCompletionClient(model="m", base_url=model.base_url, api_key="none")
            return Agent(client, name="helper", tools=[find_order])

        self.agent = agent

    async def aask(self, user):
        return await self.agent().run(user.question)

    async def astream(self, user):
        async for update in self.agent().run(user.question, stream=True):
            yield update
