"""LangGraph under OpenTelemetry's own instrumentation."""

from __future__ import annotations

import pytest
from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

from langgraph_app import ChatModel, Graph


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    LangChainInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestLangGraph(Graph):
    scope = "opentelemetry.instrumentation.genai.langchain"


class TestChatModel(ChatModel):
    scope = "opentelemetry.instrumentation.genai.langchain"
