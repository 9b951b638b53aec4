"""OpenAI's Agents SDK under OpenTelemetry's own instrumentation, told whose turns they are by the group or the session, and nobody else."""

from __future__ import annotations

import pytest
from agents import RunConfig, SQLiteSession, set_trace_processors
from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor

from openai_agents_app import ChatCompletions, Responses


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    set_trace_processors([])  # OpenAI's own would export
    OpenAIAgentsInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestGroup(ChatCompletions):
    scope = "opentelemetry.instrumentation.genai.openai_agents"
    own_users = frozenset({None})  # of metadata, which it does not record, not all spans know

    def ids(self, user):
        return {"run_config": RunConfig(group_id=user.session, trace_metadata={"user_id": user.name})}


class TestSession(ChatCompletions):
    scope = "opentelemetry.instrumentation.genai.openai_agents"
    own_users = frozenset({None})

    def ids(self, user):
        return {"session": SQLiteSession(user.session)}


class TestSessionOfResponses(Responses, TestSession):
    pass
