"""LangGraph under OpenLLMetry, which makes its spans current."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import context
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.semconv_ai import SUPPRESS_LANGUAGE_MODEL_INSTRUMENTATION_KEY

from conversations import settled
from langgraph_app import ChatModel, Graph
from turns import ADA


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    LangchainInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestLangGraph(Graph):
    scope = "opentelemetry.instrumentation.langchain"


class TestChatModel(ChatModel):
    scope = "opentelemetry.instrumentation.langchain"

    def test_the_end_of_a_block_takes_away_the_mark_that_an_awaited_call_leaves(self, turns):
        """With that mark, no instrumentation of OpenLLMetry makes a span of what is asked next in the same task."""

        async def main():
            with turns.of(ADA):
                await self.aask(ADA)
                inside = context.get_value(SUPPRESS_LANGUAGE_MODEL_INSTRUMENTATION_KEY)
            await settled()
            return inside, context.get_value(SUPPRESS_LANGUAGE_MODEL_INSTRUMENTATION_KEY)

        assert asyncio.run(main()) == (True, None)
