"""LangGraph under OpenInference, which makes a session of the thread id when a span ends."""

from __future__ import annotations

import pytest
from openinference.instrumentation.langchain import LangChainInstrumentor

from langgraph_app import ChatModel, Graph


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    LangChainInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestLangGraph(Graph):
    scope = "openinference.instrumentation.langchain"


class TestChatModel(ChatModel):
    scope = "openinference.instrumentation.langchain"
