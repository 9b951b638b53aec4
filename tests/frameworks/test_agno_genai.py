"""Agno under OpenTelemetry's own instrumentation."""

from __future__ import annotations

import pytest
from opentelemetry.instrumentation.genai.agno import AgnoInstrumentor

from agno_app import AgentRuns, TeamRuns


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    AgnoInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestAgent(AgentRuns):
    scope = "opentelemetry.instrumentation.genai.agno"


class TestTeam(TeamRuns):
    scope = "opentelemetry.instrumentation.genai.agno"
