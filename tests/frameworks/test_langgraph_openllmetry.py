"""LangGraph under OpenLLMetry, which makes its spans current."""

from __future__ import annotations

import pytest
from opentelemetry.instrumentation.langchain import LangchainInstrumentor

from langgraph_app import ChatModel, Graph


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    LangchainInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestLangGraph(Graph):
    scope = "opentelemetry.instrumentation.langchain"


class TestChatModel(ChatModel):
    scope = "opentelemetry.instrumentation.langchain"
