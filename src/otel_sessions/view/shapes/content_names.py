"""The second half of the table of names: tokens, and what was said. Pure. See `names`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .names import (
    ADK,
    AI_6,
    CLAUDE_CODE,
    GENAI,
    GENKIT,
    LANGFUSE,
    LOGFIRE,
    MASTRA,
    OI_JS,
    OI_SPEC,
    OPENINFERENCE,
    OPENLLMETRY,
    PYDANTIC,
    STRANDS,
    Name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_OLD_OPENLLMETRY = "OpenLLMetry up to 0.52"

TOKENS: Mapping[str, tuple[Name, ...]] = {
    "input": (
        Name("llm.token_count.prompt", OPENINFERENCE, OI_JS),
        Name("gen_ai.usage.input_tokens", GENAI, "1.27 and later"),
        Name("gen_ai.usage.prompt_tokens", GENAI, "before 1.27"),
        Name("llm.usage.prompt_tokens", _OLD_OPENLLMETRY, OPENLLMETRY),
        Name("ai.usage.inputTokens", "Vercel AI SDK up to 6", AI_6),
        Name("ai.usage.promptTokens", "Vercel AI SDK up to 4", AI_6, "code"),
        Name("gen_ai.aggregated_usage.input_tokens", "pydantic-ai, of an agent", PYDANTIC),
        Name("input_tokens", "Claude Code, Qwen Code", CLAUDE_CODE),
    ),
    "output": (
        Name("llm.token_count.completion", OPENINFERENCE, OI_JS),
        Name("gen_ai.usage.output_tokens", GENAI, "1.27 and later"),
        Name("gen_ai.usage.completion_tokens", GENAI, "before 1.27"),
        Name("llm.usage.completion_tokens", _OLD_OPENLLMETRY, OPENLLMETRY),
        Name("ai.usage.outputTokens", "Vercel AI SDK up to 6", AI_6),
        Name("ai.usage.completionTokens", "Vercel AI SDK up to 4", AI_6, "code"),
        Name("gen_ai.aggregated_usage.output_tokens", "pydantic-ai, of an agent", PYDANTIC),
        Name("output_tokens", "Claude Code, Qwen Code", CLAUDE_CODE),
    ),
    "cache_read": (
        Name("llm.token_count.prompt_details.cache_read", OPENINFERENCE, OI_JS),
        Name("gen_ai.usage.cache_read.input_tokens", GENAI, "1.40 and later"),
        Name("gen_ai.usage.cache_read_input_tokens", "OpenLLMetry", OPENLLMETRY),
        Name("gen_ai.usage.details.cache_read_tokens", "pydantic-ai", PYDANTIC),
        Name("ai.usage.inputTokenDetails.cacheReadTokens", "Vercel AI SDK 6", AI_6),
        Name("ai.usage.cachedInputTokens", "Vercel AI SDK up to 6", AI_6),
        Name("gen_ai.aggregated_usage.cache_read.input_tokens", "pydantic-ai, of an agent", PYDANTIC),
        Name("cache_read_tokens", "Claude Code", CLAUDE_CODE),
    ),
    "cache_write": (
        Name("llm.token_count.prompt_details.cache_write", OPENINFERENCE, OI_SPEC, "doc"),
        Name("gen_ai.usage.cache_creation.input_tokens", GENAI, "1.40 and later"),
        Name("gen_ai.usage.cache_write.input_tokens", "Claude Code", CLAUDE_CODE),
        Name("gen_ai.usage.cache_creation_input_tokens", "OpenLLMetry", OPENLLMETRY),
        Name("gen_ai.usage.details.cache_write_tokens", "pydantic-ai", PYDANTIC),
        Name("ai.usage.inputTokenDetails.cacheWriteTokens", "Vercel AI SDK 6", AI_6, "code"),
        Name("cache_creation_tokens", "Claude Code", CLAUDE_CODE),
    ),
    "reasoning": (
        Name("llm.token_count.completion_details.reasoning", OPENINFERENCE, OI_JS),
        Name("gen_ai.usage.reasoning.output_tokens", GENAI, "1.41 and later", "doc"),
        Name("gen_ai.usage.reasoning_tokens", "OpenLLMetry, Mastra", MASTRA),
        Name("gen_ai.usage.details.reasoning_tokens", "pydantic-ai", PYDANTIC),
        Name("ai.usage.outputTokenDetails.reasoningTokens", "Vercel AI SDK 6", AI_6),
        Name("ai.usage.reasoningTokens", "Vercel AI SDK up to 6", AI_6),
        Name("gen_ai.aggregated_usage.details.reasoning_tokens", "pydantic-ai, of an agent", PYDANTIC),
    ),
    "total": (
        Name("llm.token_count.total", OPENINFERENCE, OI_JS),
        Name("gen_ai.usage.total_tokens", "OpenLLMetry", OPENLLMETRY),
        Name("llm.usage.total_tokens", _OLD_OPENLLMETRY, OPENLLMETRY),
        Name("ai.usage.totalTokens", "Vercel AI SDK up to 6", AI_6),
    ),
}
"""What a model has read and written, by the field of `Tokens`.

