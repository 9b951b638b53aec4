"""What was said, in each convention: expected is what a person would read, written by hand."""

from __future__ import annotations

import json
import time

import pytest
from otlp_shapes import facts_of, record_of, span_of

from otel_sessions.view.shapes import content_names
from otel_sessions.view.shapes.facts import NO_WORDS, Message, Words
from otel_sessions.view.shapes.words import words_of, words_of_log

ASKED, ANSWERED = "What is a span?", "A timed step."
BRIEF = Message("system", "Be brief.")
QUESTION, ANSWER = Message("user", ASKED), Message("assistant", ANSWERED)
CALL, RESULT = Message("assistant", "", ("weather",)), Message("tool", "sunny")
TEXTS = Words(ASKED, ANSWERED)
BOTH = Words(ASKED, ANSWERED, (QUESTION, ANSWER))
ALL = Words(ASKED, ANSWERED, (BRIEF, QUESTION, CALL, RESULT, ANSWER))


def said(attributes=None, events=()) -> Words:
    return words_of(span_of(attributes, events=events).SerializeToString())


def chat(*messages: tuple[str, object], **more: object) -> str:
    return json.dumps([{"role": role, "content": content, **more} for role, content in messages])


def parts(*messages: tuple[str, list[object]]) -> list[object]:
    return [{"role": role, "parts": content} for role, content in messages]


