"""An application of Google's ADK, whoever traces it."""

from __future__ import annotations

import pytest
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

from conversations import AsyncCalls, AsyncStreams, Calls, Streams
from turns import find_order

USER_OF_ADK = "user-of-adk"


class ADK(Calls, AsyncCalls, Streams, AsyncStreams):
    def ids(self, _user):
        return {"user_id": USER_OF_ADK}

    @pytest.fixture(autouse=True)
    def _runner(self, model):
        def arguments(user, **options):
            sessions = InMemorySessionService()
            answering = LiteLlm("openai/m", api_base=model.base_url, api_key="none")
            agent = LlmAgent(name="helper", model=answering, tools=[find_order])
            session = sessions.create_session_sync(app_name="app", **self.ids(user))
            message = types.Content(role="user", parts=[types.Part(text=user.question)])
            runner = Runner(agent=agent, app_name="app", session_service=sessions)
            return runner, {"user_id": session.user_id, "session_id": session.id, "new_message": message, **options}

        self.arguments = arguments

    def ask(self, user):
        runner, arguments = self.arguments(user)
        return list(runner.run(**arguments))

    async def aask(self, user):
        runner, arguments = self.arguments(user)
        return [event async for event in runner.run_async(**arguments)]

    def stream(self, user):
        runner, arguments = self.arguments(user, run_config=RunConfig(streaming_mode=StreamingMode.SSE))
        yield from runner.run(**arguments)

    async def astream(self, user):
        runner, arguments = self.arguments(user, run_config=RunConfig(streaming_mode=StreamingMode.SSE))
        async for event in runner.run_async(**arguments):
            yield event
