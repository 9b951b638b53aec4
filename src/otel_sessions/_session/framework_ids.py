"""Ids that agent frameworks and their hosts carry: one table of where each can be seen, and what it is worth. Pure.

A framework is a row of `TABLE`; what was read in its source, or run, stands there with the version. An id that was
made up for one run is no session. One that was made up and is kept over the turns is: whoever goes on with the
conversation has it again, and nobody can tell its first turn from one whose id was given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import ids, paths
from .session import SESSION_ID, USER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Way = tuple[str, ...]

GIVEN = "given"
KEPT = "kept"
"""Given, or made up and the same over the turns of a conversation."""
MADE_UP = "made up"
"""Made up for one run: no session, and not read."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """One framework, or host, as one instrumentation shows it: a row of the table.

    Attributes:
        name: What people call it, and what records its spans.
        version: In which that was seen.
        source: How it is known: ``run``, or ``code`` of the framework.
        worth: What the id is: `GIVEN`, `KEPT` or `MADE_UP`.
        session: Names under which a span shows the session, best first.
        user: The same of the user.
        baggage: Entries of baggage that hold the session, best first.
        modules: Those, all of them imported, whose functions are called with an id that is seen nowhere else.
        session_of_call: Where the session is among their local names, best first: a name, and keys or attributes.
        user_of_call: The same of the user.
        elsewhere: Where else an id is, for people.
    """

    name: str
    version: str
    source: str
    worth: str
    session: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    baggage: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    session_of_call: tuple[Way, ...] = ()
    user_of_call: tuple[Way, ...] = ()
    elsewhere: str = ""


_CONVERSATION = "gen_ai.conversation.id"
_TRACELOOP = "traceloop.association.properties."

# LangChain's metadata of a run, in the order of OpenInference, so that all of a trace agrees.
_RUN_SESSIONS = ("session_id", "conversation_id", "thread_id")
_RUN_USER = "user_id"
_CONFIGURED = tuple(("config", where, key) for where in ("metadata", "configurable") for key in _RUN_SESSIONS)
_CONFIGURED_USERS = tuple(("config", where, _RUN_USER) for where in ("metadata", "configurable"))

TABLE = (
    Carrier(
        "Foundry hosting",
        "azure-ai-agentserver-core 2.2.0",
        "code",
        KEPT,
        session=("microsoft.session.id",),
        baggage=("azure.ai.agentserver.conversation_id", "azure.ai.agentserver.session_id"),
        elsewhere="session and user of azure.ai.agentserver.core.get_request_context()",
    ),
    Carrier("Agent 365", "microsoft-opentelemetry 1.5.0", "code", GIVEN, baggage=("microsoft.session.id",)),
    Carrier(
        "pydantic-ai",
        "pydantic-ai-slim 2.68.0",
        "run",
        KEPT,
        session=(_CONVERSATION,),
        baggage=(_CONVERSATION,),
    ),
    Carrier(
        "Google ADK",
        "google-adk 2.13.0",
        "run",
        KEPT,
        session=(_CONVERSATION,),
        modules=("google.adk.runners",),
        session_of_call=(("session_id",),),
        user_of_call=(("user_id",),),
    ),
    Carrier(
        "Google ADK, OpenInference",
        "openinference-instrumentation-google-adk 1.0.5",
        "code",
        KEPT,
        session=(SESSION_ID,),
        user=(USER_ID,),
    ),
    Carrier(
        "LangChain",
        "langchain-core 1.8.3",
        "run",
        GIVEN,
        modules=("langchain_core.language_models", "langchain_core.runnables"),
        session_of_call=_CONFIGURED,
        user_of_call=_CONFIGURED_USERS,
        elsewhere="the configuration of the run: langchain_core.runnables.config.var_child_runnable_config",
    ),
    Carrier(
        "LangGraph",
        "langgraph 1.2.24",
        "run",
        GIVEN,
        modules=("langgraph.pregel",),
        session_of_call=_CONFIGURED,
        user_of_call=_CONFIGURED_USERS,
        elsewhere="the configuration of the run, as of LangChain",
    ),
    Carrier(
        "LangGraph and LangChain, OpenInference",
        "openinference-instrumentation-langchain 0.1.80",
        "run",
        GIVEN,
        session=(SESSION_ID,),
    ),
    Carrier(
        "LangGraph and LangChain, Traceloop",
        "opentelemetry-instrumentation-langchain 0.62.4",
        "run",
        GIVEN,
        session=(_CONVERSATION, _TRACELOOP + "session_id", _TRACELOOP + "thread_id"),
        user=(_TRACELOOP + "user_id",),
    ),
    Carrier(
        "OpenTelemetry's GenAI utilities and what is built on them",
        "opentelemetry-util-genai 1.3b0",
        "run",
        GIVEN,
        session=(_CONVERSATION,),
        elsewhere="opentelemetry.util.genai.conversation_id in the Context",
    ),
    Carrier(  # one is made up for each Agent object, and kept there
        "agno, OpenTelemetry",
        "agno 3.1.10, opentelemetry-instrumentation-genai-agno 1.3b0",
        "run",
        KEPT,
        session=(_CONVERSATION,),
        modules=("agno",),
        session_of_call=(("run_context", "session_id"),),
        user_of_call=(("run_context", "user_id"),),
    ),
    Carrier(
        "agno, OpenInference",
        "agno 3.1.10, openinference-instrumentation-agno 1.0.15",
        "run",
        KEPT,
        session=(SESSION_ID,),
        user=(USER_ID,),
    ),
    Carrier(
        "OpenAI Agents",
        "openai-agents 0.24.0",
        "run",
        GIVEN,
        modules=("agents.run", "agents.run_internal"),
        session_of_call=(("session", "session_id"), ("conversation_id",)),
        elsewhere="group_id and metadata of the trace that is current",
    ),
    Carrier(
        "Strands Agents",
        "strands-agents 1.62.0",
        "run",
        GIVEN,
        session=(SESSION_ID,),
        user=(USER_ID,),
        modules=("strands.agent.agent",),
        session_of_call=(("self", "trace_attributes", SESSION_ID), ("self", "_session_manager", "session_id")),
        user_of_call=(("self", "trace_attributes", USER_ID),),
    ),
    Carrier(
        "CrewAI, OpenInference",
        "openinference-instrumentation-crewai 1.1.21",
        "code",
        MADE_UP,
        elsewhere="kickoff_id is that of one run: not read",
    ),
    Carrier(  # of a run that is not streamed only its own function knows, which has returned by then
        "Microsoft Agent Framework",
        "agent-framework-core 1.23.0",
        "run",
        KEPT,
        session=(_CONVERSATION,),
        modules=("agent_framework.observability",),
        session_of_call=(("session", "session_id"),),
    ),
    Carrier(
        "Semantic Kernel",
        "semantic-kernel 1.45.0",
        "run",
        KEPT,
        modules=("semantic_kernel.utils.telemetry.agent_diagnostics",),
        session_of_call=(("kwargs", "thread", "id"),),
    ),
    Carrier(
        "Claude Agent SDK, OpenInference",
        "openinference-instrumentation-claude-agent-sdk 0.1.22",
        "code",
        KEPT,
        session=(SESSION_ID,),
    ),
)


def _each(field: str) -> tuple[str, ...]:
    """Return what the rows have in ``field``, each once, in their order, but for what is read as ours anyway."""
    return tuple(dict.fromkeys(key for row in TABLE for key in getattr(row, field) if key not in {SESSION_ID, USER_ID}))


_SESSIONS = _each("session")
_USERS = _each("user")
BAGGAGE = _each("baggage")
CALLS = tuple(row for row in TABLE if row.modules)
"""Frameworks whose functions are called with ids that nothing else shows."""

_METADATA = "metadata"
"""OpenInference's attribute for the metadata of a run, as JSON."""
_LONGEST = 65_536
"""Longest metadata that are read, in characters."""


