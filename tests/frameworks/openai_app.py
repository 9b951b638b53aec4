"""An application that asks a model by OpenAI's client, whoever traces that."""

from __future__ import annotations

import openai
import pytest

from conversations import AsyncCalls, AsyncStreams, Calls, Streams
from turns import find_order


class Completions(Calls, AsyncCalls, Streams, AsyncStreams):
    client, async_client = openai.OpenAI, openai.AsyncOpenAI

    @pytest.fixture(autouse=True)
    def _options(self, model):
        self.options = {"base_url": model.base_url, "api_key": "none"}

    def arguments(self, user):
        find_order("4711")
        return {"model": "m", "messages": [{"role": "user", "content": user.question}]}

    def ask(self, user):
        with self.client(**self.options) as client:
            return client.chat.completions.create(**self.arguments(user))

    async def aask(self, user):
        async with self.async_client(**self.options) as client:
            return await client.chat.completions.create(**self.arguments(user))

    def stream(self, user):
        with self.client(**self.options) as client:
            yield from client.chat.completions.create(**self.arguments(user), stream=True)

    async def astream(self, user):
        async with self.async_client(**self.options) as client:
            async for chunk in await client.chat.completions.create(**self.arguments(user), stream=True):
                yield chunk
