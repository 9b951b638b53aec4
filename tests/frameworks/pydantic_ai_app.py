"""Applications of pydantic-ai, which traces itself, whatever else is done with its spans."""

from __future__ import annotations

import asyncio

import pytest
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from conversations import AsyncCalls, AsyncStreams, Calls
from turns import find_order


class _PydanticAI:
    scope = "pydantic-ai"

    @pytest.fixture(autouse=True)
    def _agent(self, model, turns):
        Agent.instrument_all(InstrumentationSettings(tracer_provider=turns.provider))

        def agent():  # its client belongs to one loop
            provider = OpenAIProvider(base_url=model.base_url, api_key="none")
            return Agent(OpenAIChatModel("m", provider=provider), name="helper", tools=[find_order])

        self.agent = agent

    def ids(self, _user):
        return {}


class Agents(_PydanticAI, Calls, AsyncCalls, AsyncStreams):
    def ask(self, user):
        return self.agent().run_sync(user.question, **self.ids(user))

    async def aask(self, user):
        return await self.agent().run(user.question, **self.ids(user))

    async def astream(self, user):
        async with self.agent().run_stream(user.question, **self.ids(user)) as result:
            async for text in result.stream_text(debounce_by=None):
                yield text

    async def _leave(self, turns, user):
        with turns.of(user):
            async with self.agent().run_stream(user.question, **self.ids(user)) as result:
                async for _ in result.stream_text(debounce_by=None):
                    break


class AgentsBehindAGenerator(_PydanticAI, AsyncStreams):
    """Which is left early, and ended by the loop in a task of its own."""

    async def astream(self, user):
        async with self.agent().run_stream(user.question, **self.ids(user)) as result:
            async for text in result.stream_text(debounce_by=None):
                yield text

    async def _leave(self, turns, user):
        """Leave it in a task of its own: where the loop ends the stream, anyio cancels the task that has read it."""
        await asyncio.create_task(super()._leave(turns, user))


class Events(_PydanticAI, AsyncStreams):
    async def astream(self, user):
        async with self.agent().run_stream_events(user.question, **self.ids(user)) as events:
            async for event in events:
                yield event
