"""What a span is of, which model it called, what that read and cost, what went wrong: each row of the tables."""

from __future__ import annotations

import pytest
from otlp_shapes import END, PARENT_ID, SPAN_ID, START, facts_of, facts_of_raw, log_facts_of, source_of, span_of

from otel_sessions.view.shapes import content_names, names
from otel_sessions.view.shapes.facts import NO_TOKENS, Facts, Kind, LogFacts, Named, Tokens

OURS = "otel_sessions"


def test_a_span_of_openinference_says_all_of_it():
    said = {
        "session.id": "conv-42",
        "user.id": "ada",
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-x",
        "llm.token_count.prompt": 11,
        "llm.token_count.completion": 7,
        "llm.cost.total": 0.25,
        "input.value": "What is a span?",
        "output.value": "A timed step.",
    }
    assert facts_of(said, name="ChatCompletion", resource={"service.name": "shop"}, scope="oi", status=1) == Facts(
        SPAN_ID,
        PARENT_ID,
        "ChatCompletion",
        Kind.LLM,
        1,
        START,
        END,
        "",
        "shop",
        "oi",
        Named("conv-42", "session.id", 0),
        Named("ada", "user.id", 0),
        "",
        "",
        "",
        "",
        "gpt-x",
        Tokens(11, 7),
        0.25,
        has_input=True,
        has_output=True,
        judgements=(),
        is_failed_call=False,
    )


def test_a_span_that_says_nothing():
    assert facts_of(name="") == Facts(
        SPAN_ID,
        PARENT_ID,
        "",
        Kind.OTHER,
        1,
        START,
        END,
        "",
        "shop",
        "app",
        None,
        None,
        "",
        "",
        "",
        "",
        "",
        NO_TOKENS,
        None,
        has_input=False,
        has_output=False,
        judgements=(),
        is_failed_call=False,
    )


