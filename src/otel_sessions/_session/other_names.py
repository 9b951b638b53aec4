"""Under which names other tools carry whose conversation it is: one table, asked by name. Pure.

What a backend reads on spans stands in `dialects`, and may stand in baggage too. Here stands what tools and agent
hosts put into baggage, and what they call the person behind it. A tool is one row of `_TABLE`; what has no row is known
by how it ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .dialects import DIALECTS
from .session import TAGS, WIRE_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Tool:
    """What one tool carries: a row of the table, in lower case.

    Attributes:
        name: What it is called.
        source: How the names are known: ``run``, ``code`` of the tool, or ``doc``.
        address: Where to look them up.
        names: Its names.
        prefixes: What names begin with that are all of a conversation or of a person.
    """

    name: str
    source: str
    address: str
    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


_TABLE = (
    Tool(  # and what Microsoft Agent 365 says of a user
        "OpenTelemetry",
        "doc",
        "https://opentelemetry.io/docs/specs/semconv/registry/attributes/user/",
        ("client.address",),
        ("session.", "user.", "enduser."),
    ),
    Tool(  # `propagate_attributes(as_baggage=True)`
        "Langfuse",
        "run",
        "https://langfuse.com/docs/observability/features/sessions",
        prefixes=("langfuse_",),
    ),
    Tool(  # of the hosted agents of Azure AI Foundry
        "Azure AI agent server",
        "code",
        "https://github.com/Azure/azure-sdk-for-python/tree/main/sdk/agentserver",
        prefixes=("azure.ai.agentserver.",),
    ),
    Tool(
        "Microsoft Agent 365",
        "code",
        "https://github.com/microsoft/opentelemetry-distro-python",
        ("microsoft.channel.link",),
        ("microsoft.session.", "microsoft.conversation.", "microsoft.agent.user.", "microsoft.a365.caller."),
    ),
    Tool("Sentry", "doc", "https://develop.sentry.dev/sdk/telemetry/traces/dynamic-sampling-context/", prefixes=("sentry-user",)),
)  # fmt: skip


def _of_dialects() -> Iterator[str]:
    """Return the names that backends read for what travels of a session."""
    for dialect in DIALECTS.values():
        yield from (name for name, key in dialect.names if key in {*WIRE_KEYS, TAGS})


_NAMES = frozenset(name.lower() for name in (*_of_dialects(), *(name for tool in _TABLE for name in tool.names)))
_PREFIXES = tuple(
    prefix.lower()
    for prefix in (
        *(dialect.metadata for dialect in DIALECTS.values() if dialect.metadata),
        *(prefix for tool in _TABLE for prefix in tool.prefixes),
    )
)


_IDS = re.compile(r"(?:session|conversation|thread|user)[._-]?id")
"""What applications and their frameworks call it, after whatever stands before: ``userId``, ``app.thread_id``."""
_LAST = re.compile(rf"(?:\A|[._-]){_IDS.pattern}\Z")


def is_of_session(name: str) -> bool:
    """Tell whether an entry of this ``name``, in whatever letters, is of a session or of a user: ours or another tool's."""
    lowered = name.lower()
    return lowered in _NAMES or lowered.startswith(_PREFIXES) or _LAST.search(lowered) is not None


def unknown_part(name: str) -> str:
    """Return what of a ``name`` is not in the table, and so may be anything, an id too."""
    lowered = name.lower()
    if lowered in _NAMES or _IDS.fullmatch(lowered):
        return ""
    return name[max((len(prefix) for prefix in _PREFIXES if lowered.startswith(prefix)), default=0) :]
