"""Haystack under OpenInference: an agent in a pipeline."""

from __future__ import annotations

import pytest
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import create_tool_from_function
from haystack.utils import Secret
from openinference.instrumentation.haystack import HaystackInstrumentor

from conversations import Calls
from turns import find_order


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    HaystackInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestPipeline(Calls):
    scope = "openinference.instrumentation.haystack"

    def pipeline_at(self, model):
        generator = OpenAIChatGenerator(model="m", api_key=Secret.from_token("none"), api_base_url=model.base_url)
        pipeline = Pipeline()
        pipeline.add_component("agent", Agent(chat_generator=generator, tools=[create_tool_from_function(find_order)]))
        return pipeline

    @pytest.fixture(autouse=True)
    def _made(self, model):
        self.pipeline = self.pipeline_at(model)

    def ask(self, user):
        return self.pipeline.run({"agent": {"messages": [ChatMessage.from_user(user.question)]}})
