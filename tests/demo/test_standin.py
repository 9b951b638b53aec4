"""The stand-in speaks the OpenAI API well enough for the real client, and answers as a conversation goes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import openai
import pytest
import requests
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from otel_sessions import get_session, set_session
from otel_sessions.demo import StandIn
from otel_sessions.demo._script import Message, reply
from otel_sessions.view.loopback import LoopbackServer

LISBON = "I have three days in Lisbon. What should I see?"
QUESTION = [{"role": "user", "content": LISBON}]
ANSWER = "Day one: Alfama and the castle. Day two: Belém, its tower and its tarts. Day three: a train to Sintra."
ORDER = [{"role": "user", "content": "Where is my order 4711?"}]
SCHEMA = {"name": "find_order", "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}}}
CHAT_TOOL = {"type": "function", "function": SCHEMA}
RESPONSES_TOOL = {"type": "function", "strict": False, **SCHEMA}
FOUND = json.dumps({"order_id": "4711", "status": "on its way", "arrives": "Thursday"})
TOOL_ANSWER = "Order 4711 is on its way and arrives on Thursday."


@pytest.fixture(scope="module")
def api():
    with StandIn(seconds_per_word=0) as running:
        yield running


@pytest.fixture(scope="module")
def client(api):
    with openai.OpenAI(base_url=api.base_url, api_key="none", max_retries=0) as opened:
        yield opened


def test_a_chat_completion_has_an_answer_and_the_usage_of_its_length(client):
    completion = client.chat.completions.create(model="any", messages=QUESTION)

    assert completion.choices[0].message.content == ANSWER
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "stand-in"
    assert completion.usage.prompt_tokens == 12  # 47 characters
    assert completion.usage.completion_tokens == 26  # 103 characters
    assert completion.usage.total_tokens == 38


def test_a_server_of_ours_serves_outside_the_session_in_which_it_was_started():
    """Also where an instrumentation, or Python, lets threads take a session along."""
    seen = []

    async def app(_scope, _receive, send):
        seen.append(get_session())
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    instrumentor = ThreadingInstrumentor()
    instrumentor.instrument()
    try:
        with set_session("ours"), LoopbackServer(app) as server:
            requests.get(server.url, timeout=30)
    finally:
        instrumentor.uninstrument()
    assert seen == [None]


def test_a_streamed_chat_completion_brings_the_same_answer_in_words(client):
    with client.chat.completions.create(
        model="any", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)

    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert words[:2] == ["Day ", "one: "]
    assert "".join(words) == ANSWER
    assert chunks[-1].usage.total_tokens == 38


def test_a_stream_has_no_usage_unless_it_was_asked_for(client):
    with client.chat.completions.create(model="any", messages=QUESTION, stream=True) as stream:
        assert [chunk.usage for chunk in stream if chunk.usage] == []


def test_a_tool_is_called_first_and_its_result_is_in_the_answer(client):
    first = client.chat.completions.create(model="any", messages=ORDER, tools=[CHAT_TOOL])
    (call,) = first.choices[0].message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": FOUND}
    messages = [*ORDER, first.choices[0].message.to_dict(), result]
    second = client.chat.completions.create(model="any", messages=messages, tools=[CHAT_TOOL])

    assert first.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, call.function.arguments) == ("find_order", '{"order_id": "4711"}')
    assert second.choices[0].message.content == TOOL_ANSWER


def test_a_tool_call_can_be_streamed(client):
    with client.chat.completions.stream(model="any", messages=ORDER, tools=[CHAT_TOOL]) as stream:
        (call,) = stream.get_final_completion().choices[0].message.tool_calls

    assert (call.function.name, call.function.arguments) == ("find_order", '{"order_id": "4711"}')


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(LISBON, id="text"),
        pytest.param(QUESTION, id="messages"),
        pytest.param([{"role": "user", "content": [{"type": "input_text", "text": LISBON}]}], id="parts"),
    ],
)
def test_a_response_has_an_answer_and_usage(client, given):
    response = client.responses.create(model="any", input=given)

    assert response.output_text == ANSWER
    assert response.status == "completed"
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (12, 26, 38)


def test_instructions_belong_to_the_input(client):
    response = client.responses.create(model="any", instructions="Be brief.", input=LISBON)

    assert response.usage.input_tokens == 15


def test_a_streamed_response_brings_events_in_order_and_the_same_answer(client):
    with client.responses.stream(model="any", input=LISBON) as stream:
        events = list(stream)
        final = stream.get_final_response()

    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER
    assert final.output_text == ANSWER
    assert final.usage.total_tokens == 38


def test_a_response_can_call_a_tool_and_use_its_result(client):
    first = client.responses.create(model="any", input=ORDER, tools=[RESPONSES_TOOL])
    (call,) = first.output
    result = {"type": "function_call_output", "call_id": call.call_id, "output": FOUND}
    second = client.responses.create(model="any", input=[*ORDER, call.to_dict(), result], tools=[RESPONSES_TOOL])

    assert (call.type, call.name, call.arguments) == ("function_call", "find_order", '{"order_id": "4711"}')
    assert second.output_text == TOOL_ANSWER


def test_a_tool_call_of_a_response_can_be_streamed(client):
    with client.responses.stream(model="any", input=ORDER, tools=[RESPONSES_TOOL]) as stream:
        (call,) = stream.get_final_response().output

    assert (call.name, call.arguments) == ("find_order", '{"order_id": "4711"}')


def test_it_lists_its_model(client):
    assert [model.id for model in client.models.list()] == ["stand-in"]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        pytest.param(lambda c: c.chat.completions.create(model="m", messages=[]), "messages must be", id="no messages"),
        pytest.param(lambda c: c.responses.create(model="m"), "input must be", id="no input"),
        pytest.param(
            lambda c: c.responses.create(model="m", input="x", previous_response_id="r"),
            "stores no responses",
            id="stored response",
        ),
    ],
)
def test_what_it_can_not_answer_is_refused_with_a_reason(client, call, reason):
    with pytest.raises(openai.BadRequestError, match=reason):
        call(client)


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(api, body):
    request = urllib.request.Request(f"{api.base_url}/responses", data=body)  # noqa: S310  # our own loopback URL
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)  # noqa: S310

    with refusal.value as answer:
        assert answer.code == 400
        assert "the body is not" in json.load(answer)["error"]["message"]


def test_an_answer_depends_on_the_conversation_before():
    question = Message("user", "Which of the days would a five-year-old like most?")

    assert "Belém" in reply([*(Message("user", m["content"]) for m in QUESTION), question]).text
    assert reply([question]).text == "I can't tell yet: what is this about?"


def test_without_the_tool_it_is_not_called():
    assert reply([Message("user", "Where is my order 4711?")]).call is None


def test_the_result_of_an_unknown_tool_is_repeated():
    assert reply([Message("user", "x"), Message("tool", "42")]).text == "The tool says: 42"


def test_an_unknown_question_gets_an_honest_answer():
    messages = [Message("user", "Hello"), Message("assistant", "Hi"), Message("user", "How are you?")]

    assert reply(messages).text.startswith("That was your message number 2; I am a stand-in")
