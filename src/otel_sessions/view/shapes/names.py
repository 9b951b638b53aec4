"""Under which names conventions say what they say: one table, a row for each name. Pure.

Of rows for the same thing the first one that a span has counts. What stands in the tables of `otel_sessions._session`
already, where names are written, is taken from there. docs/reference/shapes.md shows the whole; a test compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from otel_sessions._session import check_names, session
from otel_sessions._session.dialects import DIALECTS
from otel_sessions._session.framework_ids import TABLE as FRAMEWORKS

from .facts import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Name(NamedTuple):
    """An attribute that says something: a row of the table.

    Attributes:
        key: The attribute.
        convention: Who writes it.
        seen_in: A version that does, or a page that documents it.
        source: How that is known: ``run``, ``code`` of it, or ``doc``.
        inside: Keys of the JSON object that the attribute is, best first; none where it is the value itself.
    """

    key: str
    convention: str
    seen_in: str
    source: str = "run"
    inside: tuple[str, ...] = ()


SEMCONV = "OpenTelemetry semantic conventions 1.44"
GENAI = "OpenTelemetry GenAI conventions"
OPENINFERENCE = "OpenInference"
OI_SPEC = "https://arize-ai.github.io/openinference/spec/"
OI_JS = "openinference-core 2.7.1"
LANGFUSE = "langfuse 5.0.4, @langfuse/otel 5.11.1"
AI_6, AI_7 = "ai 6.0.325", "ai 7.0.173"
MASTRA = "@mastra/otel-exporter 1.4.0"
GENKIT = "genkit 1.42.0"
OPENLLMETRY = "opentelemetry-instrumentation-langchain 0.62.4"
PYDANTIC = "pydantic-ai-slim 2.68.0"
ADK = "google-adk 2.13.0"
STRANDS = "strands-agents 1.62.0"
LOGFIRE = "logfire 5.4.0"
CLAUDE_CODE = "Claude Code 2.1.332"
OURS = "otel-sessions"
_APPLICATIONS = "what applications write themselves"


# As the contract of the page has them; the other rows of the dialects follow in their own order.
_DIALECTS = ("langfuse", "traceloop", "genai", *DIALECTS)


def _of_dialects(ours: str, only: Iterable[str] = DIALECTS) -> Iterator[Name]:
    """Yield what backends read for one of our names."""
    for dialect in (DIALECTS[name] for name in dict.fromkeys(only)):
        for key, meaning in dialect.names:
            if meaning == ours:
                yield Name(key, dialect.name, dialect.address, dialect.source)


def _of_frameworks(field: str) -> Iterator[Name]:
    """Yield what agent frameworks write."""
    for row in FRAMEWORKS:
        for key in getattr(row, field):
            yield Name(key, row.name, row.version, row.source)


def _distinct(*rows: Name) -> tuple[Name, ...]:
    """Return the rows with each key once, the first that has it."""
    found: dict[str, Name] = {}
    for row in rows:
        found.setdefault(row.key, row)
    return tuple(found.values())


SESSIONS = _distinct(
    Name(session.SESSION_ID, SEMCONV, OURS),
    *_of_dialects(session.SESSION_ID, _DIALECTS[:3]),
    Name("conversation.id", "Codex, pipecat", "Codex CLI 0.171.0"),
    *_of_dialects(session.SESSION_ID, _DIALECTS),
    *_of_frameworks("session"),
    Name("langfuse_session_id", "Langfuse, from its baggage", LANGFUSE),
    Name("langsmith.metadata.conversation_id", "langsmith", DIALECTS["langsmith"].address, "doc"),
    Name("langsmith.metadata.thread_id", "langsmith", DIALECTS["langsmith"].address, "doc"),
    Name("ai.telemetry.metadata.sessionId", "Vercel AI SDK up to 6", AI_6),
    Name("ai.settings.context.sessionId", "Vercel AI SDK 7", AI_7),
    Name("mastra.metadata.sessionId", "Mastra", MASTRA),
    Name("mastra.metadata.threadId", "Mastra", MASTRA),
    Name("genkit:metadata:agent:sessionId", "Genkit", GENKIT),
    Name("spring.ai.chat.client.conversation.id", "Spring AI", "Spring AI 2.0.1"),
    Name("gcp.vertex.agent.session_id", "Google ADK", "google-adk 1.8.0 (Java)"),
    Name("az.ai.voice_agents.session.id", "Azure AI voice agents", "azure-ai-projects 2.10.0", "code"),
    Name("metadata", "OpenInference of LangChain", OI_JS, inside=("session_id", "conversation_id", "thread_id")),
    Name("thread_id", "Opik, Codex", "Codex CLI 0.171.0"),
    Name("conversation_id", _APPLICATIONS, "", ""),
    Name("session_id", _APPLICATIONS, "", ""),
    Name("sessionId", _APPLICATIONS, "", ""),
)
"""What names the session: the place in the table is the rank, but for what `RESOURCE_RANK` and `VISIT_RANK` say."""

RESOURCE_RANK = 1
"""Of ``session.id`` on the resource: the rows after it on spans come one place later than they stand."""

VISIT_RANK = 2 * len(SESSIONS) + 1
"""Of what a browser's SDK calls its session, which is a visit: it comes last."""

