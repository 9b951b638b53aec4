"""DSPy under OpenInference: a module, by itself, in parallel, and streamed."""

from __future__ import annotations

import asyncio

import dspy
import pytest
from openinference.instrumentation.dspy import DSPyInstrumentor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from conversations import AsyncCalls, AsyncStreams, Calls, Streams
from model import Reply
from turns import find_order


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline, model):
    DSPyInstrumentor().instrument(tracer_provider=_pipeline.provider)
    ThreadingInstrumentor().instrument(
        tracer_provider=_pipeline.provider
    )  # dspy.Parallel has threads without a context
    model.answers = lambda _messages, _tools: Reply("[[ ## answer ## ]]\nOn its way.\n\n[[ ## completed ## ]]\n")


class Helper(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        find_order("4711")
        return self.answer(question=question)


class DSPy:
    scope = "openinference.instrumentation.dspy"

    @pytest.fixture(autouse=True)
    def _helper(self, model):
        self.lm = dspy.LM("openai/m", api_base=model.base_url, api_key="none", cache=False)
        self.helper = Helper()
        self.helper.set_lm(self.lm)


class TestModule(DSPy, Calls, AsyncCalls, Streams, AsyncStreams):
    def ask(self, user):
        return self.helper(question=user.question)

    async def aask(self, user):
        return await dspy.asyncify(self.helper)(question=user.question)

    def stream(self, user):
        yield from dspy.streamify(self.helper, async_streaming=False)(question=user.question)

    async def astream(self, user):
        async for chunk in dspy.streamify(self.helper)(question=user.question):
            yield chunk

    async def _leave(self, turns, user):
        """Leave it in a task of its own: where the loop ends the stream, anyio cancels the task that has read it."""
        await asyncio.create_task(super()._leave(turns, user))


class TestParallel(DSPy, Calls):
    def ask(self, user):
        parallel = dspy.Parallel(num_threads=2, disable_progress_bar=True)
        return parallel([(self.helper, dspy.Example(question=user.question).with_inputs("question"))] * 2)
