"""LangGraph and LangChain under OpenLLMetry, told whose turns they are by the thread, and nobody else."""

from __future__ import annotations

import pytest
from opentelemetry.instrumentation.langchain import LangchainInstrumentor

from langgraph_app import ChatModel, Graph


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    LangchainInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestGraph(Graph):
    scope = "opentelemetry.instrumentation.langchain"

    # Its spans stay open and current then, as if it were still at work.
    test_a_stream_that_is_left_early_and_the_next_user_in_a_task = None
    test_a_stream_that_is_left_early_while_another_user_reads_theirs = None
    test_a_stream_that_is_left_early_and_dies_in_the_turn_of_the_next_user = None

    def configured(self, user):
        return {"configurable": {"thread_id": user.session}, "metadata": {"user_id": user.name}}


class TestChatModel(ChatModel):
    scope = "opentelemetry.instrumentation.langchain"

    # Its spans stay open and current then, as if it were still at work.
    test_a_stream_that_is_left_early_and_the_next_user_in_a_task = None
    test_a_stream_that_is_left_early_while_another_user_reads_theirs = None
    test_a_stream_that_is_left_early_and_dies_in_the_turn_of_the_next_user = None

    def configured(self, user):
        return {"metadata": {"session_id": user.session, "user_id": user.name}}
