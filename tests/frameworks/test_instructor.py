"""Instructor under OpenTelemetry's own instrumentation of OpenAI's client."""

from __future__ import annotations

import json

import instructor
import pytest
from openai import AsyncOpenAI, OpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from pydantic import BaseModel

from conversations import AsyncCalls, AsyncStreams, Calls, Streams
from model import Reply, ToolCall


class Order(BaseModel):
    status: str
    arrives: str


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline, model):
    OpenAIInstrumentor().instrument(tracer_provider=_pipeline.provider)
    answer = Reply(call=ToolCall("Order", json.dumps({"status": "sent", "arrives": "Friday"})))
    model.answers = lambda _messages, _tools: answer


class TestInstructor(Calls, AsyncCalls, Streams, AsyncStreams):
    scope = "opentelemetry.instrumentation.genai.openai"

    @pytest.fixture(autouse=True)
    def _client(self, model):
        options = {"base_url": model.base_url, "api_key": "none"}
        self.client = lambda: instructor.from_openai(OpenAI(**options))
        self.async_client = lambda: instructor.from_openai(AsyncOpenAI(**options))  # it belongs to one loop

    def arguments(self, user):
        return {"model": "m", "response_model": Order, "messages": [{"role": "user", "content": user.question}]}

    def ask(self, user):
        return self.client().create(**self.arguments(user))

    async def aask(self, user):
        return await self.async_client().create(**self.arguments(user))

    def stream(self, user):
        yield from self.client().create_partial(**self.arguments(user))

    async def astream(self, user):
        async for order in self.async_client().create_partial(**self.arguments(user)):
            yield order