TEXT = {"type": "text", "content": ASKED}
GENAI_IN = parts(
    ("system", [{"type": "text", "content": "Be brief."}]),
    ("user", [{"type": "text", "content": ASKED}]),
    ("assistant", [{"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "Lisbon"}}]),
    ("tool", [{"type": "tool_call_response", "id": "1", "response": "sunny"}]),
)
GENAI_OUT = parts(("assistant", [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": ANSWERED}]))

# Key, value, key, value: for each row of the tables what it was seen to hold.
CASES = {
    "llm.input_messages.<n>.message.*": (
        {
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "Be brief.",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.contents.0.message_content.type": "text",
            "llm.input_messages.1.message.contents.0.message_content.text": ASKED,
            "llm.input_messages.2.message.role": "assistant",
            "llm.input_messages.2.message.tool_calls.0.tool_call.id": "1",
            "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "weather",
            "llm.input_messages.3.message.role": "tool",
            "llm.input_messages.3.message.content": "sunny",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": ANSWERED,
        },
        ALL,
    ),
    "gen_ai.input.messages": (
        {"gen_ai.input.messages": json.dumps(GENAI_IN), "gen_ai.output.messages": json.dumps(GENAI_OUT)},
        ALL,
    ),
    "gen_ai.prompt.<n>.*": (
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": ASKED}]),
            "gen_ai.prompt.2.role": "assistant",
            "gen_ai.prompt.2.tool_calls.0.name": "weather",
            "gen_ai.prompt.3.role": "tool",
            "gen_ai.prompt.3.content": "sunny",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": ANSWERED,
        },
        ALL,
    ),
    "pydantic_ai.all_messages": (
        {
            "pydantic_ai.all_messages": json.dumps(
                [
                    *GENAI_IN[:3],
                    {"role": "user", "parts": [{"type": "tool_call_response", "id": "1", "result": "sunny"}]},
                    *GENAI_OUT,
                ]
            )
        },
        ALL,
    ),
    "all_messages_events": (
        {
            "all_messages_events": json.dumps(
                [
                    {"event.name": "gen_ai.system.message", "role": "system", "content": "Be brief."},
                    {"event.name": "gen_ai.user.message", "role": "user", "content": ASKED},
                    {
                        "event.name": "gen_ai.assistant.message",
                        "role": "assistant",
                        "tool_calls": [
                            {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
                        ],
                    },
                    {"event.name": "gen_ai.tool.message", "role": "tool", "content": "sunny", "id": "1"},
                    {"event.name": "gen_ai.assistant.message", "role": "assistant", "content": ANSWERED},
                ]
            )
        },
        ALL,
    ),
    "events": (
        {
            "events": json.dumps(
                [
                    {"event.name": "gen_ai.user.message", "role": "user", "content": ASKED},
                    {
                        "event.name": "gen_ai.choice",
                        "index": 0,
                        "message": {"role": "assistant", "content": ANSWERED},
                    },
                ]
            )
        },
        BOTH,
    ),
    "request_data": (
        {
            "request_data": json.dumps({"messages": [{"role": "user", "content": ASKED}], "model": "gpt-x"}),
            "response_data": json.dumps({"message": {"role": "assistant", "content": ANSWERED}, "usage": {}}),
        },
        BOTH,
    ),
    "ai.prompt.messages": (
        {
            "ai.prompt.messages": json.dumps(
                [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "text", "text": ASKED}]},
                    {
                        "role": "assistant",
                        "content": [{"type": "tool-call", "toolCallId": "1", "toolName": "weather", "input": {}}],
                    },
                    {
                        "role": "tool",
                        "content": [
                            {"type": "tool-result", "toolCallId": "1", "output": {"type": "text", "value": "sunny"}},
                        ],
                    },
                ]
            ),
            "ai.response.text": ANSWERED,
        },
        ALL,
    ),
    "ai.prompt": ({"ai.prompt": json.dumps({"prompt": ASKED}), "ai.response.text": ANSWERED}, TEXTS),
    "ai.response.object": (
        {"ai.prompt": json.dumps({"prompt": ASKED}), "ai.response.object": f'{{"text": "{ANSWERED}"}}'},
        TEXTS,
    ),
    "ai.response.toolCalls": (
        {
            "ai.prompt": json.dumps({"messages": [{"role": "user", "content": ASKED}]}),
            "ai.response.text": "",
            "ai.response.toolCalls": json.dumps(
                [{"toolCallId": "1", "toolName": "weather", "input": '{"city": "Lisbon"}'}]
            ),
        },
        Words(ASKED, "", (QUESTION, CALL)),
    ),
    "langfuse.observation.input": (
        {
            "langfuse.observation.input": json.dumps({"messages": [{"role": "user", "content": ASKED}]}),
            "langfuse.observation.output": json.dumps({"role": "assistant", "content": ANSWERED}),
        },
        BOTH,
    ),
    "mastra.agent_run.input": (
        {"mastra.agent_run.input": ASKED, "mastra.agent_run.output": json.dumps({"text": ANSWERED, "files": []})},
        TEXTS,
    ),
    "mastra.workflow_run.input": (
        {
            "mastra.workflow_run.input": json.dumps({"question": ASKED}),
            "mastra.workflow_run.output": json.dumps({"answer": ANSWERED}),
        },
        TEXTS,
    ),
    "mastra.model_generation.input": (
        {
            "mastra.model_generation.input": json.dumps(
                {"messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}]}
            ),
            "mastra.model_generation.output": json.dumps({"text": ANSWERED, "toolCalls": [], "files": []}),
        },
        BOTH,
    ),
    "mastra.model_step.input": (
        {
            "mastra.model_step.input": chat(("user", ASKED)),
            "mastra.model_step.output": json.dumps(
                {"text": "", "toolCalls": [{"toolCallId": "1", "toolName": "weather", "args": {}}]}
            ),
        },
        Words(ASKED, "", (QUESTION, CALL)),
    ),
    "genkit:input": (
        {
            "genkit:input": json.dumps({"messages": [{"role": "user", "content": [{"text": ASKED}]}], "tools": []}),
            "genkit:output": json.dumps({"message": {"role": "model", "content": [{"text": ANSWERED}]}, "usage": {}}),
        },
        BOTH,
    ),
    "gcp.vertex.agent.llm_request": (
        {
            "gcp.vertex.agent.llm_request": json.dumps(
                {
                    "model": "gemini-x",
                    "config": {"system_instruction": "Be brief."},
                    "contents": [
                        {"role": "user", "parts": [{"text": ASKED}]},
                        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
                        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": "sunny"}}]},
                    ],
                }
            ),
            "gcp.vertex.agent.llm_response": json.dumps({"content": {"role": "model", "parts": [{"text": ANSWERED}]}}),
        },
        Words(ASKED, ANSWERED, (QUESTION, CALL, RESULT, ANSWER)),
    ),
    "input.value": ({"input.value": ASKED, "output.value": ANSWERED}, TEXTS),
    "traceloop.entity.input": (
        {
            "traceloop.entity.input": json.dumps({"args": [ASKED], "kwargs": {}}),
            "traceloop.entity.output": json.dumps(ANSWERED),
        },
        TEXTS,
    ),
    "lmnr.span.input": (
        {"lmnr.span.input": chat(("user", ASKED)), "lmnr.span.output": chat(("assistant", ANSWERED))},
        BOTH,
    ),
    "braintrust.input_json": (
        {"braintrust.input_json": chat(("user", ASKED)), "braintrust.output_json": chat(("assistant", ANSWERED))},
        BOTH,
    ),
    "braintrust.input": ({"braintrust.input": ASKED, "braintrust.output": ANSWERED}, TEXTS),
    "user_prompt": ({"user_prompt": ASKED}, Words(ASKED)),
    "final_result": ({"final_result": ANSWERED}, Words("", ANSWERED)),
    "gen_ai.prompt": (
        {"gen_ai.prompt": chat(("user", ASKED)), "gen_ai.completion": chat(("assistant", ANSWERED))},
        BOTH,
    ),
    "gen_ai.tool.call.arguments": (
        {"gen_ai.tool.call.arguments": '{"city": "Lisbon"}', "gen_ai.tool.call.result": '{"w": "sunny"}'},
        Words('{"city": "Lisbon"}', '{"w": "sunny"}'),
    ),
    "ai.toolCall.args": (
        {"ai.toolCall.args": '{"city": "Lisbon"}', "ai.toolCall.result": '"Lisbon is sunny"'},
        Words('{"city": "Lisbon"}', "Lisbon is sunny"),
    ),
    "langfuse.trace.input": ({"langfuse.trace.input": ASKED, "langfuse.trace.output": ANSWERED}, TEXTS),
}


def test_there_is_a_case_for_each_row_of_words():
    covered = {key for attributes, _ in CASES.values() for key in attributes}
    for row in (*content_names.INPUTS, *content_names.OUTPUTS):
        stem = row.key.partition("<n>")[0]
        assert any(key == row.key or ("<n>" in row.key and key.startswith(stem)) for key in covered), row.key


@pytest.mark.parametrize("row", CASES)
def test_each_row_of_words(row):
    attributes, expected = CASES[row]
    assert said(attributes) == expected
    assert said(dict(reversed(attributes.items()))) == expected
    facts = facts_of(attributes)
    assert (facts.has_input, facts.has_output) == (
        bool(expected.input),
        bool(expected.output or any(message.tools for message in expected.messages)),
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param({"gen_ai.input.messages": GENAI_IN, "gen_ai.output.messages": GENAI_OUT}, ALL, id="not as text"),
        pytest.param(
            {
                "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
                "gen_ai.input.messages": json.dumps(GENAI_IN[1:]),
                "gen_ai.output.messages": json.dumps(GENAI_OUT),
            },
            ALL,
            id="instructions",
        ),
        pytest.param(
            {"gen_ai.system_instructions": "Be brief.", "gen_ai.input.messages": json.dumps(GENAI_IN[1:2])},
            Words(ASKED, "", (BRIEF, QUESTION)),
            id="instructions as a text",
        ),
        pytest.param({"gen_ai.system_instructions": "Be brief."}, NO_WORDS, id="instructions alone"),
        pytest.param(
            {
                "input.value": '{"a": [1',
                "input.mime_type": "text/plain",
                "output.value": "[1]",
                "output.mime_type": "text/plain",
            },
            Words('{"a": [1', "[1]"),
            id="a text that looks like JSON",
        ),
        pytest.param(
            {
                "input.value": json.dumps({"messages": [{"role": "user", "content": ASKED}]}),
                "input.mime_type": "application/json",
            },
            Words(ASKED, "", (QUESTION,)),
            id="a request of OpenAI",
        ),
        pytest.param(
            {
                "output.value": json.dumps(
                    {"id": "1", "choices": [{"message": {"role": "assistant", "content": ANSWERED}}]}
                )
            },
            Words("", ANSWERED, (ANSWER,)),
            id="an answer of OpenAI",
        ),
        pytest.param(
            {
                "input.value": json.dumps({"model": "gpt-x", "input": ASKED}),
                "output.value": json.dumps(
                    {
                        "output": [
                            {"type": "reasoning", "summary": []},
                            {
                                "type": "message",
                                "role": "assistant",
                                "content": [{"type": "output_text", "text": ANSWERED}],
                            },
                        ]
                    }
                ),
            },
            BOTH,
            id="responses of OpenAI",
        ),
        pytest.param(
            {
                "input.value": json.dumps(
                    {
                        "instructions": "Be brief.",
                        "input": [
                            {"role": "user", "content": [{"type": "input_text", "text": ASKED}]},
                            {"type": "function_call", "name": "weather", "arguments": "{}", "call_id": "1"},
                            {"type": "function_call_output", "call_id": "1", "output": "sunny"},
                        ],
                    }
                ),
                "output.value": ANSWERED,
            },
            Words(ASKED, ANSWERED, (BRIEF, QUESTION, CALL, RESULT, ANSWER)),
            id="responses with a tool",
        ),
        pytest.param(
            {
                "langfuse.observation.input": json.dumps(
                    {
                        "system": "Be brief.",
                        "messages": [
                            {"role": "user", "content": ASKED},
                            {
                                "role": "assistant",
                                "content": [{"type": "tool_use", "id": "1", "name": "weather", "input": {}}],
                            },
                            {
                                "role": "user",
                                "content": [{"type": "tool_result", "tool_use_id": "1", "content": "sunny"}],
                            },
                        ],
                    }
                ),
                "langfuse.observation.output": json.dumps(
                    {
                        "role": "assistant",
                        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": ANSWERED}],
                    }
                ),
            },
            ALL,
            id="Anthropic",
        ),
        pytest.param(
            {
                "input.value": json.dumps(
                    {
                        "messages": [
                            {"role": "user", "content": [{"text": ASKED}]},
                            {
                                "role": "assistant",
                                "content": [{"toolUse": {"toolUseId": "1", "name": "weather", "input": {}}}],
                            },
                            {
                                "role": "user",
                                "content": [{"toolResult": {"toolUseId": "1", "content": [{"text": "sunny"}]}}],
                            },
                        ]
                    }
                ),
                "output.value": ANSWERED,
            },
            Words(ASKED, ANSWERED, (QUESTION, CALL, RESULT, ANSWER)),
            id="Bedrock",
        ),
        pytest.param(
            {
                "traceloop.entity.input": json.dumps(
                    {"inputs": {"messages": [["user", ASKED]]}, "tags": [], "kwargs": {}}
                ),
                "traceloop.entity.output": json.dumps(
                    {
                        "outputs": {
                            "messages": [
                                {"lc": 1, "type": "constructor", "kwargs": {"type": "human", "content": ASKED}},
                                {
                                    "lc": 1,
                                    "type": "constructor",
                                    "kwargs": {
                                        "type": "ai",
                                        "content": "",
                                        "tool_calls": [{"name": "weather", "args": {}}],
                                    },
                                },
                                {"lc": 1, "type": "constructor", "kwargs": {"type": "tool", "content": "sunny"}},
                                {"lc": 1, "type": "constructor", "kwargs": {"type": "ai", "content": ANSWERED}},
                            ]
                        }
                    }
                ),
            },
            Words(ASKED, ANSWERED, (QUESTION, CALL, RESULT, ANSWER)),
            id="the state of a graph, as OpenLLMetry has it",
        ),
        pytest.param(
            {
                "input.value": json.dumps({"messages": [{"type": "human", "data": {"content": ASKED}}]}),
                "output.value": json.dumps(
                    {"generations": [[{"text": ANSWERED, "message": {"type": "ai", "data": {"content": ANSWERED}}}]]}
                ),
            },
            BOTH,
            id="LangChain, as OpenInference has it",
        ),
        pytest.param(
            {
                "input.value": json.dumps(
                    {"user_id": "ada", "new_message": {"role": "user", "parts": [{"text": ASKED}]}}
                )
            },
            Words(ASKED, "", (QUESTION,)),
            id="ADK, as OpenInference has it",
        ),
        pytest.param(
            {
                "input.value": ASKED,
                "input.mime_type": "text/plain",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.content.0": "A timed",
                "llm.output_messages.1.message.content.0": "step.",
                "output.value": ANSWERED,
                "output.mime_type": "text/plain",
            },
            Words(ASKED, ANSWERED, (QUESTION, Message("assistant", "A timed"), Message("assistant", "step."))),
            id="Claude's agent, in several messages",
        ),
        pytest.param(
            {
                "genkit:output": json.dumps(
                    {
                        "state": {
                            "messages": [
                                {"role": "user", "content": [{"text": ASKED}]},
                                {"role": "model", "content": [{"text": ANSWERED}]},
                            ]
                        }
                    }
                )
            },
            Words("", ANSWERED, (ANSWER,)),
            id="the state of Genkit",
        ),
        pytest.param(
            {
                "mastra.model_step.input": json.dumps(
                    [{"role": "user", "content": {"format": 2, "parts": [{"type": "text", "text": ASKED}]}}]
                )
            },
            Words(ASKED, "", (QUESTION,)),
            id="a memory of Mastra",
        ),
        pytest.param(
            {"langfuse.observation.input": json.dumps({"question": ASKED, "plan": "pro"})}, Words(ASKED), id="a field"
        ),
        pytest.param({"input.value": json.dumps({"a": 1, "b": "c"})}, Words('{"a": 1, "b": "c"}'), id="an object"),
        pytest.param({"input.value": json.dumps({"kwargs": {"question": ASKED}})}, Words(ASKED), id="one argument"),
        pytest.param({"traceloop.entity.input": '{"args": [1, 2], "kwargs": {}}'}, Words("[1, 2]"), id="two arguments"),
        pytest.param(
            {"traceloop.entity.input": '{"args": [], "kwargs": {}}'}, Words('{"args": [], "kwargs": {}}'), id="none"
        ),
        pytest.param(
            {
                "genkit:input": json.dumps(
                    {
                        "messages": [
                            {"role": "user", "content": [{"text": ASKED}]},
                            {"role": "model", "content": [{"toolRequest": {"name": "weather", "input": {}}}]},
                            {"role": "tool", "content": [{"toolResponse": {"name": "weather", "output": "sunny"}}]},
                        ]
                    }
                )
            },
            Words(ASKED, "", (QUESTION, CALL, RESULT)),
            id="Genkit with a tool",
        ),
        pytest.param(
            {
                "gen_ai.input.messages": json.dumps(
                    [
                        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
                        {"role": "function", "name": "weather", "content": "sunny"},
                        {
                            "role": "tool",
                            "content": [{"type": "tool-result", "output": {"type": "json", "value": {"w": 1}}}],
                        },
                        {
                            "role": "tool",
                            "content": [{"type": "tool-result", "result": [{"type": "text", "text": "sunny"}]}],
                        },
                        {"role": "tool", "content": [{"type": "tool-result"}, {"functionResponse": 5}, 5]},
                        {
                            "role": "assistant",
                            "content": [
                                {"type": "tool-invocation", "toolInvocation": {"toolName": "weather", "result": 1}}
                            ],
                        },
                    ]
                )
            },
            Words(
                "",
                "",
                (
                    CALL,
                    RESULT,
                    Message("tool", '{"type": "json", "value": {"w": 1}}'),
                    RESULT,
                    Message("tool", ""),
                    CALL,
                ),
            ),
            id="calls and results of tools in other forms",
        ),
        pytest.param(
            {"gen_ai.input.messages": [json.dumps({"role": "user", "content": ASKED})]},
            Words(ASKED, "", (QUESTION,)),
            id="texts of JSON",
        ),
        pytest.param(
            {
                "gen_ai.input.messages": json.dumps(
                    [{"role": "user", "content": [{"parts": [{"content": [{"text": ASKED}]}]}]}]
                )
            },
            Words(ASKED, "", (QUESTION,)),
            id="parts of parts",
        ),
        pytest.param({"input.value": "[5]"}, Words("5"), id="a list of one"),
        pytest.param({"input.value": '["a", "b"]'}, Words('["a", "b"]'), id="a list of texts"),
        pytest.param({"input.value": "[]", "output.value": "{}"}, NO_WORDS, id="nothing in it"),
        pytest.param({"input.value": 42, "output.value": True}, Words("42", "true"), id="numbers"),
        pytest.param(
            {"input.value": 42, "input.mime_type": "text/plain"}, NO_WORDS, id="a number that is to be a text"
        ),
        pytest.param({"input.value": b"\xff"}, Words("\"b'\\\\xff'\""), id="bytes"),
        pytest.param({"input.value": "__REDACTED__", "output.value": "__REDACTED__"}, NO_WORDS, id="hidden"),
        pytest.param(
            {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "__REDACTED__"},
            NO_WORDS,
            id="hidden messages",
        ),
        pytest.param({"gen_ai.input.messages": chat(("user", "__REDACTED__"))}, NO_WORDS, id="hidden in a list"),
        pytest.param({"gen_ai.input.messages": '[{"role": "us'}, Words('[{"role": "us'), id="cut"),
        pytest.param(
            {"gen_ai.input.messages": chat(("customer", ASKED))},
            Words(ASKED, "", (Message("customer", ASKED),)),
            id="an unknown role",
        ),
        pytest.param({"gen_ai.input.messages": chat(("", ASKED))}, Words(ASKED, "", (QUESTION,)), id="no role"),
        pytest.param(
            {"gen_ai.input.messages": chat(("system", "Be brief."))}, Words("", "", (BRIEF,)), id="no question"
        ),
        pytest.param(
            {"gen_ai.output.messages": chat(("tool", "sunny"))}, Words("", "sunny", (RESULT,)), id="a tool's answer"
        ),
        pytest.param(
            {
                "gen_ai.input.messages": chat(
                    ("user", [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}, 5])
                )
            },
            Words("a\nb", "", (Message("user", "a\nb"),)),
            id="parts",
        ),
        pytest.param(
            {"input.value": json.dumps({"role": "user", "content": "\ud83d"})},
            Words("?", "", (Message("user", "?"),)),
            id="half a surrogate",
        ),
        pytest.param(
            {"ai.prompt": json.dumps({"system": "Be brief.", "prompt": ASKED}), "ai.response.text": ANSWERED},
            Words(ASKED, ANSWERED, (BRIEF, QUESTION, ANSWER)),
            id="instructions beside a text",
        ),
        pytest.param(
            {"traceloop.entity.input": "null", "traceloop.entity.output": "null"}, NO_WORDS, id="null of a key of JSON"
        ),
        pytest.param(
            {"input.value": ASKED, "output.value": "null", "output.mime_type": "application/json"},
            Words(ASKED),
            id="null that is JSON",
        ),
        pytest.param({"input.value": "null"}, Words("null"), id="null that somebody says"),
        *(
            pytest.param(
                {"input.value": json.dumps(given), "output.value": event}, NO_WORDS, id=f"of a workflow: {event}"
            )
            for given, event in (
                ({"start_event": "AgentWorkflowStartEvent()", "tags": {}}, "StopEvent(result=AgentOutput("),
                ({"ctx": "<Context object>", "ev": "AgentWorkflowStartEvent()"}, "AgentInput(input=[])"),
                ({"messages": ["ChatMessage(role=<MessageRole.USER: 'user'>)"], "kwargs": {}}, "AgentSetup(input=[])"),
                (
                    {"tools": [], "chat_history": ["ChatMessage(role=<MessageRole.USER: 'user'>)"]},
                    "AgentOutput(response=",
                ),
            )
        ),
        pytest.param(
            {"input.value": '{"messages": [], "ev": "1"}'}, Words('{"messages": [], "ev": "1"}'), id="no event"
        ),
        *(
            pytest.param(
                {"input.value": '{"task": "What is a span?"}', "output.value": text}, Words(ASKED, answer), id=text[:60]
            )
            for text, answer in (
                (f"ToolCall(name='final_answer', arguments={{'answer': {ANSWERED!r}}}, id='1')", ANSWERED),
                ("""ToolCall(name='final_answer', arguments={'answer': "It's \\n."}, id='2')""", "It's \n."),
                (r"ToolCall(name='final_answer', arguments={'answer': '\N{x}'}, id='3')",) * 2,
                ("ToolCall(name='find_order', arguments={'order_id': '4711'}, id='4')",) * 2,
            )
        ),
        pytest.param(
            {
                "input.value": ASKED,
                "output.value": json.dumps({"error_code": "429", "error_message": "Slow down", "author": "helper"}),
            },
            Words(ASKED),
            id="a failure in the place of an answer",
        ),
        pytest.param(
            {"gen_ai.input.messages": chat(("user", ASKED)), "output.value": "null"},
            Words(ASKED, "null", (QUESTION, Message("assistant", "null"))),
            id="null that is an answer",
        ),
    ],
)
def test_forms_of_words(attributes, expected):
    assert said(attributes) == expected


def test_numbers_in_keys_count_by_their_value():
    attributes = {f"gen_ai.prompt.{number}.content": str(number) for number in (10, 2, 1, 0)}
    assert [message.text for message in said(attributes).messages] == ["0", "1", "2", "10"]
    odd = {"gen_ai.prompt.x.content": "a", "gen_ai.prompt.0.content": 5, "gen_ai.prompt.999999999.content": "b"}
    assert said(odd) == NO_WORDS


EVENTS = [
    pytest.param(
        [("gen_ai.user.message", {"content": ASKED}), ("gen_ai.choice", {"message": ANSWERED})], BOTH, id="texts"
    ),
    pytest.param(
        [
            ("gen_ai.system.message", {"content": "Be brief.", "role": "system"}),
            ("gen_ai.user.message", {"content": json.dumps([{"text": ASKED}])}),
            ("gen_ai.assistant.message", {"content": json.dumps([{"toolUse": {"name": "weather"}}])}),
            ("gen_ai.tool.message", {"content": "sunny", "role": "tool"}),
            ("gen_ai.choice", {"finish_reason": "end_turn", "message": json.dumps([{"text": ANSWERED}])}),
        ],
        ALL,
        id="Strands",
    ),
    pytest.param(
        [
            ("gen_ai.user.message", {"gen_ai.event.content": json.dumps({"role": "user", "content": ASKED})}),
            (
                "gen_ai.choice",
                {
                    "gen_ai.event.content": json.dumps(
                        {"index": 0, "message": {"content": ANSWERED, "role": "assistant"}}
                    )
                },
            ),
        ],
        BOTH,
        id="Semantic Kernel, Azure",
    ),
    pytest.param(
        [
            ("gen_ai.content.prompt", {"gen_ai.prompt": chat(("user", ASKED))}),
            ("gen_ai.content.completion", {"gen_ai.completion": chat(("assistant", ANSWERED))}),
        ],
        BOTH,
        id="before 1.28",
    ),
    pytest.param(
        [
            (
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": GENAI_IN, "gen_ai.output.messages": json.dumps(GENAI_OUT)},
            )
        ],
        ALL,
        id="since 1.37",
    ),
    pytest.param(
        [
            ("gen_ai.user.message", {"content": ASKED}),
            ("gen_ai.choice", {"tool_calls": json.dumps([{"id": "1", "function": {"name": "weather"}}])}),
        ],
        Words(ASKED, "", (QUESTION, CALL)),
        id="tool calls",
    ),
    pytest.param(
        [("gen_ai.user.message", {}), ("gen_ai.choice", {"message": ""}), ("other", {})], NO_WORDS, id="empty"
    ),
    pytest.param(
        [
            ("gen_ai.tool.message", {"role": "tool", "content": '{"city": "Lisbon"}'}),
            ("gen_ai.choice", {"message": "sunny"}),
        ],
        Words("", "sunny", (Message("tool", '{"city": "Lisbon"}'), Message("assistant", "sunny"))),
        id="a tool of Strands",
    ),
]


@pytest.mark.parametrize(("events", "expected"), EVENTS)
def test_events_of_a_span(events, expected):
    assert said({"gen_ai.operation.name": "chat"}, events) == expected
    assert facts_of(events=events).has_input is True


def test_there_is_a_case_for_each_event():
    assert {event for case in EVENTS for event, _ in case.values[0]} - {"other"} == set(content_names.EVENTS)


def test_attributes_come_before_events():
    events = [("gen_ai.user.message", {"content": "other"}), ("gen_ai.choice", {"message": "other"})]
    attributes = {"gen_ai.input.messages": json.dumps(GENAI_IN), "gen_ai.output.messages": json.dumps(GENAI_OUT)}
    assert said(attributes, events) == ALL
    assert said({"gen_ai.input.messages": json.dumps(GENAI_IN[1:2])}, events[1:]) == Words(
        ASKED, "other", (QUESTION, Message("assistant", "other"))
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            record_of({"content": ASKED}, event="gen_ai.user.message"), Words(ASKED, "", (QUESTION,)), id="1.28"
        ),
        pytest.param(
            record_of({"content": ASKED}, {"event.name": "gen_ai.user.message"}),
            Words(ASKED, "", (QUESTION,)),
            id="name",
        ),
        pytest.param(record_of(ASKED, event="gen_ai.user.message"), Words(ASKED, "", (QUESTION,)), id="a text"),
        pytest.param(
            record_of(json.dumps({"role": "user", "content": ASKED}), event="gen_ai.user.message"),
            Words(ASKED, "", (QUESTION,)),
            id="JSON",
        ),
        pytest.param(
            record_of({"index": 0, "message": {"role": "assistant", "content": ANSWERED}}, event="gen_ai.choice"),
            Words("", ANSWERED, (ANSWER,)),
            id="a choice",
        ),
        pytest.param(
            record_of(
                None,
                {
                    "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
                    "gen_ai.input.messages": GENAI_IN[1:],
                    "gen_ai.output.messages": GENAI_OUT,
                },
                event="gen_ai.client.inference.operation.details",
            ),
            ALL,
            id="1.37",
        ),
        pytest.param(
            record_of(
                {"gen_ai.input.messages": GENAI_IN, "gen_ai.output.messages": GENAI_OUT},
                event="gen_ai.client.inference.operation.details",
            ),
            ALL,
            id="1.37, in the body",
        ),
        pytest.param(record_of("order sent"), NO_WORDS, id="a plain message"),
        pytest.param(record_of("order sent", {"event.name": 5}), NO_WORDS, id="an odd name"),
        pytest.param(b"\xff\xff", NO_WORDS, id="no record"),
    ],
)
def test_records(record, expected):
    assert words_of_log(record) == expected


