"""OpenAI's Agents SDK under OpenInference."""

from __future__ import annotations

import pytest
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

from openai_agents_app import ChatCompletions, Responses


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    OpenAIAgentsInstrumentor().instrument(tracer_provider=_pipeline.provider, exclusive_processor=True)


class TestChatCompletions(ChatCompletions):
    scope = "openinference.instrumentation.openai_agents"


class TestResponses(Responses):
    scope = "openinference.instrumentation.openai_agents"