Where two conventions are on one span, OpenInference's comes first: ADK counts reasoning twice in its own.
"""

ACCUMULATED = (Name("strands.telemetry.tracer", "Strands Agents", STRANDS),)
"""Scopes whose agents tell on the span of a run what they have used since they were made, and not in that run.

That is no number of the run, nor of its session, so it is not read: the calls of models below have their own.
"""

BESIDE = frozenset({"input_tokens"})
"""Keys of an input in which what was read from and written to a cache is not contained."""

USAGES = (
    Name("langfuse.observation.usage_details", "Langfuse", LANGFUSE),
    Name("genkit:output", "Genkit, of a model", GENKIT, inside=("usage",)),
)
"""The same as one JSON object; that of Langfuse has disjoint parts."""

INPUTS = (
    Name("llm.input_messages.<n>.message.*", OPENINFERENCE, OI_JS),
    Name("gen_ai.input.messages", GENAI, "1.37 and later"),
    Name("gen_ai.prompt.<n>.*", "OpenLLMetry", OPENLLMETRY),
    Name("pydantic_ai.all_messages", "pydantic-ai, of an agent", PYDANTIC),
    Name("all_messages_events", "pydantic-ai before 2, of an agent", PYDANTIC),
    Name("events", "logfire, pydantic-ai before 2", LOGFIRE),
    Name("request_data", "logfire", LOGFIRE),
    Name("ai.prompt.messages", "Vercel AI SDK up to 6", AI_6),
    Name("ai.prompt", "Vercel AI SDK up to 6", AI_6),
    Name("langfuse.observation.input", "Langfuse", LANGFUSE),
    Name("mastra.agent_run.input", "Mastra", MASTRA),
    Name("mastra.workflow_run.input", "Mastra", MASTRA),
    Name("mastra.model_generation.input", "Mastra", MASTRA),
    Name("mastra.model_step.input", "Mastra", MASTRA),
    Name("genkit:input", "Genkit", GENKIT),
    Name("gcp.vertex.agent.llm_request", "Google ADK", ADK),
    Name("input.value", "otel-sessions, OpenInference", OI_JS),
    Name("traceloop.entity.input", "OpenLLMetry", OPENLLMETRY),
    Name("lmnr.span.input", "laminar", "lmnr-python", "code"),
    Name("braintrust.input_json", "braintrust", "https://www.braintrust.dev/docs", "doc"),
    Name("braintrust.input", "braintrust", "https://www.braintrust.dev/docs", "doc"),
    Name("user_prompt", "Claude Code", CLAUDE_CODE),
    Name("gen_ai.prompt", "OpenTelemetry GenAI conventions before 1.27", "LangSmith, Spring AI", "doc"),
    Name("gen_ai.tool.call.arguments", GENAI, "1.38 and later"),
    Name("ai.toolCall.args", "Vercel AI SDK up to 6", AI_6),
    Name("langfuse.trace.input", "Langfuse", LANGFUSE),
)
"""What went in, best first."""

OUTPUTS = (
    Name("llm.output_messages.<n>.message.*", OPENINFERENCE, OI_JS),
    Name("gen_ai.output.messages", GENAI, "1.37 and later"),
    Name("gen_ai.completion.<n>.*", "OpenLLMetry", OPENLLMETRY),
    Name("pydantic_ai.all_messages", "pydantic-ai, of an agent", PYDANTIC),
    Name("all_messages_events", "pydantic-ai before 2, of an agent", PYDANTIC),
    Name("events", "logfire, pydantic-ai before 2", LOGFIRE),
    Name("response_data", "logfire", LOGFIRE),
    Name("ai.response.text", "Vercel AI SDK up to 6", AI_6),
    Name("ai.response.object", "Vercel AI SDK up to 6", AI_6, "code"),
    Name("ai.response.toolCalls", "Vercel AI SDK up to 6", AI_6),
    Name("langfuse.observation.output", "Langfuse", LANGFUSE),
    Name("mastra.agent_run.output", "Mastra", MASTRA),
    Name("mastra.workflow_run.output", "Mastra", MASTRA),
    Name("mastra.model_generation.output", "Mastra", MASTRA),
    Name("mastra.model_step.output", "Mastra", MASTRA),
    Name("genkit:output", "Genkit", GENKIT),
    Name("gcp.vertex.agent.llm_response", "Google ADK", ADK),
    Name("output.value", "otel-sessions, OpenInference", OI_JS),
    Name("traceloop.entity.output", "OpenLLMetry", OPENLLMETRY),
    Name("lmnr.span.output", "laminar", "lmnr-python", "code"),
    Name("braintrust.output_json", "braintrust", "https://www.braintrust.dev/docs", "doc"),
    Name("braintrust.output", "braintrust", "https://www.braintrust.dev/docs", "doc"),
    Name("final_result", "pydantic-ai, of an agent", PYDANTIC),
    Name("gen_ai.completion", "OpenTelemetry GenAI conventions before 1.27", "LangSmith, Spring AI", "doc"),
    Name("gen_ai.tool.call.result", GENAI, "1.38 and later"),
    Name("ai.toolCall.result", "Vercel AI SDK up to 6", AI_6),
    Name("langfuse.trace.output", "Langfuse", LANGFUSE),
)
"""What came out, best first."""

INPUT, OUTPUT, BOTH = "input", "output", "both"

EVENTS: Mapping[str, str] = {
    "gen_ai.system.message": INPUT,
    "gen_ai.user.message": INPUT,
    "gen_ai.assistant.message": INPUT,
    "gen_ai.tool.message": INPUT,
    "gen_ai.choice": OUTPUT,
    "gen_ai.content.prompt": INPUT,
    "gen_ai.content.completion": OUTPUT,
    "gen_ai.client.inference.operation.details": BOTH,
}
"""Events, of a span or as log records, that are messages: on which side of the call they stand."""

INSTRUCTIONS = Name("gen_ai.system_instructions", GENAI, "1.37 and later")
"""What is said to the model before all messages."""

MESSAGES_ONLY = frozenset(
    {
        "pydantic_ai.all_messages",
        "all_messages_events",
        "events",
        "request_data",
        "response_data",
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.llm_response",
    }
)
"""Keys that say nothing where there are no messages in them."""

JSON_ONLY = frozenset({"traceloop.entity.input", "traceloop.entity.output"})
"""Keys whose value is JSON, whatever it is."""

BOTH_SIDES = frozenset({"pydantic_ai.all_messages", "all_messages_events", "events"})
"""Keys that hold what went in and what came out."""

MIME_TYPES: Mapping[str, str] = {"input.value": "input.mime_type", "output.value": "output.mime_type"}
"""What tells whether a value is a text or JSON; of others that has to be seen."""

HIDDEN = frozenset({"__REDACTED__", "<REDACTED>", "[REDACTED]"})
"""What instrumentations write in the place of words that are to be hidden: OpenInference and we, Claude Code, Codex."""


class Log(NamedTuple):
    """A log record that is a message: a row of the table.

    Attributes:
        side: Who has said it.
        key: The attribute with the text.
        convention: Who writes it.
        seen_in: As of `Name`.
        source: As of `Name`.
    """

    side: str
    key: str
    convention: str
    seen_in: str
    source: str


LOGS: Mapping[str, Log] = {
    "user_prompt": Log(INPUT, "prompt", "Claude Code", CLAUDE_CODE, "run"),
    "assistant_response": Log(OUTPUT, "response", "Claude Code", CLAUDE_CODE, "run"),
    "api_response_body": Log(OUTPUT, "body", "Claude Code", CLAUDE_CODE, "doc"),
    "claude_code.user_prompt": Log(INPUT, "prompt", "Claude Code", CLAUDE_CODE, "doc"),
    "claude_code.api_response_body": Log(OUTPUT, "body", "Claude Code", CLAUDE_CODE, "doc"),
    "codex.user_prompt": Log(INPUT, "prompt", "Codex", "Codex CLI 0.171.0", "doc"),
    "gemini_cli.user_prompt": Log(INPUT, "prompt", "Gemini CLI", "Gemini CLI 0.61.0", "doc"),
    "gemini_cli.api_response": Log(OUTPUT, "response_text", "Gemini CLI", "Gemini CLI 0.61.0", "doc"),
    "qwen-code.user_prompt": Log(INPUT, "prompt", "Qwen Code", "Qwen Code 0.24.4", "doc"),
    "qwen-code.api_response": Log(OUTPUT, "response_text", "Qwen Code", "Qwen Code 0.24.4", "doc"),
}
"""The same of coding agents, as log records with other attributes."""
