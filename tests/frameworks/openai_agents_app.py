"""An application of OpenAI's Agents SDK, whoever traces it."""

from __future__ import annotations

import pytest
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from openai import AsyncOpenAI

from conversations import AsyncCalls, AsyncStreams, Calls
from turns import find_order


class ChatCompletions(Calls, AsyncCalls, AsyncStreams):
    make_model = OpenAIChatCompletionsModel

    @pytest.fixture(autouse=True)
    def _agent(self, model):
        def agent():  # its client belongs to one loop
            client = AsyncOpenAI(base_url=model.base_url, api_key="none")
            answering = type(self).make_model("m", client)
            return Agent("helper", tools=[function_tool(find_order)], model=answering)

        self.agent = agent

    def ids(self, _user):
        return {}

    def ask(self, user):
        return Runner.run_sync(self.agent(), user.question, **self.ids(user))

    async def aask(self, user):
        return await Runner.run(self.agent(), user.question, **self.ids(user))

    async def astream(self, user):
        async for event in Runner.run_streamed(self.agent(), user.question, **self.ids(user)).stream_events():
            yield event


class Responses(ChatCompletions):
    make_model = OpenAIResponsesModel
