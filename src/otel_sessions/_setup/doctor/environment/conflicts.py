"""What is known of packages that do not go together, or do something to sessions. One table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from otel_sessions._setup.doctor.finding import Finding

from .installed import satisfies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_sessions._setup.doctor.finding import Level

    from .installed import Installed

_TOOLS = "docs/how-to/other-tools.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One row.

    Attributes:
        code: As that of a finding.
        level: It is a hint where it only may matter.
        packages: Requirements that all have to be met by what is installed.
        seen: With which versions it was seen.
        what: What happens.
        why: Why that matters.
        remedy: What to write.
        page: Where more is said of it.
        variables: Values, in lower case, one of which a variable has to have; an empty text stands for none.
        is_of_command: It matters to how a program is started, and not to an environment alone.
    """

    code: str
    level: Level
    packages: tuple[str, ...]
    seen: str
    what: str
    why: str
    remedy: str
    page: str = ""
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_of_command: bool = False

    def holds(self, variables: Mapping[str, str], installed: Installed) -> bool:
        """Tell whether this environment is one of those that it speaks of."""
        return all(satisfies(installed, package) for package in self.packages) and all(
            variables.get(name, "").strip().lower() in values for name, values in self.variables.items()
        )


CONFLICTS = (
    Conflict(
        code="openai-v2-broken",
        level="error",
        packages=("opentelemetry-instrumentation-openai-v2", "opentelemetry-util-genai>=1.2b0"),
        seen="openai-v2 2.4b0, util-genai 1.3b0",
        what="opentelemetry-instrumentation-openai-v2 can't be imported beside this opentelemetry-util-genai.",
        why="opentelemetry-instrument leaves it out without a word, and calls of OpenAI's client have no span.",
        remedy="pip uninstall -y opentelemetry-instrumentation-openai-v2\n"
        "pip install opentelemetry-instrumentation-genai-openai",
    ),
    Conflict(
        code="openai-on-httpx2",
        level="hint",
        packages=("openai>=3", "opentelemetry-instrumentation-httpx"),
        seen="openai 3.57.0, httpx2 2.16.2",
        what="From its version 3 on, OpenAI's client calls by httpx2, which HTTPXClientInstrumentor does not see.",
        why="Its requests have no CLIENT span. opentelemetry-instrument switches on what sees them; code has to.",
        remedy="# pip install --upgrade opentelemetry-instrumentation-httpx\n"
        "from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor\n"
        "HTTPX2ClientInstrumentor().instrument()",
    ),
    *(
        Conflict(
            code="anthropic-traces-itself",
            level="hint",
            packages=("anthropic>=2.14", *others),
            seen="anthropic 2.14.0",
            what="Anthropic's client makes spans of its calls by itself, beside those of the instrumentation.",
            why="Each call is there twice, with all its tokens; under OpenInference's for LangChain in a second trace.",
            remedy="export ANTHROPIC_OPEN_TELEMETRY=false",
            page="docs/how-to/agent-frameworks.md",
            variables={"ANTHROPIC_OPEN_TELEMETRY": ("", "true")},
        )
        for others in (
            ("openinference-instrumentation-anthropic",),
            ("opentelemetry-instrumentation-genai-anthropic",),
            ("langchain-anthropic", "openinference-instrumentation-langchain"),
            ("langchain-anthropic", "opentelemetry-instrumentation-genai-langchain"),
        )
    ),
    Conflict(
        code="logfire-scrubs",
        level="hint",
        packages=("logfire",),
        seen="logfire 5.4.0",
        what="Logfire's SDK replaces session.id before it exports, unless a callback keeps it.",
        why="All conversations are one then.",
        remedy='def keep(match): return match.value if match.path[-1] in {"session.id", "user.id"} else None\n'
        "logfire.configure(scrubbing=logfire.ScrubbingOptions(callback=keep))",
        page=f"{_TOOLS}#logfire",
    ),
    Conflict(
        code="langfuse-filters",
        level="hint",
        packages=("langfuse>=4",),
        seen="langfuse 5.0.4",
        what="Langfuse's SDK exports spans about a model alone, unless it is told to export all.",
        why="Spans of your own and of web frameworks do not arrive, and what is below them comes without a parent.",
        remedy="Langfuse(should_export_span=lambda span: True)",
        page=f"{_TOOLS}#langfuse",
    ),
    *(
        Conflict(
            code="mlflow-apart",
            level="hint",
            packages=(package,),
            seen="mlflow 3.17.2",
            what="MLflow keeps the spans of mlflow.trace in a provider and in a Context of their own.",
            why="No session reaches them, and they are in no trace of others.",
            remedy="export MLFLOW_USE_DEFAULT_TRACER_PROVIDER=false",
            page=f"{_TOOLS}#mlflow",
            variables={"MLFLOW_USE_DEFAULT_TRACER_PROVIDER": ("", "true", "1")},
        )
        for package in ("mlflow-tracing", "mlflow")
    ),
    Conflict(
        code="sentry-propagates",
        level="hint",
        packages=("sentry-sdk>=2",),
        seen="sentry-sdk 2.75.0",
        what="OTLPIntegration of Sentry's SDK puts its own propagator in place of all others, unless it is told not to.",
        why="No session goes to your services then, and none of your callers' is read.",
        remedy="sentry_sdk.init(integrations=[OTLPIntegration(setup_propagator=False)])",
        page=f"{_TOOLS}#sentry",
    ),
    Conflict(
        code="datadog-context",
        level="error",
        packages=("ddtrace",),
        seen="ddtrace 4.16.0",
        what="With DD_TRACE_OTEL_ENABLED ddtrace takes the place of OpenTelemetry's Context.",
        why="A job can have the user of the job before, so no session is carried.",
        remedy="unset DD_TRACE_OTEL_ENABLED",
        page=f"{_TOOLS}#datadog",
        variables={"DD_TRACE_OTEL_ENABLED": ("true", "1")},
    ),
    Conflict(
        code="datadog-sends-on",
        level="hint",
        packages=("ddtrace",),
        seen="ddtrace 4.16.0",
        what="ddtrace sends the baggage of a service's callers to every host that the service calls.",
        why="Session and user of a request go past any guard.",
        remedy="export DD_TRACE_PROPAGATION_STYLE_INJECT=datadog,tracecontext",
        page=f"{_TOOLS}#datadog",
        variables={"DD_TRACE_PROPAGATION_STYLE_INJECT": ("",)},
    ),
    Conflict(
        code="traceloop-names",
        level="hint",
        packages=("traceloop-sdk",),
        seen="traceloop-sdk 0.62.4",
        what="Traceloop reads the session under a name of its own.",
        why="In its server spans with session.id alone are in no session.",
        remedy="export OTEL_SESSION_DIALECTS=traceloop",
        page="docs/backends/traceloop.md",
        variables={"OTEL_SESSION_DIALECTS": ("",)},
    ),
    Conflict(
        code="instrument-takes-options",
        level="hint",
        packages=("opentelemetry-instrumentation==0.66b2",),
        seen="opentelemetry-instrumentation 0.66b2",
        what="opentelemetry-instrument takes options out of the program's own arguments, and refuses one with --config.",
        why="The program does not start.",
        remedy="opentelemetry-instrument -- python app.py --config app.toml",
        is_of_command=True,
    ),
)


def conflicts_in(variables: Mapping[str, str], installed: Installed, *, runs: bool = False) -> Iterator[Finding]:
    """Yield what of the table holds here, each code once; with ``runs`` also what matters to how a program is started."""
    told = set()
    for row in CONFLICTS:
        if row.code not in told and (runs or not row.is_of_command) and row.holds(variables, installed):
            told.add(row.code)
            names = [Requirement(package).name for package in row.packages]
            where = ", ".join(f"{name} {installed[name].version}" for name in names)
            yield Finding(
                code=row.code,
                level=row.level,
                what=row.what,
                where=f"{where} (seen with {row.seen})",
                why=row.why + (f" See {row.page}." if row.page else ""),
                remedy=row.remedy,
            )
