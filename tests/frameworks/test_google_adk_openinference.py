"""Google's ADK under OpenInference."""

from __future__ import annotations

import pytest
from openinference.instrumentation.google_adk import GoogleADKInstrumentor

from google_adk_app import ADK, USER_OF_ADK


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    GoogleADKInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestADKUnderOpenInference(ADK):
    """Whose session gives way, and whose user stays."""

    scope = "openinference.instrumentation.google_adk"
    own_users = frozenset({USER_OF_ADK})