KINDS = [
    ("openinference.span.kind", "LLM", Kind.LLM),
    ("openinference.span.kind", "AGENT", Kind.AGENT),
    ("openinference.span.kind", "TOOL", Kind.TOOL),
    ("openinference.span.kind", "CHAIN", Kind.CHAIN),
    ("openinference.span.kind", "PROMPT", Kind.CHAIN),
    ("openinference.span.kind", "RETRIEVER", Kind.RETRIEVER),
    ("openinference.span.kind", "RERANKER", Kind.RETRIEVER),
    ("openinference.span.kind", "EMBEDDING", Kind.RETRIEVER),
    ("openinference.span.kind", "EVALUATOR", Kind.EVALUATION),
    ("openinference.span.kind", "GUARDRAIL", Kind.EVALUATION),
    ("mastra.span.type", "agent_run", Kind.AGENT),
    ("mastra.span.type", "model_inference", Kind.LLM),
    ("mastra.span.type", "model_generation", Kind.CHAIN),
    ("mastra.span.type", "model_step", Kind.CHAIN),
    ("mastra.span.type", "tool_call", Kind.TOOL),
    ("mastra.span.type", "mcp_tool_call", Kind.TOOL),
    ("mastra.span.type", "workflow_run", Kind.CHAIN),
    ("mastra.span.type", "workflow_step", Kind.CHAIN),
    ("mastra.span.type", "model_chunk", Kind.NOISE),
    ("mastra.span.type", "processor_run", Kind.NOISE),
    ("mastra.span.type", "memory_operation", Kind.NOISE),
    ("langfuse.observation.type", "generation", Kind.LLM),
    ("langfuse.observation.type", "agent", Kind.AGENT),
    ("langfuse.observation.type", "tool", Kind.TOOL),
    ("langfuse.observation.type", "chain", Kind.CHAIN),
    ("langfuse.observation.type", "retriever", Kind.RETRIEVER),
    ("langfuse.observation.type", "embedding", Kind.RETRIEVER),
    ("langfuse.observation.type", "evaluator", Kind.EVALUATION),
    ("langfuse.observation.type", "guardrail", Kind.EVALUATION),
    ("gen_ai.operation.name", "chat", Kind.LLM),
    ("gen_ai.operation.name", "text_completion", Kind.LLM),
    ("gen_ai.operation.name", "generate_content", Kind.LLM),
    ("gen_ai.operation.name", "completion", Kind.LLM),
    ("gen_ai.operation.name", "call_llm", Kind.LLM),
    ("gen_ai.operation.name", "llm_call", Kind.LLM),
    ("gen_ai.operation.name", "embeddings", Kind.RETRIEVER),
    ("gen_ai.operation.name", "retrieval", Kind.RETRIEVER),
    ("gen_ai.operation.name", "execute_tool", Kind.TOOL),
    ("gen_ai.operation.name", "tool_call", Kind.TOOL),
    ("gen_ai.operation.name", "invoke_agent", Kind.AGENT),
    ("gen_ai.operation.name", "agent_call", Kind.AGENT),
    ("gen_ai.operation.name", "user_prompt", Kind.AGENT),
    ("gen_ai.operation.name", "invoke_workflow", Kind.CHAIN),
    ("gen_ai.operation.name", "create_agent", Kind.CHAIN),
    ("gen_ai.operation.name", "agent_step", Kind.CHAIN),
    ("gen_ai.operation.name", "schedule_tool_calls", Kind.CHAIN),
    ("gen_ai.operation.name", "framework", Kind.CHAIN),
    ("gen_ai.operation.name", "evaluate", Kind.EVALUATION),
    ("traceloop.span.kind", "workflow", Kind.CHAIN),
    ("traceloop.span.kind", "task", Kind.CHAIN),
    ("traceloop.span.kind", "agent", Kind.AGENT),
    ("traceloop.span.kind", "tool", Kind.TOOL),
    ("genkit:metadata:subtype", "model", Kind.LLM),
    ("genkit:metadata:subtype", "agent", Kind.AGENT),
    ("genkit:metadata:subtype", "tool", Kind.TOOL),
    ("genkit:metadata:subtype", "flow", Kind.CHAIN),
    ("genkit:metadata:subtype", "retriever", Kind.RETRIEVER),
    ("genkit:metadata:subtype", "embedder", Kind.RETRIEVER),
    ("genkit:metadata:subtype", "indexer", Kind.RETRIEVER),
    ("genkit:metadata:subtype", "reranker", Kind.RETRIEVER),
    ("genkit:metadata:subtype", "evaluator", Kind.EVALUATION),
    ("genkit:type", "flow", Kind.CHAIN),
    ("genkit:type", "flowStep", Kind.CHAIN),
    ("genkit:type", "util", Kind.CHAIN),
    ("genkit:type", "promptTemplate", Kind.NOISE),
    ("ai.operationId", "ai.generateText", Kind.AGENT),
    ("ai.operationId", "ai.streamText", Kind.AGENT),
    ("ai.operationId", "ai.generateObject", Kind.AGENT),
    ("ai.operationId", "ai.streamObject", Kind.AGENT),
    ("ai.operationId", "ai.generateText.doGenerate", Kind.LLM),
    ("ai.operationId", "ai.streamText.doStream", Kind.LLM),
    ("ai.operationId", "ai.generateObject.doGenerate", Kind.LLM),
    ("ai.operationId", "ai.streamObject.doStream", Kind.LLM),
    ("ai.operationId", "ai.toolCall", Kind.TOOL),
    ("ai.operationId", "ai.embed", Kind.RETRIEVER),
    ("ai.operationId", "ai.embedMany", Kind.RETRIEVER),
    ("ai.operationId", "ai.embed.doEmbed", Kind.RETRIEVER),
    ("ai.operationId", "ai.embedMany.doEmbed", Kind.RETRIEVER),
    ("langsmith.span.kind", "llm", Kind.LLM),
    ("langsmith.span.kind", "chain", Kind.CHAIN),
    ("langsmith.span.kind", "tool", Kind.TOOL),
    ("langsmith.span.kind", "retriever", Kind.RETRIEVER),
    ("langsmith.span.kind", "embedding", Kind.RETRIEVER),
    ("langsmith.span.kind", "prompt", Kind.CHAIN),
    ("lmnr.span.type", "LLM", Kind.LLM),
    ("lmnr.span.type", "TOOL", Kind.TOOL),
    ("lmnr.span.type", "EVALUATOR", Kind.EVALUATION),
    ("span.type", "interaction", Kind.AGENT),
    ("span.type", "llm_request", Kind.LLM),
    ("span.type", "tool", Kind.TOOL),
    ("span.type", "tool.execution", Kind.TOOL),
    ("span.type", "tool.blocked_on_user", Kind.NOISE),
    ("span.type", "hook", Kind.NOISE),
    ("spring.ai.kind", "chat_client", Kind.CHAIN),
    ("spring.ai.kind", "advisor", Kind.CHAIN),
    ("llm.request.type", "chat", Kind.LLM),
    ("llm.request.type", "completion", Kind.LLM),
    ("llm.request.type", "embedding", Kind.RETRIEVER),
    ("llm.request.type", "rerank", Kind.RETRIEVER),
]


