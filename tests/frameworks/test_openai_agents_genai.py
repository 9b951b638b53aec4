"""OpenAI's Agents SDK under OpenTelemetry's own instrumentation."""

from __future__ import annotations

import pytest
from agents import set_trace_processors
from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor

from openai_agents_app import ChatCompletions, Responses


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    set_trace_processors([])  # OpenAI's own would export
    OpenAIAgentsInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestChatCompletions(ChatCompletions):
    scope = "opentelemetry.instrumentation.genai.openai_agents"


class TestResponses(Responses):
    scope = "opentelemetry.instrumentation.genai.openai_agents"
