"""What is recorded: a row for each source, in the order of the README's table."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """A program, and where it runs.

    Attributes:
        environment: The one of ``tests/frameworks``; empty for that of the tests.
        packages: Those whose versions matter.
        program: The file in ``programs``; empty for that of the source's name.
        variables: What its environment has beside the usual.
        module: What is run with ``-m`` in place of a program.
        arguments: What the program is run with.
        command: What it runs that is no package of Python; without it, the source is not recorded.
    """

    environment: str
    packages: tuple[str, ...]
    program: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    module: str = ""
    arguments: tuple[str, ...] = ()
    command: str = ""


_GENAI = ("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_GENAI_OPENAI = ("opentelemetry-instrumentation-genai-openai", "opentelemetry-util-genai", "openai")
_LANGGRAPH = ("langgraph", "langchain-core", "langchain-openai")

SOURCES = {
    "demo": Source("", ("openinference-instrumentation-openai", "openai"), module="otel_sessions.demo"),
    "fastapi_service": Source(
        "", ("fastapi", "opentelemetry-instrumentation-fastapi", "openinference-instrumentation-openai", "openai")
    ),
    "checks_and_feedback": Source("", ("opentelemetry-instrumentation-logging",)),
    "openinference_openai": Source("agents", ("openinference-instrumentation-openai", "openai")),
    "openinference_langgraph": Source("agents", ("openinference-instrumentation-langchain", *_LANGGRAPH)),
    "openinference_langgraph_ours": Source("agents", ("openinference-instrumentation-langchain", *_LANGGRAPH)),
    "openllmetry_langgraph": Source("openllmetry", ("opentelemetry-instrumentation-langchain", *_LANGGRAPH)),
    "openllmetry_langgraph_left": Source(
        "openllmetry",
        ("opentelemetry-instrumentation-langchain", *_LANGGRAPH),
        program="openllmetry_langgraph",
        arguments=("bob",),
    ),
    "openllmetry_sdk": Source("openllmetry-0.40", ("traceloop-sdk", "opentelemetry-instrumentation-openai", "openai")),
    "genai_langgraph": Source(
        "genai",
        ("opentelemetry-instrumentation-genai-langchain", "opentelemetry-util-genai", *_LANGGRAPH),
        variables=(_GENAI, (_CONTENT, "SPAN_ONLY")),
    ),
    "genai_openai_attributes": Source(
        "genai", _GENAI_OPENAI, program="genai_openai", variables=(_GENAI, (_CONTENT, "SPAN_ONLY"))
    ),
    "genai_openai_events": Source(
        "genai", _GENAI_OPENAI, program="genai_openai", variables=(_GENAI, (_CONTENT, "EVENT_ONLY"))
    ),
    "genai_openai_no_content": Source("genai", _GENAI_OPENAI, program="genai_openai"),
    "genai_openai_v2": Source(
        "openai-v2",
        ("opentelemetry-instrumentation-openai-v2", "openai"),
        variables=((_CONTENT, "true"),),
    ),
    "genai_openai_agents": Source(
        "genai",
        ("opentelemetry-instrumentation-genai-openai-agents", "opentelemetry-util-genai", "openai-agents"),
        variables=(_GENAI, (_CONTENT, "SPAN_ONLY")),
    ),
    "pydantic_ai_own": Source("agents", ("pydantic-ai-slim",)),
    "pydantic_ai_ours": Source("agents", ("pydantic-ai-slim",)),
    "pydantic_ai_openinference": Source("agents", ("openinference-instrumentation-pydantic-ai", "pydantic-ai-slim")),
    "openinference_openai_agents": Source("agents", ("openinference-instrumentation-openai-agents", "openai-agents")),
    "openinference_agno": Source("agents", ("openinference-instrumentation-agno", "agno")),
    "openinference_smolagents": Source("agents", ("openinference-instrumentation-smolagents", "smolagents")),
    "claude_agent": Source("agents", ("openinference-instrumentation-claude-agent-sdk", "claude-agent-sdk")),
    "claude_code": Source("", (), command="claude"),
    "claude_code_traces": Source(
        "", (), program="claude_code", command="claude", variables=(("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA", "1"),)
    ),
    "logfire_openai": Source("agents", ("logfire", "openai")),
    "logfire_scrubbed": Source("agents", ("logfire", "openai")),
    "langfuse_openai": Source("agents", ("langfuse", "openai")),
    "strands_own": Source("agents-openai-2", ("strands-agents",)),
    "openinference_crewai": Source("agents-openai-2", ("openinference-instrumentation-crewai", "crewai")),
    "openinference_llama_index": Source(
        "agents-openai-2", ("openinference-instrumentation-llama-index", "llama-index-core")
    ),
    "agent_framework_own": Source("agents", ("agent-framework-core", "agent-framework-openai")),
    "semantic_kernel_own": Source(
        "agents-openai-2",
        ("semantic-kernel",),
        variables=(("SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE", "true"),),
    ),
    "google_adk_own": Source("google-adk", ("google-adk", "litellm")),
    "google_adk_content": Source(
        "google-adk", ("google-adk", "litellm"), program="google_adk_own", variables=(_GENAI, (_CONTENT, "SPAN_ONLY"))
    ),
    "google_adk_openinference": Source(
        "google-adk", ("openinference-instrumentation-google-adk", "google-adk", "litellm")
    ),
}