def test_there_is_a_case_for_each_row_of_kinds():
    assert [(row.key, value, kind) for row, kinds in names.KINDS.items() for value, kind in kinds.items()] == KINDS


@pytest.mark.parametrize(("key", "value", "kind"), KINDS)
def test_each_row_says_what_a_span_is_of_in_capitals_too(key, value, kind):
    assert facts_of({key: value}).kind is kind
    assert facts_of({key: value.upper()}).kind is kind


@pytest.mark.parametrize(
    ("attributes", "more", "kind"),
    [
        pytest.param({"gen_ai.tool.name": "weather"}, {}, Kind.TOOL, id="a tool's name"),
        pytest.param({"tool.name": "weather"}, {}, Kind.TOOL, id="OpenInference's"),
        pytest.param({"request_data": "{}"}, {}, Kind.LLM, id="logfire"),
        pytest.param({"gen_ai.request.model": "m"}, {}, Kind.LLM, id="a model"),
        pytest.param({"llm.request.model": "m"}, {}, Kind.LLM, id="OpenLLMetry's"),
        pytest.param({"asgi.event.type": "http.response.body"}, {}, Kind.NOISE, id="a message of ASGI"),
        pytest.param({}, {"name": "load route module"}, Kind.NOISE, id="Next.js"),
        pytest.param({}, {"name": "call_llm"}, Kind.LLM, id="ADK of old"),
        pytest.param({}, {"name": "agent run"}, Kind.AGENT, id="pydantic-ai of old"),
        pytest.param({"http.request.method": "GET"}, {"kind": 3}, Kind.HTTP_CLIENT, id="a client"),
        pytest.param({"http.method": "GET"}, {"kind": 3}, Kind.HTTP_CLIENT, id="a client, old names"),
        pytest.param({"http.request.method": "GET"}, {"kind": 2}, Kind.HTTP_SERVER, id="a server"),
        pytest.param({"http.request.method": "GET"}, {"kind": 1}, Kind.OTHER, id="neither"),
        pytest.param({"http.request.method": "GET", "gen_ai.operation.name": "chat"}, {"kind": 3}, Kind.LLM, id="both"),
        pytest.param({"openinference.span.kind": "DECISION"}, {}, Kind.OTHER, id="an unknown kind"),
        pytest.param(
            {"openinference.span.kind": "UNKNOWN", "gen_ai.operation.name": "chat"}, {}, Kind.LLM, id="the next one"
        ),
        pytest.param({"openinference.span.kind": 5}, {}, Kind.OTHER, id="a number"),
        pytest.param({"gen_ai.operation.name": "new", "gen_ai.tool.name": "t"}, {}, Kind.TOOL, id="an unknown one"),
        pytest.param({"openinference.span.kind": "CHAIN"}, {"scope": OURS}, Kind.TURN, id="a turn"),
        pytest.param({"openinference.span.kind": "EVALUATOR"}, {"scope": OURS}, Kind.EVALUATION, id="a check"),
        pytest.param({"session.id": "s"}, {"scope": OURS}, Kind.OTHER, id="another span of ours"),
        pytest.param(
            {"gen_ai.operation.name": "chat", "mastra.span.type": "model_generation"},
            {},
            Kind.CHAIN,
            id="Mastra's bridge",
        ),
    ],
)
def test_what_a_span_is_of_where_no_value_says_it(attributes, more, kind):
    assert facts_of(attributes, **more).kind is kind


MODELS = [
    "gen_ai.response.model",
    "ai.response.model",
    "llm.response.model",
    "llm.model_name",
    "embedding.model_name",
    "langfuse.observation.model.name",
    "gen_ai.request.model",
    "llm.request.model",
    "ai.model.id",
    "model_name",
    "model",
]


def test_models_are_read_under_these_keys():
    assert [row.key for row in names.MODELS] == MODELS


@pytest.mark.parametrize("key", MODELS)
def test_each_key_names_the_model(key):
    assert facts_of({key: "gpt-x"}).model == "gpt-x"
    assert facts_of({key: 5}).model == ""


