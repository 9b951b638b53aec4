"""The page, in Markdown. Pure but for the versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import pages
from harness.environment import here, told, versions

from ._outcome import Outcome, Verdict
from ._rows import BY_SUBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ._scenario import Scenario
    from ._tools import Tool

_PAGE = """\
# Behaviour

Where session ids get lost, mixed up or in the way, and what each tool does there. `make behaviour` runs it all and writes this
page; each cell is what was seen in a process of its own, in the attributes that an OTLP exporter encodes.

{date}, {python}, {system}. {packages}. Frameworks: {frameworks}.

✓ as the row says · ✗ not so, and what was seen instead · *limit*: not so, and the tool's documentation says so · ○ the tool has no
call for it. Where a row says nothing else, *both* ids, of the session and of the user, have to be there, or to be gone.

The rows are what this project promises, and its limits. What the other tools are for beyond sessions is not compared.

{table}

## What of each tool is used

{tools}

The OpenAI client, the frameworks, their instrumentors and a server on the loopback interface that answers like the API are
the same for all tools. No cell can reach any other network.

## What is run

{rows}
"""

_OTHER_PACKAGES = (
    "opentelemetry-sdk",
    "opentelemetry-instrumentation-threading",
    "openinference-instrumentation-openai",
    "openai",
)
_FRAMEWORKS = (
    "pydantic-ai-slim",
    "openinference-instrumentation-pydantic-ai",
    "strands-agents",
    "openai-agents",
    "openinference-instrumentation-openai-agents",
    "smolagents",
    "openinference-instrumentation-smolagents",
    "langgraph",
    "langchain-core",
    "openinference-instrumentation-langchain",
    "agno",
    "openinference-instrumentation-agno",
    "mistralai",
    "opentelemetry-instrumentation-httpx",
)


def page(outcomes: Mapping[tuple[str, str], Outcome], tools: Sequence[Tool]) -> str:
    """Return the whole page."""
    return _PAGE.format(
        **here(),
        packages=told(_packages(tools)),
        frameworks=told(_FRAMEWORKS),
        table=table(outcomes, tools),
        tools="\n".join(f"- **{tool.name}**: {tool.how}." for tool in tools),
        rows=_rows(),
    )


def seen_with(tools: Sequence[Tool]) -> Mapping[str, str]:
    """Return what the page says was run: the Python, the system, and the versions."""
    there = here()
    return {
        "python": str(there["python"]),
        "system": str(there["system"]),
        **versions([*_packages(tools), *_FRAMEWORKS]),
    }


def _packages(tools: Sequence[Tool]) -> list[str]:
    return [*(tool.package for tool in tools), *_OTHER_PACKAGES]


def table(outcomes: Mapping[tuple[str, str], Outcome], tools: Sequence[Tool]) -> str:
    """Return the table of the rows that were run, by tool."""
    lines: list[list[str]] = []
    for subject, rows in BY_SUBJECT.items():
        run = [row for row in rows if any(row.name == name for name, _ in outcomes)]
        if run:
            lines.append([f"**{subject}**", *("" for _ in tools)])
        lines += [[row.title, *_cells(row, outcomes, tools)] for row in run]
    return pages.table(["", *(tool.name for tool in tools)], lines, pages.TEXT)


def _cells(row: Scenario, outcomes: Mapping[tuple[str, str], Outcome], tools: Iterable[Tool]) -> Iterator[str]:
    for tool in tools:
        yield _cell(outcomes[row.name, tool.name], known_limit=row.name in tool.known_limits)


def _cell(outcome: Outcome, *, known_limit: bool) -> str:
    if outcome.verdict is Verdict.NOT_INSTALLED:
        return "not installed"
    if outcome.verdict is Verdict.NO_SUCH_CALL:
        return f"○ {outcome.evidence}"
    if outcome.is_pass:
        return f"✓ {outcome.evidence}"
    return f"✗ *limit*: {outcome.evidence}" if known_limit else f"✗ {outcome.evidence}"


def _rows() -> str:
    return "\n\n".join(
        "\n".join([f"**{subject}**", "", *(f"- *{row.title}*: {row.what}" for row in rows)])
        for subject, rows in BY_SUBJECT.items()
    )