VISITS = frozenset({session.SESSION_ID, "session_id", "sessionId"})
"""What that may be called."""

USERS = _distinct(
    Name(session.USER_ID, SEMCONV, OURS),
    *_of_dialects(session.USER_ID, _DIALECTS),
    *_of_frameworks("user"),
    Name("langfuse_user_id", "Langfuse, from its baggage", LANGFUSE),
    Name("ai.telemetry.metadata.userId", "Vercel AI SDK up to 6", AI_6),
    Name("ai.settings.context.userId", "Vercel AI SDK 7", AI_7),
    Name("mastra.metadata.userId", "Mastra", MASTRA),
    Name("mastra.metadata.resourceId", "Mastra", MASTRA),
    Name("gen_ai.user", "OpenLLMetry, from the call", OPENLLMETRY),
    Name("llm.user", "OpenLLMetry up to 0.52, litellm", "litellm 1.110.2"),
    Name("user.hash", SEMCONV, "https://opentelemetry.io/docs/specs/semconv/registry/attributes/user/", "doc"),
    Name("metadata", "OpenInference of LangChain", OI_JS, inside=("user_id",)),
    Name("user_id", _APPLICATIONS, "", ""),
    Name("userId", _APPLICATIONS, "", ""),
)
"""What names the user."""

SESSION_NAMES = _distinct(Name(session.NAME, OURS, OURS), *_of_dialects(session.NAME))
PATHS = _distinct(Name(session.PATH, OURS, OURS), *_of_dialects(session.PATH))
PREVIOUS = (Name(session.PREVIOUS_ID, SEMCONV, OURS),)
DISPLACED = (Name(session.DISPLACED_ID, OURS, OURS), Name(session.DISPLACED_CONVERSATION_ID, OURS, OURS))

MODELS = (
    Name("gen_ai.response.model", GENAI, "1.27 and later"),
    Name("ai.response.model", "Vercel AI SDK up to 6", AI_6),
    Name("llm.response.model", "OpenLLMetry up to 0.20", "opentelemetry-instrumentation-openai 0.20", "code"),
    Name("llm.model_name", OPENINFERENCE, OI_JS),
    Name("embedding.model_name", OPENINFERENCE, OI_SPEC, "doc"),
    Name("langfuse.observation.model.name", "Langfuse", LANGFUSE),
    Name("gen_ai.request.model", GENAI, "1.27 and later"),
    Name("llm.request.model", "OpenLLMetry up to 0.20", "opentelemetry-instrumentation-openai 0.20", "code"),
    Name("ai.model.id", "Vercel AI SDK up to 6", AI_6),
    Name("model_name", "pydantic-ai, of an agent", PYDANTIC),
    Name("model", "Claude Code, Codex", CLAUDE_CODE),
)
"""The model that answered, then the one that was asked."""

MODELS_OF_CALLS = (Name("genkit:name", "Genkit, of a model", GENKIT),)
"""The same, where the span is a call of a model."""