def test_the_model_that_answered_comes_before_the_one_that_was_asked():
    assert facts_of({"gen_ai.request.model": "gpt-x", "gen_ai.response.model": "gpt-x-2026"}).model == "gpt-x-2026"
    assert facts_of({"gen_ai.request.model": "gpt-x", "gen_ai.response.model": ""}).model == "gpt-x"


def test_genkit_names_a_model_as_it_names_everything():
    assert facts_of({"genkit:metadata:subtype": "model", "genkit:name": "fake/gpt-x"}).model == "fake/gpt-x"
    assert facts_of({"genkit:metadata:subtype": "flow", "genkit:name": "flow"}).model == ""


TOKENS = {
    "input": [
        "llm.token_count.prompt",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "gen_ai.aggregated_usage.input_tokens",
        "input_tokens",
    ],
    "output": [
        "llm.token_count.completion",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "gen_ai.aggregated_usage.output_tokens",
        "output_tokens",
    ],
    "cache_read": [
        "llm.token_count.prompt_details.cache_read",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.cachedInputTokens",
        "gen_ai.aggregated_usage.cache_read.input_tokens",
        "cache_read_tokens",
    ],
    "cache_write": [
        "llm.token_count.prompt_details.cache_write",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
        "cache_creation_tokens",
    ],
    "reasoning": [
        "llm.token_count.completion_details.reasoning",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens",
        "gen_ai.aggregated_usage.details.reasoning_tokens",
    ],
    "total": [
        "llm.token_count.total",
        "gen_ai.usage.total_tokens",
        "llm.usage.total_tokens",
        "ai.usage.totalTokens",
    ],
}


def test_tokens_are_read_under_these_keys():
    assert {field: [row.key for row in rows] for field, rows in content_names.TOKENS.items()} == TOKENS


@pytest.mark.parametrize(("field", "key"), [(field, key) for field, keys in TOKENS.items() for key in keys])
def test_each_key_tells_tokens(field, key):
    for count in (0, 1, 127, 128, 200, 16_383, 16_384, 2_097_151, 2_097_152, 10**9, 10**15):
        assert facts_of({key: count}).tokens == Tokens(**{field: count})


@pytest.mark.parametrize(
    ("said", "scope", "expected"),
    [
        pytest.param("invoke_agent", "strands.telemetry.tracer", NO_TOKENS, id="all runs of an agent"),
        pytest.param("chat", "strands.telemetry.tracer", Tokens(60, 15), id="a call in one of them"),
        pytest.param("invoke_agent", "strands", Tokens(60, 15), id="a run of another agent"),
    ],
)
def test_what_an_agent_has_used_since_it_was_made_is_no_number_of_a_run(said, scope, expected):
    usage = {"gen_ai.usage.input_tokens": 60, "gen_ai.usage.output_tokens": 15}
    assert facts_of({"gen_ai.operation.name": said, **usage}, scope=scope).tokens == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(7.0, 7, id="a whole fraction"),
        pytest.param("7", 7, id="a text"),
        pytest.param(True, None, id="true"),
        pytest.param(-1, None, id="below nothing"),
        pytest.param(10**15 + 1, None, id="more than anybody has"),
        pytest.param(2**63 - 1, None, id="64 bits"),
        pytest.param(float("nan"), None, id="not a number"),
        pytest.param(float("inf"), None, id="no end"),
        pytest.param("many", None, id="a word"),
        pytest.param("9" * 5000, None, id="many digits"),
        pytest.param([7], None, id="a list"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_what_is_no_number_of_tokens_is_none(value, expected):
    assert facts_of({"gen_ai.usage.input_tokens": value}).tokens == Tokens(expected)
    assert facts_of({"gen_ai.usage.input_tokens": value, "ai.usage.inputTokens": 5}).tokens == Tokens(
        5 if expected is None else expected
    )


def test_what_claude_code_read_from_a_cache_stands_beside_the_input():
    said = {"input_tokens": 3, "output_tokens": 5, "cache_read_tokens": 100, "cache_creation_tokens": 20}
    assert facts_of(said).tokens == Tokens(123, 5, 100, 20)
    assert facts_of({"input_tokens": 3}).tokens == Tokens(3)
    assert facts_of({"input_tokens": "?", "cache_read_tokens": 4}).tokens == Tokens(None, None, 4)
    both = {"input_tokens": 12, "cache_read_tokens": 8, "gen_ai.usage.input_tokens": 20}
    assert facts_of(both).tokens == Tokens(20, None, 8)
    assert facts_of({"gen_ai.usage.input_tokens": 120, "gen_ai.usage.cache_read.input_tokens": 100}).tokens.input == 120


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(
            '{"input":7,"output":5,"total":18,"input_cached_tokens":4,"output_reasoning_tokens":2}',
            Tokens(11, 7, 4, None, 2, 18),
            id="disjoint parts",
        ),
        pytest.param(
            '{"input":7,"cache_read_input_tokens":4,"cache_creation_input_tokens":2}',
            Tokens(13, None, 4, 2),
            id="Anthropic's names",
        ),
        pytest.param(
            '{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25,"prompt_tokens_details":{"cached_tokens":8},'
            '"completion_tokens_details":{"reasoning_tokens":2}}',
            Tokens(20, 5, 8, None, 2, 25),
            id="OpenAI's, in which the parts are contained",
        ),
        pytest.param('{"input":null,"total":null}', NO_TOKENS, id="nothing recorded"),
        pytest.param('{"prompt_tokens_details":[]}', NO_TOKENS, id="details of another form"),
        pytest.param("{}", NO_TOKENS, id="empty"),
        pytest.param("[1]", NO_TOKENS, id="a list"),
        pytest.param('{"input"', NO_TOKENS, id="cut"),
        pytest.param('{"input":' + "[" * 100_000, NO_TOKENS, id="too deep"),
        pytest.param('{"input":7,"x":"' + "x" * 1_100_000 + '"}', NO_TOKENS, id="too long"),
        pytest.param(7, NO_TOKENS, id="a number"),
    ],
)
def test_usage_of_langfuse(usage, expected):
    said = {"langfuse.observation.type": "generation", "langfuse.observation.usage_details": usage}
    assert facts_of(said).tokens == expected


