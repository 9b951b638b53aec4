"""What agent frameworks know of the run that goes on in this thread or task, where no span and no Context shows it.

Each is asked by what it offers itself, a context variable or what reads one, and only where the application has
imported it: nothing is imported, wrapped or installed here. What one has in another version, or another module of
that name, tells nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from otel_sessions._session.framework_ids import ids_of, ids_of_run, path_of_node
from otel_sessions._session.session import SESSION_ID

from .framework_calls import ids_of_calls

if TYPE_CHECKING:
    from collections.abc import Callable

_LANGCHAIN = "langchain_core.runnables.config"
_OPENAI_AGENTS = "agents.tracing.scope"
_FOUNDRY = "azure.ai.agentserver.core"


def ids_of_this_run() -> dict[str, str]:
    """Return the ids, by our names, of the run that goes on here: of its host, else of the framework that knows any."""
    found: dict[str, str] = {}
    for ids_of_one in _FRAMEWORKS:
        found = {**ids_of_one(), **found}
        if SESSION_ID in found:
            break
    return found


def node_of_this_run() -> str | None:
    """Return the path of LangGraph's node that runs here, ``None`` for none."""
    return path_of_node(_metadata_of(_langchain_configuration()))


def _of_foundry() -> dict[str, str]:
    get_request_context = _public(_FOUNDRY, "get_request_context")
    request = None if get_request_context is None else get_request_context()
    return ids_of([getattr(request, "session_id", None)], [getattr(request, "user_id", None)])


def _of_langchain() -> dict[str, str]:
    configuration = _langchain_configuration()
    return ids_of_run(_metadata_of(configuration), configuration.get("configurable")) if configuration else {}


def _of_openai_agents() -> dict[str, str]:
    # Not `agents.get_current_trace`, which makes a provider, with an exporter, where there is none.
    scope = _public(_OPENAI_AGENTS, "Scope")
    trace = None if scope is None else scope.get_current_trace()
    if trace is None:
        return {}
    of_metadata = ids_of_run(getattr(trace, "metadata", None))
    return {**of_metadata, **ids_of([getattr(trace, "group_id", None)])}


# The session of OpenAI Agents goes before its group, as there.
_FRAMEWORKS: tuple[Callable[[], dict[str, str]], ...] = (_of_foundry, _of_langchain, ids_of_calls, _of_openai_agents)


def _langchain_configuration() -> dict[str, Any]:
    variable = _public(_LANGCHAIN, "var_child_runnable_config")
    configuration = None if variable is None else variable.get()
    return configuration if isinstance(configuration, dict) else {}


def _metadata_of(configuration: dict[str, Any]) -> dict[str, Any]:
    metadata = configuration.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _public(module: str, name: str) -> Any:  # noqa: ANN401  # of a framework
    """Return what ``module`` offers by that ``name``, ``None`` where it is not imported."""
    return getattr(sys.modules.get(module), name, None)
