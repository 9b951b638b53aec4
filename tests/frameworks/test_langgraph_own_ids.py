"""LangGraph and LangChain under OpenInference, told whose turns they are by the thread, and nobody else."""

from __future__ import annotations

import pytest
from openinference.instrumentation.langchain import LangChainInstrumentor

from langgraph_app import ChatModel, Graph


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    LangChainInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestGraph(Graph):
    scope = "openinference.instrumentation.langchain"

    def configured(self, user):
        return {"configurable": {"thread_id": user.session}, "metadata": {"user_id": user.name}}


class TestChatModel(ChatModel):
    scope = "openinference.instrumentation.langchain"

    def configured(self, user):
        return {"metadata": {"session_id": user.session, "user_id": user.name}}