def test_usage_of_genkit_is_that_of_models():
    output = (
        '{"message": {}, "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, "thoughtsTokens": 2, '
        '"cachedContentTokens": 4}}'
    )
    assert facts_of({"genkit:metadata:subtype": "model", "genkit:output": output}).tokens == Tokens(
        11, 7, 4, None, 2, 18
    )
    assert facts_of({"genkit:type": "util", "genkit:output": output}).tokens == NO_TOKENS
    raw = (
        '{"usage": {"inputTokens": 11}, "raw": {"usage": {"prompt_tokens_details": {"cached_tokens": 4}, '
        '"completion_tokens_details": {"reasoning_tokens": 2}}}}'
    )
    assert facts_of({"genkit:metadata:subtype": "model", "genkit:output": raw}).tokens == Tokens(11, None, 4, None, 2)


@pytest.mark.parametrize(
    "key",
    [
        "llm.cost.total",
        "gen_ai.usage.cost",
        "operation.cost",
        "gen_ai.cost.total_cost",
        "langfuse.observation.cost_details",
    ],
)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0.25, 0.25, id="a fraction"),
        pytest.param(2, 2.0, id="a whole number"),
        pytest.param(0, 0.0, id="nothing"),
        pytest.param("0.25", 0.25, id="a text"),
        pytest.param(-1.0, None, id="below nothing"),
        pytest.param(float("nan"), None, id="not a number"),
        pytest.param(True, None, id="true"),
        pytest.param("dear", None, id="a word"),
        pytest.param('{"input": 0.25, "output": 0.5, "total": 0.75}', 0.75, id="a total"),
        pytest.param('{"input": 0.25, "output": 0.5}', 0.75, id="parts"),
        pytest.param('{"input": "?"}', None, id="no parts"),
        pytest.param('{"input": 0, "output": 0, "total": 0}', None, id="no price known"),
        pytest.param("{" + " " * 1_100_000 + "}", None, id="too long"),
    ],
)
def test_what_it_cost(key, value, expected):
    assert facts_of({key: value}).cost == expected
    assert key in [row.key for row in names.COSTS]


def test_no_cost_is_none_and_the_next_one_counts():
    assert facts_of({"input.value": "hello"}).cost is None
    assert facts_of({"llm.cost.total": "?", "gen_ai.usage.cost": 0.5}).cost == 0.5


