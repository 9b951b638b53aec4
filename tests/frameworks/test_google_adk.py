"""Google's ADK, which traces itself."""

from __future__ import annotations

from google_adk_app import ADK


class TestADK(ADK):
    scope = "gcp.vertex.agent"
