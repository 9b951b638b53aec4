"""LlamaIndex under OpenInference: an agent that calls tools in a workflow of steps."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

from conversations import AsyncCalls, AsyncStreams, Calls, Streams
from turns import find_order


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    LlamaIndexInstrumentor().instrument(tracer_provider=_pipeline.provider)


def llm_at(model):
    return OpenAILike("m", api_base=model.base_url, api_key="none", is_chat_model=True, is_function_calling_model=True)


class TestFunctionAgent(AsyncCalls, AsyncStreams):
    scope = "openinference.instrumentation.llama_index"

    @pytest.fixture(autouse=True)
    def _agent(self, model):
        self.agent = lambda: FunctionAgent(tools=[find_order], llm=llm_at(model), name="helper", description="Helps.")

    async def aask(self, user):
        return await self.agent().run(user.question)

    async def astream(self, user):
        handler = self.agent().run(user.question)
        async for event in handler.stream_events():
            yield event
        await handler

    async def _leave(self, turns, user):
        """Leave it, and have the run go on, as it does unless it is cancelled."""
        with turns.of(user):
            handler = self.agent().run(user.question)
            async for _ in handler.stream_events():
                break
        await asyncio.wait_for(handler, 10)


class TestModel(Calls, AsyncCalls, Streams, AsyncStreams):
    """A model of LlamaIndex alone."""

    scope = "openinference.instrumentation.llama_index"

    @pytest.fixture(autouse=True)
    def _model(self, model):
        self.llm = lambda: llm_at(model)

    def ask(self, user):
        return self.llm().complete(user.question)

    async def aask(self, user):
        return await self.llm().acomplete(user.question)

    def stream(self, user):
        yield from self.llm().stream_complete(user.question)

    async def astream(self, user):
        async for chunk in await self.llm().astream_complete(user.question):
            yield chunk