def ids_in(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids, by our names, that the ``attributes`` of a span tell of its framework.

    What can't be read is passed over, and what does not fit is a digest, as anywhere.
    """
    metadata = _parsed(attributes.get(_METADATA))
    sessions = (*map(attributes.get, _SESSIONS), *map(metadata.get, _RUN_SESSIONS))
    return ids_of(sessions, (*map(attributes.get, _USERS), metadata.get(_RUN_USER)))


def ids_of_run(*mappings: object) -> dict[str, str]:
    """Return the ids that the ``mappings`` of LangChain's configuration name: its metadata, and what is configurable."""
    known = [mapping for mapping in mappings if isinstance(mapping, dict)]
    sessions = (mapping.get(key) for mapping in known for key in _RUN_SESSIONS)
    return ids_of(sessions, (mapping.get(_RUN_USER) for mapping in known))


def ids_of(sessions: Iterable[object], users: Iterable[object] = ()) -> dict[str, str]:
    """Return by our names the first of the ``sessions``, and of the ``users``, that is an id."""
    found = {key: next(filter(None, map(ids.grouping_id, values)), None) for key, values in _named(sessions, users)}
    return {key: value for key, value in found.items() if value is not None}


def _named(sessions: Iterable[object], users: Iterable[object]) -> tuple[tuple[str, Iterable[object]], ...]:
    return (SESSION_ID, sessions), (USER_ID, users)


def path_of_node(metadata: Mapping[str, object]) -> str | None:
    """Return the path of LangGraph's node that the ``metadata`` of a run name, through its subgraphs; ``None`` for none.

    The namespace of checkpoints is ``outer:<uuid>|inner:<uuid>``; the node alone is named where there is none.
    """
    namespace, node = metadata.get("langgraph_checkpoint_ns"), metadata.get("langgraph_node")
    if isinstance(namespace, str) and namespace:
        return paths.absolute("/".join(part.partition(":")[0].replace("/", " ") for part in namespace.split("|")))
    return paths.absolute(node.replace("/", " ")) if isinstance(node, str) and node else None


def _parsed(text: object) -> Mapping[str, Any]:
    """Return the metadata that were recorded as JSON, if they name an id."""
    if (
        not isinstance(text, str)
        or len(text) > _LONGEST
        or not any(f'"{key}"' in text for key in (*_RUN_SESSIONS, _RUN_USER))
    ):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # more digits than Python takes, or deeper than it goes
        return {}
    return value if isinstance(value, dict) else {}
