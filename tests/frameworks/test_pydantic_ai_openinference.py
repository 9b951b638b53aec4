"""pydantic-ai under OpenInference, whose processor writes its spans anew when they end."""

from __future__ import annotations

import pytest
from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor

from pydantic_ai_app import Agents, AgentsBehindAGenerator, Events


@pytest.fixture(scope="session")
def processors():
    return [OpenInferenceSpanProcessor()]


class TestAgents(Agents):
    pass


class TestAgentsBehindAGenerator(AgentsBehindAGenerator):
    pass


class TestEvents(Events):
    pass
