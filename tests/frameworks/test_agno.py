"""Agno under OpenInference, which detaches what it attaches in the wrong order where a team runs."""

from __future__ import annotations

from typing import ClassVar

import pytest
from openinference.instrumentation.agno import AgnoInstrumentor

from agno_app import AgentRuns, TeamRuns


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    AgnoInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestAgent(AgentRuns):
    scope = "openinference.instrumentation.agno"


class TestTeam(TeamRuns):
    scope = "openinference.instrumentation.agno"


class TestAgentWithItsOwnSessions(TestAgent):
    """Whose ids stand on its own spans: the session is the application's all the same, and the user stays."""

    own_users = frozenset({"user-of-agno"})
    options: ClassVar = {"session_id": "agno-1", "user_id": "user-of-agno"}