@pytest.mark.parametrize(
    ("more", "error"),
    [
        pytest.param({"status": 0}, "", id="unset"),
        pytest.param({"status": 1}, "", id="good"),
        pytest.param({"status": 1, "message": "fine"}, "", id="good, with a message"),
        pytest.param({"status": 2}, "error", id="nothing more"),
        pytest.param({"status": 2, "message": "no answer"}, "no answer", id="a message"),
        pytest.param(
            {
                "status": 2,
                "events": [("exception", {"exception.type": "A"}), ("exception", {"exception.message": "b"})],
            },
            "b",
            id="the last exception",
        ),
        pytest.param(
            {
                "status": 2,
                "events": [("exception", {"exception.type": "ValueError", "exception.message": "no"}), ("x", {})],
            },
            "ValueError: no",
            id="an exception",
        ),
        pytest.param({"status": 2, "events": [("exception", {"exception.type": 5})]}, "error", id="an odd exception"),
        pytest.param(
            {"status": 2, "message": "GeneratorExit()Traceback (most recent call last):\n File"},
            "GeneratorExit()",
            id="tb",
        ),
        pytest.param(
            {"status": 2, "message": "Traceback (most recent call last):\n"},
            "Traceback (most recent call last):\n",
            id="tb only",
        ),
        pytest.param({"status": 2, "message": "x" * 10_000_000}, "x" * 4096, id="10 MB"),
        pytest.param({"events": [("exception", {"exception.type": "A"})]}, "", id="an exception that was caught"),
        pytest.param({"attributes": {"langfuse.observation.level": "ERROR"}}, "error", id="Langfuse"),
        pytest.param(
            {"attributes": {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "no"}},
            "no",
            id="Langfuse, in words",
        ),
        pytest.param({"attributes": {"langfuse.observation.level": "WARNING"}}, "", id="a warning"),
        pytest.param({"attributes": {"genkit:state": "error"}}, "error", id="Genkit"),
        pytest.param({"attributes": {"genkit:state": "error", "genkit:error": "no"}}, "no", id="Genkit, in words"),
        pytest.param({"attributes": {"genkit:state": "success"}}, "", id="good for Genkit"),
        pytest.param({"attributes": {"error.message": "no"}}, "", id="a message alone"),
        pytest.param({"attributes": {"genkit:state": "error"}, "status": 2, "message": "no"}, "no", id="both"),
    ],
)
def test_what_went_wrong(more, error):
    assert facts_of(more.pop("attributes", None), **more).error == error


URL = "http://model.example/v1/chat/completions"


@pytest.mark.parametrize(
    ("attributes", "more", "expected"),
    [
        pytest.param({"url.full": URL, "http.response.status_code": 429}, {}, True, id="429"),
        pytest.param({"url.full": URL, "http.response.status_code": 503}, {}, True, id="503"),
        pytest.param({"http.url": URL, "http.status_code": 400}, {}, True, id="old names"),
        pytest.param({"url.path": "/v1/responses", "http.response.status_code": 400}, {}, True, id="a path"),
        pytest.param({"http.target": "/v1/messages?beta=true", "http.status_code": 529}, {}, True, id="an old path"),
        pytest.param({"url.full": URL, "http.response.status_code": "429"}, {}, True, id="a text"),
        pytest.param({"url.full": URL, "http.response.status_code": "x"}, {}, False, id="no number"),
        pytest.param({"url.full": URL, "http.response.status_code": 200}, {}, False, id="good"),
        pytest.param({"url.full": URL, "http.response.status_code": 200}, {"status": 2}, False, id="good, then broken"),
        pytest.param({"url.full": URL}, {"status": 2, "message": "refused"}, True, id="refused"),
        pytest.param({"url.full": URL}, {}, False, id="no answer yet"),
        pytest.param(
            {"url.full": "http://shop.example/orders", "http.response.status_code": 500}, {}, False, id="others"
        ),
        pytest.param({"http.response.status_code": 500}, {}, False, id="nobody knows where"),
        pytest.param({"url.full": URL, "http.response.status_code": 500}, {"kind": 2}, False, id="of a server"),
        pytest.param(
            {"url.full": URL, "http.response.status_code": 500, "gen_ai.operation.name": "chat"},
            {},
            False,
            id="a model's span",
        ),
    ],
)
def test_a_failed_call_of_a_model(attributes, more, expected):
    method = {"http.request.method": "POST"}
    assert facts_of({**method, **attributes}, **{"kind": 3, **more}).is_failed_call is expected


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/openai/deployments/gpt/chat/completions?api-version=1",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/messages",
        "/v1beta/models/gemini-x:generateContent",
        "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
        "/model/anthropic.claude/invoke",
        "/model/anthropic.claude/invoke-with-response-stream",
        "/model/anthropic.claude/converse",
        "/model/anthropic.claude/converse-stream",
        "/v2/chat",
        "/api/chat",
        "/api/generate",
    ],
)
def test_paths_of_models(path):
    said = {"http.request.method": "POST", "url.full": f"https://x.example{path}", "http.response.status_code": 500}
    assert facts_of(said, kind=3).is_failed_call


