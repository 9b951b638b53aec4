"""pydantic-ai, which traces itself, told whose turns they are by the conversation, and nobody else."""

from __future__ import annotations

from pydantic_ai_app import Agents, Events


class TestAgents(Agents):
    own_users = frozenset({None})

    def ids(self, user):
        return {"conversation_id": user.session}


class TestEvents(Events):
    own_users = frozenset({None})

    def ids(self, user):
        return {"conversation_id": user.session}
