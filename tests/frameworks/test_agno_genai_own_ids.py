"""Agno under OpenTelemetry's own instrumentation, told whose turns they are by the arguments of its runs, and nobody else."""

from __future__ import annotations

import pytest
from opentelemetry.instrumentation.genai.agno import AgnoInstrumentor

from agno_app import AgentRuns, TeamRuns


@pytest.fixture(autouse=True, scope="module")
def _instrumented(_pipeline):
    AgnoInstrumentor().instrument(tracer_provider=_pipeline.provider)


class TestAgent(AgentRuns):
    scope = "opentelemetry.instrumentation.genai.agno"
    own_users = frozenset({None})  # it records none, and not all spans are started where agno is seen to be called

    # Its spans stay open and current then, as if it were still at work.
    test_a_stream_that_is_left_early_and_the_next_user_in_a_task = None
    test_a_stream_that_is_left_early_while_another_user_reads_theirs = None
    test_a_stream_that_is_left_early_and_dies_in_the_turn_of_the_next_user = None

    def ids(self, user):
        return {"session_id": user.session, "user_id": user.name}


class TestTeam(TeamRuns):
    scope = "opentelemetry.instrumentation.genai.agno"
    own_users = frozenset({None})  # it records none, and not all spans are started where agno is seen to be called

    # Its spans stay open and current then, as if it were still at work.
    test_a_stream_that_is_left_early_and_the_next_user_in_a_task = None
    test_a_stream_that_is_left_early_while_another_user_reads_theirs = None
    test_a_stream_that_is_left_early_and_dies_in_the_turn_of_the_next_user = None

    def ids(self, user):
        return {"session_id": user.session, "user_id": user.name}