@pytest.mark.parametrize("path", ["/v1/messages/42", "/chat", "/responses.html", "/api/chatter", "/completions-old"])
def test_paths_of_others(path):
    said = {"http.request.method": "POST", "url.full": f"https://x.example{path}", "http.response.status_code": 500}
    assert not facts_of(said, kind=3).is_failed_call


def test_a_record_says_what_it_is():
    assert log_facts_of("hello", event="order.sent") == LogFacts(
        SPAN_ID, START, "order.sent", 9, "shop", "app", None, None, (), has_words=False
    )
    assert log_facts_of("hello", {"event.name": "order.sent"}).event == "order.sent"
    assert log_facts_of("hello").event == ""


@pytest.mark.parametrize(
    ("event", "attributes", "expected"),
    [
        ("gen_ai.user.message", {}, True),
        ("gen_ai.choice", {}, True),
        ("gen_ai.client.inference.operation.details", {}, True),
        ("user_prompt", {"prompt": "hello"}, True),
        ("user_prompt", {"prompt": "<REDACTED>"}, False),
        ("codex.user_prompt", {"prompt": "[REDACTED]"}, False),
        ("gemini_cli.api_response", {"response_text": "hello"}, True),
        ("gemini_cli.api_response", {}, False),
        ("order.sent", {"prompt": "hello"}, False),
    ],
)
def test_records_that_are_messages(event, attributes, expected):
    assert log_facts_of(None, attributes, event=event).has_words is expected


def test_a_name_that_is_no_utf8_and_one_that_is_long():
    # Fields 5 and 9 of a span, as they may come: the parser of the receiver lets texts pass as bytes.
    assert facts_of_raw(b"\x2a\x02\xff\xfe").name == "��"
    assert len(facts_of(name="x" * 10_000_000).name) == 4096


def test_attributes_that_do_not_begin_with_their_key_are_read():
    span = span_of({"gen_ai.operation.name": "chat"})
    key, value = b"\x0a\x0asession.id", b"\x12\x09\x0a\x07conv-42"
    for pair in (value + key, b"\x18\x01" + key + value, b"\x0a\x8a\x00session.id" + value):
        raw = span.SerializeToString() + b"\x4a" + bytes((len(pair),)) + pair
        assert facts_of_raw(raw).session == Named("conv-42", "session.id", 0)
        assert facts_of_raw(raw).kind is Kind.LLM


def test_attributes_without_a_key_or_with_a_long_one_are_passed_over():
    span = span_of({"k" * 128: "x", "k" * 70_000: "y", "session.id": "conv-42"})
    raw = span.SerializeToString() + b"\x4a\x00" + b"\x4a\x01\x0a" + b"\x4a\x02\x0a\x40" + b"\x4a\x03\x12\x7f\x00"
    assert facts_of_raw(raw).session.id == "conv-42"


def test_of_a_key_that_is_there_twice_the_last_one_counts():
    raw = span_of({"session.id": "a"}).SerializeToString() + span_of({"session.id": "b"}).SerializeToString()
    assert facts_of_raw(raw).session.id == "b"


def test_what_is_no_span_says_nothing():
    assert facts_of_raw(b"\xff\xff\xff").name == ""
    assert (
        facts_of_raw(b"\xff", source_of(scope="\ud83d".encode("utf-16", "surrogatepass").decode("latin-1"))).session
        is None
    )


def test_a_resource_with_odd_attributes():
    pair = b"\x12\x07\x0a\x05other" + b"\x0a\x0cservice.name"
    source = source_of()._replace(resource=b"\x0a" + bytes((len(pair),)) + pair + b"\x0a\x00")
    assert facts_of_raw(span_of().SerializeToString(), source).service == "other"
