"""Under which names other tools carry a session or a user."""

from __future__ import annotations

import pytest

from otel_sessions._session.dialects import DIALECTS
from otel_sessions._session.other_names import is_of_session, unknown_part
from otel_sessions._session.session import TAGS, WIRE_KEYS

OF_OTHERS = [
    "gen_ai.conversation.id",
    "langfuse_session_id",
    "langfuse_user_id",
    "langfuse_tags",
    "azure.ai.agentserver.session_id",
    "azure.ai.agentserver.conversation_id",
    "azure.ai.agentserver.invocation_id",
    "microsoft.session.id",
    "microsoft.session.description",
    "microsoft.agent.user.email",
    "microsoft.a365.caller.agent.user.id",
    "user.email",
    "user.name",
    "user.full_name",
    "enduser.id",
    "client.address",
    "sentry-user_id",
    "sessionId",
    "user_id",
    "thread_id",
    "app.thread_id",
    "microsoft.gen_ai.main_agent.conversation_id",
    "anthropic.session.id",
    "traceloop.association.properties.thread_id",
    "langsmith.metadata.session_id",
]
FOREIGN = [
    "tenant",
    "users",
    "user",
    "session",
    "client.port",
    "gen_ai.agent.name",
    "azure.region",
    "userid.kind",
    "superuser_id",
    "x-session-idle",
    "microsoft.tenant.id",
]


@pytest.mark.parametrize("name", OF_OTHERS)
def test_a_name_that_another_tool_has_for_it_is_of_a_session(name):
    assert is_of_session(name)
    assert is_of_session(name.upper())


@pytest.mark.parametrize("name", [*WIRE_KEYS, TAGS, "session.metadata.tenant", "session.displaced_id"])
def test_each_of_ours_is(name):
    assert is_of_session(name)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_what_a_backend_reads_for_what_travels_is(dialect):
    assert all(is_of_session(name) for name, _ in dialect.names)
    assert is_of_session(f"{dialect.metadata}session_id")


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_of_nobody_is_not(name):
    assert not is_of_session(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gen_ai.conversation.id", ""),
        ("session.name", "name"),
        ("session.id", ""),
        ("User.Email", "Email"),
        ("x-ada", "x-ada"),
        ("userId", ""),
        ("ada.user_id", "ada.user_id"),
    ],
)
def test_what_of_a_name_is_not_known_may_be_an_id(name, expected):
    assert unknown_part(name) == expected
