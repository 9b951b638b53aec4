"""Strands Agents, which trace themselves; with ids of their own on their spans, too."""

from __future__ import annotations

import pytest
from strands import Agent, tool
from strands.models.openai import OpenAIModel

from conversations import AsyncCalls, AsyncStreams, Calls
from turns import find_order


class TestStrands(Calls, AsyncCalls, AsyncStreams):
    scope = "strands"

    @pytest.fixture(autouse=True)
    def _agent(self, model):
        def agent(user):
            answering = OpenAIModel(client_args={"base_url": model.base_url, "api_key": "none"}, model_id="m")
            return Agent(answering, tools=[tool(find_order)], callback_handler=None, **self.ids(user))

        self.agent = agent

    def ids(self, _user):
        return {}

    def ask(self, user):
        return self.agent(user)(user.question)

    async def aask(self, user):
        return await self.agent(user).invoke_async(user.question)

    async def astream(self, user):
        async for event in self.agent(user).stream_async(user.question):
            yield event


class TestStrandsWithTraceAttributes(TestStrands):
    """Whose session gives way, and whose user stays."""

    own_users = frozenset({"user-of-strands"})

    def ids(self, _user):
        return {"trace_attributes": {"session.id": "strands-1", "user.id": "user-of-strands"}}
