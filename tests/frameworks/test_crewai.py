"""CrewAI under OpenInference: a crew of one agent with a tool."""

from __future__ import annotations

import pytest
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from openinference.instrumentation.crewai import CrewAIInstrumentor

from conversations import AsyncCalls, AsyncStreams, Calls, Streams
from turns import find_order


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    CrewAIInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestCrew(Calls, AsyncCalls, Streams, AsyncStreams):
    scope = "openinference.instrumentation.crewai"

    @pytest.fixture(autouse=True)
    def _crew(self, model):
        def crew(user, *, stream=False):
            llm = LLM("openai/gpt-4o", base_url=model.base_url, api_key="none", stream=stream)
            tools = [tool("find_order")(find_order)]
            agent = Agent(role="helper", goal="Help.", backstory="Helps.", llm=llm, tools=tools)
            task = Task(description=user.question, expected_output="A day.", agent=agent)
            return Crew(agents=[agent], tasks=[task], stream=stream)

        self.crew = crew

    def ask(self, user):
        return self.crew(user).kickoff()

    async def aask(self, user):
        return await self.crew(user).akickoff()

    def stream(self, user):
        yield from self.crew(user, stream=True).kickoff()

    async def astream(self, user):
        async for chunk in await self.crew(user, stream=True).akickoff():
            yield chunk


class TestCrewInAThread(TestCrew):
    async def aask(self, user):
        return await self.crew(user).kickoff_async()
