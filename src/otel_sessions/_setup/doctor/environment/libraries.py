"""Which libraries call models, what instruments each, and what is missing or there twice. One table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_sessions._setup.doctor.finding import Finding

from .installed import needs, satisfies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .installed import Installed

_OPENINFERENCE = "openinference-instrumentation-"
_OPENTELEMETRY = "opentelemetry-instrumentation-"


@dataclass(frozen=True, slots=True)
class Library:
    """A library that calls models.

    Attributes:
        name: Its package.
        openinference: The package of OpenInference, which is suggested.
        others: Packages of OpenTelemetry and of Traceloop.
    """

    name: str
    openinference: str
    others: tuple[str, ...] = ()

    @property
    def instrumentations(self) -> frozenset[str]:
        """All that instrument it."""
        return frozenset({self.openinference, *self.others})


def _library(name: str, suffix: str = "", *others: str) -> Library:
    return Library(name, _OPENINFERENCE + (suffix or name), tuple(_OPENTELEMETRY + other for other in others))


LIBRARIES = (
    _library("openai", "", "genai-openai", "openai-v2", "openai"),
    _library("anthropic", "", "genai-anthropic", "anthropic"),
    _library("google-genai", "", "google-genai", "google-generativeai"),
    _library("mistralai", "", "mistralai"),
    _library("litellm", "", "litellm"),
    _library("groq", "", "groq"),
    _library("cohere", "", "cohere"),
    _library("langchain-core", "langchain", "genai-langchain", "langchain"),
    _library("llama-index-core", "llama-index", "genai-llama-index", "llamaindex"),
    _library("openai-agents", "", "genai-openai-agents", "openai-agents", "openai-agents-v2"),
    _library("crewai", "", "crewai"),
    _library("dspy", "", "genai-dspy"),
    _library("smolagents", "", "genai-smolagents"),
    _library("agno", "", "genai-agno", "agno"),
    _library("haystack-ai", "haystack", "haystack"),
    _library("claude-agent-sdk"),
)
"""Those of which a span with a session was seen (docs/how-to/agent-frameworks.md) or that have an instrumentation."""

OF_THEMSELVES = frozenset(
    {"agent-framework-core", "google-adk", "pydantic-ai-slim", "semantic-kernel", "strands-agents"}
)
"""Frameworks that make spans without another package."""

_CLIENTS_OF_THEMSELVES = {"anthropic": ("anthropic>=2.14", "ANTHROPIC_OPEN_TELEMETRY")}
"""Clients that make spans without another package, since when (seen with 2.14.0), and the variable that tells them not to."""

_WITH_OWN = frozenset(
    {"agentops", "braintrust", "ddtrace", "langfuse", "langsmith", "lmnr", "logfire", "mlflow", "openlit", "opik"}
    | {"sentry-sdk", "traceloop-sdk", "weave"}
)
"""Tools that instrument libraries by themselves."""

_CLIENTS = frozenset({"anthropic", "cohere", "google-genai", "groq", "litellm", "mistralai", "openai"})
"""Those that frameworks call; all others are such."""
NAMES = frozenset({library.name for library in LIBRARIES} | OF_THEMSELVES)


def uninstrumented(installed: Installed, variables: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield, once for all of them, which libraries are called by nothing that makes spans of it."""
    found = [
        library
        for library in LIBRARIES
        if library.name in installed
        and not library.instrumentations & installed.keys()
        and not _makes_spans_itself(library.name, installed, variables or {})
        and not _is_below_another(library.name, installed)
    ]
    if found and not _WITH_OWN & installed.keys():
        names = ", ".join(library.name for library in found)
        yield Finding(
            code="instrumentation-missing",
            level="hint",
            what=f"Nothing is installed that makes spans of the calls of {names}.",
            where=names,
            why="A session is on spans; without one for a call its tokens and its cost belong to no session.",
            remedy=f"pip install {' '.join(library.openinference for library in found)}",
        )


def _makes_spans_itself(name: str, installed: Installed, variables: Mapping[str, str]) -> bool:
    requirement, variable = _CLIENTS_OF_THEMSELVES.get(name, ("", ""))
    is_on = variables.get(variable, "").strip().lower() in {"", "true"}
    return bool(requirement) and is_on and satisfies(installed, requirement)


def _is_below_another(name: str, installed: Installed) -> bool:
    """Tell whether a library is there for another one, or a client for what belongs to a framework, as langchain-openai."""
    above = [package for package in installed.values() if name in needs(package)]
    if any(package.name in NAMES for package in above):
        return True
    return name in _CLIENTS and any(needs(package) & (NAMES - _CLIENTS) for package in above)


def twice(installed: Installed) -> Iterator[Finding]:
    """Yield which libraries are instrumented by two packages."""
    for library in LIBRARIES:
        there = sorted(library.instrumentations & installed.keys())
        if library.name in installed and len(there) > 1:
            yield Finding(
                code="instrumented-twice",
                level="hint",
                what=f"{' and '.join(there)} both make spans of the calls of {library.name}.",
                where=", ".join(there),
                why="Under opentelemetry-instrument both are switched on, so that each call, its tokens and its cost are "
                "in the session twice.",
                remedy=f"pip uninstall -y {there[-1]}",
            )
