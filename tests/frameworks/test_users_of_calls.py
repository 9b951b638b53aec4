"""The user that a call of a model names, with the real clients of several providers under OpenInference."""

from __future__ import annotations

import asyncio
import json
import os

import anthropic
import boto3
import groq
import litellm
import pytest
from mistralai.client import Mistral
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.bedrock import BedrockInstrumentor
from openinference.instrumentation.groq import GroqInstrumentor
from openinference.instrumentation.litellm import LiteLLMInstrumentor
from openinference.instrumentation.mistralai import MistralAIInstrumentor
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from otel_sessions import set_session
from otel_sessions.view.loopback import LoopbackServer

MESSAGES = [{"role": "user", "content": "What is a span?"}]
DEVICE = "0123456789abcdef" * 4
OF_CLAUDE_CODE = json.dumps({"device_id": DEVICE, "account_uuid": "", "session_id": "a-session-of-claude-code"})

OF_ANTHROPIC = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "A step."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
EVENTS = [
    {"type": "message_start", "message": {**OF_ANTHROPIC, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "A step."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 1},
    },
    {"type": "message_stop"},
]
OF_OPENAI = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A step."}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
OF_BEDROCK = {
    "output": {"message": {"role": "assistant", "content": [{"text": "A step."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    "metrics": {"latencyMs": 1},
}


class Providers(LoopbackServer):
    """Answers as each provider does."""

    def __init__(self) -> None:
        answers = {
            "/openai/v1/chat/completions": OF_OPENAI,
            "/v1/chat/completions": OF_OPENAI,
            "/chat/completions": OF_OPENAI,
            "/model/{model}/converse": OF_BEDROCK,
            "/model/{model}/invoke": OF_ANTHROPIC,
        }
        routes = [Route(path, self._answering(answer), methods=["POST"]) for path, answer in answers.items()]
        super().__init__(Starlette(routes=[*routes, Route("/v1/messages", self._messages, methods=["POST"])]))

    @staticmethod
    def _answering(answer):
        async def answered(_request):
            return JSONResponse(answer)

        return answered

    @staticmethod
    async def _messages(request):
        if not (await request.json()).get("stream"):
            return JSONResponse(OF_ANTHROPIC)
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS]
        return Response("".join(lines), media_type="text/event-stream")


def of_anthropic(url, user):
    client = anthropic.Anthropic(api_key="none", base_url=url)
    client.messages.create(model="m", max_tokens=5, messages=MESSAGES, metadata={"user_id": user})


def of_anthropic_in_a_stream(url, user):
    client = anthropic.Anthropic(api_key="none", base_url=url)
    for _ in client.messages.create(
        model="m", max_tokens=5, messages=MESSAGES, metadata={"user_id": user}, stream=True
    ):
        pass


def of_anthropic_in_its_own_stream(url, user):
    client = anthropic.Anthropic(api_key="none", base_url=url)
    with client.messages.stream(model="m", max_tokens=5, messages=MESSAGES, metadata={"user_id": user}) as stream:
        assert stream.get_final_text() == "A step."


def of_anthropic_async(url, user):
    async def call():
        async with anthropic.AsyncAnthropic(api_key="none", base_url=url) as client:
            await client.messages.create(model="m", max_tokens=5, messages=MESSAGES, metadata={"user_id": user})

    asyncio.run(call())


def of_litellm(url, user):
    litellm.completion(model="openai/m", api_base=url, api_key="none", messages=MESSAGES, user=user)


def of_litellm_for_anthropic(url, user):
    metadata = {"user_id": user}
    litellm.completion(model="anthropic/m", api_base=url, api_key="none", messages=MESSAGES, metadata=metadata)


def of_mistral(url, user):
    Mistral(api_key="none", server_url=url).chat.complete(model="m", messages=MESSAGES, metadata={"user_id": user})


def of_groq(url, user):
    groq.Groq(api_key="none", base_url=url).chat.completions.create(model="m", messages=MESSAGES, user=user)


def bedrock(url):
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, **keys)


def of_bedrock(url, user):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": MESSAGES}
    bedrock(url).invoke_model(modelId="anthropic.claude-3", body=json.dumps({**body, "metadata": {"user_id": user}}))


def of_bedrock_in_a_conversation(url, user):
    bedrock(url).converse(
        modelId="anthropic.claude-3",
        messages=[{"role": "user", "content": [{"text": "What is a span?"}]}],
        additionalModelRequestFields={"metadata": {"user_id": user}},
    )


CALLS = [
    of_anthropic,
    of_anthropic_in_a_stream,
    of_anthropic_in_its_own_stream,
    of_anthropic_async,
    of_litellm,
    of_litellm_for_anthropic,
    of_mistral,
    of_groq,
    of_bedrock,
    of_bedrock_in_a_conversation,
]


@pytest.fixture(scope="module")
def url():
    with Providers() as providers:
        yield providers.url


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    for instrumentor in (
        AnthropicInstrumentor, BedrockInstrumentor, GroqInstrumentor, LiteLLMInstrumentor, MistralAIInstrumentor,
    ):  # fmt: skip
        instrumentor().instrument(tracer_provider=_pipeline.provider)


def users_of(pipeline):
    """Return the sessions and users of the spans of OpenInference, and those of all others."""
    found = {True: set(), False: set()}
    for span in pipeline.exporter.get_finished_spans():
        is_of_call = span.instrumentation_scope.name.startswith("openinference.")
        found[is_of_call].add((span.attributes.get("session.id"), span.attributes.get("user.id")))
    return found[True], found[False]


@pytest.mark.parametrize("call", CALLS)
def test_the_span_of_the_call_has_its_user_and_no_other_has(call, url, emptied):
    with set_session(session_id="conv-of-ada"), emptied.provider.get_tracer("app").start_as_current_span("turn"):
        call(url, "ada")
    assert users_of(emptied) == ({("conv-of-ada", "ada")}, {("conv-of-ada", None)})


@pytest.mark.parametrize("call", CALLS)
def test_the_user_of_the_scope_goes_before_it(call, url, emptied):
    with set_session(session_id="conv-of-ada", user_id="ada"):
        call(url, "eve")
    of_call, others = users_of(emptied)
    assert of_call | others == {("conv-of-ada", "ada")}


@pytest.mark.parametrize("call", CALLS)
def test_of_claude_code_it_is_the_device(call, url, emptied):
    call(url, OF_CLAUDE_CODE)
    of_call, others = users_of(emptied)
    assert of_call == {(None, DEVICE)}
    assert others <= {(None, None)}
