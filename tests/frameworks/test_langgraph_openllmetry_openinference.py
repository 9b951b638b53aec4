"""LangGraph under OpenLLMetry, whose spans OpenInference's processor writes anew when they end, without what it does not know."""

from __future__ import annotations

import pytest
from openinference.instrumentation.openllmetry import OpenInferenceSpanProcessor
from opentelemetry.instrumentation.langchain import LangchainInstrumentor

from langgraph_app import ChatModel, Graph


@pytest.fixture(scope="session")
def processors():
    return [OpenInferenceSpanProcessor()]


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    LangchainInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestLangGraph(Graph):
    scope = "opentelemetry.instrumentation.langchain"


class TestChatModel(ChatModel):
    scope = "opentelemetry.instrumentation.langchain"
