"""OpenAI's Agents SDK under OpenInference, told whose turns they are by the group or the session, and nobody else."""

from __future__ import annotations

import pytest
from agents import RunConfig, SQLiteSession
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

from openai_agents_app import ChatCompletions, Responses


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    OpenAIAgentsInstrumentor().instrument(tracer_provider=_pipeline.provider, exclusive_processor=True)


class TestGroup(ChatCompletions):
    scope = "openinference.instrumentation.openai_agents"

    def ids(self, user):
        return {"run_config": RunConfig(group_id=user.session, trace_metadata={"user_id": user.name})}


class TestSession(ChatCompletions):
    scope = "openinference.instrumentation.openai_agents"
    own_users = frozenset({None})

    def ids(self, user):
        return {"session": SQLiteSession(user.session)}


class TestSessionOfResponses(Responses, TestSession):
    pass
