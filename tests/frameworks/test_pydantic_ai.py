"""pydantic-ai, which traces itself."""

from __future__ import annotations

from pydantic_ai_app import Agents, AgentsBehindAGenerator, Events


class TestAgents(Agents):
    pass


class TestAgentsBehindAGenerator(AgentsBehindAGenerator):
    pass


class TestEvents(Events):
    pass