KINDS: Mapping[Name, Mapping[str, Kind]] = {
    Name("openinference.span.kind", OPENINFERENCE, OI_JS): {
        "LLM": Kind.LLM,
        "AGENT": Kind.AGENT,
        "TOOL": Kind.TOOL,
        "CHAIN": Kind.CHAIN,
        "PROMPT": Kind.CHAIN,
        "RETRIEVER": Kind.RETRIEVER,
        "RERANKER": Kind.RETRIEVER,
        "EMBEDDING": Kind.RETRIEVER,
        "EVALUATOR": Kind.EVALUATION,
        "GUARDRAIL": Kind.EVALUATION,
    },
    Name("mastra.span.type", "Mastra", MASTRA): {
        "agent_run": Kind.AGENT,
        "model_inference": Kind.LLM,
        "model_generation": Kind.CHAIN,
        "model_step": Kind.CHAIN,
        "tool_call": Kind.TOOL,
        "mcp_tool_call": Kind.TOOL,
        "workflow_run": Kind.CHAIN,
        "workflow_step": Kind.CHAIN,
        "model_chunk": Kind.NOISE,
        "processor_run": Kind.NOISE,
        "memory_operation": Kind.NOISE,
    },
    Name("langfuse.observation.type", "Langfuse", LANGFUSE): {
        "generation": Kind.LLM,
        "agent": Kind.AGENT,
        "tool": Kind.TOOL,
        "chain": Kind.CHAIN,
        "retriever": Kind.RETRIEVER,
        "embedding": Kind.RETRIEVER,
        "evaluator": Kind.EVALUATION,
        "guardrail": Kind.EVALUATION,
    },
    Name("gen_ai.operation.name", GENAI, "1.27 and later"): {
        "chat": Kind.LLM,
        "text_completion": Kind.LLM,
        "generate_content": Kind.LLM,
        "completion": Kind.LLM,
        "call_llm": Kind.LLM,
        "llm_call": Kind.LLM,
        "embeddings": Kind.RETRIEVER,
        "retrieval": Kind.RETRIEVER,
        "execute_tool": Kind.TOOL,
        "tool_call": Kind.TOOL,
        "invoke_agent": Kind.AGENT,
        "agent_call": Kind.AGENT,
        "user_prompt": Kind.AGENT,
        "invoke_workflow": Kind.CHAIN,
        "create_agent": Kind.CHAIN,
        "agent_step": Kind.CHAIN,
        "schedule_tool_calls": Kind.CHAIN,
        "framework": Kind.CHAIN,
        "evaluate": Kind.EVALUATION,
    },
    Name("traceloop.span.kind", "OpenLLMetry", OPENLLMETRY): {
        "workflow": Kind.CHAIN,
        "task": Kind.CHAIN,
        "agent": Kind.AGENT,
        "tool": Kind.TOOL,
    },
    Name("genkit:metadata:subtype", "Genkit", GENKIT): {
        "model": Kind.LLM,
        "agent": Kind.AGENT,
        "tool": Kind.TOOL,
        "flow": Kind.CHAIN,
        "retriever": Kind.RETRIEVER,
        "embedder": Kind.RETRIEVER,
        "indexer": Kind.RETRIEVER,
        "reranker": Kind.RETRIEVER,
        "evaluator": Kind.EVALUATION,
    },
    Name("genkit:type", "Genkit", GENKIT): {
        "flow": Kind.CHAIN,
        "flowStep": Kind.CHAIN,
        "util": Kind.CHAIN,
        "promptTemplate": Kind.NOISE,
    },
    Name("ai.operationId", "Vercel AI SDK up to 6", AI_6): {
        "ai.generateText": Kind.AGENT,
        "ai.streamText": Kind.AGENT,
        "ai.generateObject": Kind.AGENT,
        "ai.streamObject": Kind.AGENT,
        "ai.generateText.doGenerate": Kind.LLM,
        "ai.streamText.doStream": Kind.LLM,
        "ai.generateObject.doGenerate": Kind.LLM,
        "ai.streamObject.doStream": Kind.LLM,
        "ai.toolCall": Kind.TOOL,
        "ai.embed": Kind.RETRIEVER,
        "ai.embedMany": Kind.RETRIEVER,
        "ai.embed.doEmbed": Kind.RETRIEVER,
        "ai.embedMany.doEmbed": Kind.RETRIEVER,
    },
    Name("langsmith.span.kind", "langsmith", DIALECTS["langsmith"].address, "doc"): {
        "llm": Kind.LLM,
        "chain": Kind.CHAIN,
        "tool": Kind.TOOL,
        "retriever": Kind.RETRIEVER,
        "embedding": Kind.RETRIEVER,
        "prompt": Kind.CHAIN,
    },
    Name("lmnr.span.type", "laminar", DIALECTS["laminar"].address, "code"): {
        "LLM": Kind.LLM,
        "TOOL": Kind.TOOL,
        "EVALUATOR": Kind.EVALUATION,
    },
    Name("span.type", "Claude Code, Qwen Code", CLAUDE_CODE): {
        "interaction": Kind.AGENT,
        "llm_request": Kind.LLM,
        "tool": Kind.TOOL,
        "tool.execution": Kind.TOOL,
        "tool.blocked_on_user": Kind.NOISE,
        "hook": Kind.NOISE,
    },
    Name("spring.ai.kind", "Spring AI", "Spring AI 2.0.1"): {"chat_client": Kind.CHAIN, "advisor": Kind.CHAIN},
    Name("llm.request.type", "OpenLLMetry up to 0.52", OPENLLMETRY): {
        "chat": Kind.LLM,
        "completion": Kind.LLM,
        "embedding": Kind.RETRIEVER,
        "rerank": Kind.RETRIEVER,
    },
}
"""What a span is of, by the attribute that says so and its values; a value that is not here says nothing."""

