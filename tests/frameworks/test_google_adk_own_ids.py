"""Google's ADK, which traces itself, told whose turns they are by its session, and nobody else."""

from __future__ import annotations

from google_adk_app import ADK


class TestADK(ADK):
    scope = "gcp.vertex.agent"

    def ids(self, user):
        return {"user_id": user.name, "session_id": user.session}
