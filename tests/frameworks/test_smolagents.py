"""smolagents under OpenInference: an agent that calls tools."""

from __future__ import annotations

import json

import pytest
from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from smolagents import OpenAIModel, ToolCallingAgent, tool

from conversations import Calls, Streams
from model import Reply, ToolCall, reply
from turns import find_order


def answers(messages, tools):
    """Answer by the tool that smolagents wants to be called at the end."""
    if any("Friday" in message.text for message in messages):
        return Reply(call=ToolCall("final_answer", json.dumps({"answer": "It arrives on Friday."})))
    return reply(messages, tools)


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline, model):
    SmolagentsInstrumentor().instrument(tracer_provider=_pipeline.provider)
    model.answers = answers


class TestToolCallingAgent(Calls, Streams):
    scope = "openinference.instrumentation.smolagents"
    stream_outputs = False

    @pytest.fixture(autouse=True)
    def _agent(self, model):
        def agent():
            answering = OpenAIModel("m", api_base=model.base_url, api_key="none")
            return ToolCallingAgent(
                [tool(find_order)], answering, verbosity_level=0, stream_outputs=self.stream_outputs
            )

        self.agent = agent

    def ask(self, user):
        return self.agent().run(user.question)

    def stream(self, user):
        yield from self.agent().run(user.question, stream=True)


class TestStreamedOutputs(TestToolCallingAgent):
    stream_outputs = True