KINDS_BY_KEY: Mapping[Name, Kind] = {
    Name("gen_ai.tool.name", GENAI, "1.31 and later"): Kind.TOOL,
    Name("tool.name", OPENINFERENCE, OI_SPEC, "doc"): Kind.TOOL,
    Name("request_data", "logfire", LOGFIRE): Kind.LLM,
    Name("gen_ai.request.model", GENAI, "1.27 and later"): Kind.LLM,
    Name("llm.request.model", "OpenLLMetry up to 0.20", "opentelemetry-instrumentation-openai 0.20", "code"): Kind.LLM,
    Name("asgi.event.type", "OpenTelemetry's ASGI instrumentation", "0.66b1"): Kind.NOISE,
}
"""The same by attributes alone, where none of `KINDS` says it."""

KINDS_BY_NAME: Mapping[str, Kind] = {
    "load route module": Kind.NOISE,
    "call_llm": Kind.LLM,
    "agent run": Kind.AGENT,
}
"""The same by the name of the span, where no attribute says it: Next.js, ADK before its operation names, pydantic-ai 0.x."""

COSTS = (
    Name("llm.cost.total", OPENINFERENCE, OI_SPEC, "doc"),
    Name("gen_ai.usage.cost", "OpenLIT, laminar, OpenRouter", DIALECTS["laminar"].address, "code"),
    Name("operation.cost", "pydantic-ai", PYDANTIC),
    Name("gen_ai.cost.total_cost", "litellm", "litellm 1.110.2"),
    Name("langfuse.observation.cost_details", "Langfuse", LANGFUSE, inside=("total",)),
)
"""In USD."""

ERRORS: Mapping[Name, str] = {
    Name("langfuse.observation.level", "Langfuse", LANGFUSE): "ERROR",
    Name("genkit:state", "Genkit", GENKIT): "error",
}
"""What says that something went wrong beside the status of the span, and with which value."""

ERROR_TEXTS = (
    Name("langfuse.observation.status_message", "Langfuse", LANGFUSE),
    Name("genkit:error", "Genkit", GENKIT, "code"),
    Name("error.message", "Vercel AI SDK, Claude Code", AI_7, "code"),
)
"""What, in words."""

STATUS_CODES = (
    Name("http.response.status_code", SEMCONV, "HTTP, 1.23 and later"),
    Name("http.status_code", "OpenTelemetry semantic conventions before 1.23", "HTTP"),
)
URLS = (
    Name("url.full", SEMCONV, "HTTP, 1.23 and later"),
    Name("http.url", "OpenTelemetry semantic conventions before 1.23", "HTTP"),
    Name("url.path", SEMCONV, "HTTP, 1.23 and later"),
    Name("http.target", "OpenTelemetry semantic conventions before 1.23", "HTTP"),
)
METHODS = (
    Name("http.request.method", SEMCONV, "HTTP, 1.23 and later"),
    Name("http.method", "OpenTelemetry semantic conventions before 1.23", "HTTP"),
)

EVENT_NAME = Name("event.name", "OpenTelemetry logs before 1.27, coding agents", CLAUDE_CODE)

JUDGEMENT_EVENT = Name(check_names.EVENT, GENAI, "1.38 and later")