LOGS = [
    ("user_prompt", "prompt", "input"),
    ("assistant_response", "response", "output"),
    ("api_response_body", "body", "output"),
    ("claude_code.user_prompt", "prompt", "input"),
    ("claude_code.api_response_body", "body", "output"),
    ("codex.user_prompt", "prompt", "input"),
    ("gemini_cli.user_prompt", "prompt", "input"),
    ("gemini_cli.api_response", "response_text", "output"),
    ("qwen-code.user_prompt", "prompt", "input"),
    ("qwen-code.api_response", "response_text", "output"),
]


def test_there_is_a_case_for_each_row_of_records():
    assert [(event, row.key, row.side) for event, row in content_names.LOGS.items()] == LOGS


@pytest.mark.parametrize(("event", "key", "side"), LOGS)
def test_records_of_coding_agents(event, key, side):
    assert words_of_log(record_of(None, {key: "hello"}, event=event)) == Words(**{side: "hello"})
    assert words_of_log(record_of(None, {key: "<REDACTED>"}, event=event)) == NO_WORDS


def test_the_body_of_an_answer_of_claude_code():
    body = {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}
    record = record_of(None, {"body": json.dumps(body)}, event="api_response_body")
    assert words_of_log(record) == Words("", ANSWERED, (ANSWER,))


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 10_000_000, id="10 MB"),
        pytest.param("\u202e" * 3_000_000, id="10 MB of marks"),
        pytest.param(DEEP, id="deep"),
        pytest.param(DEEP + "]" * 200_000, id="deep, and closed"),
        pytest.param('{"messages":' * 100_000, id="deep objects"),
        pytest.param('{"messages":' * 500 + "1" + "}" * 500, id="less deep objects"),
        pytest.param(
            "[" + '{"role":"user","content":"x"},' * 100_000 + '{"role":"user","content":"y"}]', id="many messages"
        ),
        pytest.param("[" + "1," * 1_000_000 + "1]", id="many numbers"),
        pytest.param('{"messages":[' + '{"messages":[{},{},{}]},' * 100_000 + "{}]}", id="many objects"),
        pytest.param("[" * 100 + "]" * 100, id="many lists"),
        pytest.param("[" + '{"type":"text","text":"x"},' * 100_000 + '{"type":"text","text":"y"}]', id="many parts"),
        pytest.param('{"role":"user","content":[' * 300 + "1" + "]}" * 300, id="deep parts"),
        pytest.param('[{"content":[' * 300 + "1" + "]}]" * 300, id="deep parts without roles"),
        pytest.param('{"args":[' * 400 + "1" + "]}" * 400, id="deep arguments"),
        pytest.param("[" * 900 + "]" * 900, id="deep lists"),
        pytest.param('{"type": [], "role": {}, "content": {"type": {}}, "toolCalls": [[]]}', id="types of other types"),
        pytest.param("[" + "9" * 5000 + "]", id="many digits"),
        pytest.param("[NaN, Infinity, -Infinity]", id="no numbers"),
        pytest.param('"\\ud800"', id="half a surrogate"),
        pytest.param("\x00\x1b[31m", id="control characters"),
    ],
)
@pytest.mark.parametrize("key", ["input.value", "gen_ai.input.messages", "gen_ai.prompt.0.content", "genkit:output"])
def test_nothing_takes_long_or_raises(key, value):
    started = time.process_time()
    words = said({key: value})
    assert time.process_time() - started < 5
    assert words.input.encode() is not None
    assert words.output.encode() is not None
    facts_of({key: value})


def test_of_many_messages_the_last_ones_are_read():
    words = said({"gen_ai.input.messages": chat(*(("user", str(number)) for number in range(50_000)))})
    assert words.input == "49999"
    assert len(words.messages) == 2000


def test_values_that_are_no_text_are_bounded():
    deep: object = "x"
    for _ in range(40):
        deep = [deep]
    assert said({"input.value": deep}).input == ""
    assert len(said({"input.value": [[1] * 200] * 200}).input) < 200_000
    assert len(json.loads(said({"input.value": {str(number): 1 for number in range(30_000)}}).input)) < 20_000
