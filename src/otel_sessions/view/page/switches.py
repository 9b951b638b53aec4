"""Which switch records what was said, by the instrumentation that did not. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Switch(NamedTuple):
    """Of the scopes that begin so: who they are, and what to write."""

    scope: str
    who: str
    write: str


_GENAI = (
    "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental\n"
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY"
)

# The first one that fits counts. Each was seen to work by the recordings of tests/view/recorded, or, for what
# OpenInference hides, by the tests of `otel_sessions.turn`.
SWITCHES = (
    Switch("openinference.", "OpenInference", "OPENINFERENCE_HIDE_INPUTS=false\nOPENINFERENCE_HIDE_OUTPUTS=false"),
    Switch("opentelemetry.instrumentation.genai.", "OpenTelemetry's GenAI instrumentations", _GENAI),
    Switch("gcp.vertex.agent", "Google ADK", _GENAI),
    Switch(
        "opentelemetry.instrumentation.openai_v2",
        "opentelemetry-instrumentation-openai-v2",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
    ),
    Switch(
        "semantic_kernel.",
        "Semantic Kernel",
        "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true",
    ),
    Switch("agent_framework", "Agent Framework", "enable_instrumentation(enable_sensitive_data=True)"),
    Switch("com.anthropic.claude_code.", "Claude Code", "OTEL_LOG_USER_PROMPTS=1"),
    Switch(
        "otel_sessions",
        "otel-sessions",
        "with turn(input=question) as t:\n    t.output = answer",
    ),
)


def switches_for(scopes: Iterable[str]) -> list[Switch]:
    """Return the switches of these instrumentation scopes, each once."""
    found = (next((each for each in SWITCHES if scope.startswith(each.scope)), None) for scope in scopes)
    return list(dict.fromkeys(each for each in found if each is not None))
