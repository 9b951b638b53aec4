"""Applications of Agno: an agent, and a team; whoever traces them."""

from __future__ import annotations

import pytest
from agno.agent import Agent
from agno.models.openai.like import OpenAILike
from agno.team import Team

from conversations import AsyncCalls, AsyncStreams, Calls, Streams
from turns import find_order


class AgentRuns(Calls, AsyncCalls, Streams, AsyncStreams):
    @pytest.fixture(autouse=True)
    def _agent(self, model):
        def helper():
            answering = OpenAILike(id="m", base_url=model.base_url, api_key="none")
            return Agent(name="helper", model=answering, tools=[find_order], telemetry=False), answering

        self.helper = helper

    def ids(self, _user):
        """Return the ids that Agno is given for each run."""
        return {}

    def agent(self):
        return self.helper()[0]

    def ask(self, user):
        return self.agent().run(user.question, **self.ids(user))

    async def aask(self, user):
        return await self.agent().arun(user.question, **self.ids(user))

    def stream(self, user):
        yield from self.agent().run(user.question, stream=True, **self.ids(user))

    async def astream(self, user):
        async for event in self.agent().arun(user.question, stream=True, **self.ids(user)):
            yield event


class TeamRuns(AgentRuns):
    def agent(self):
        member, answering = self.helper()
        return Team(name="team", members=[member], model=answering, tools=[find_order], telemetry=False)
