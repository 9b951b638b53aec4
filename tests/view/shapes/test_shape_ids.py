"""Which session and which user a span names: every key, their order, every type of value."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otlp_shapes import facts_of, log_facts_of

from otel_sessions._session.ids import digest
from otel_sessions.view.shapes.facts import Named
from otel_sessions.view.shapes.names import SESSIONS, USERS

BROWSER = {"service.name": "shop", "telemetry.sdk.language": "webjs"}
TRACELOOP = "traceloop.association.properties."

# Written out, so that the order is one that somebody has meant.
SESSION_KEYS = [
    "session.id",
    "langfuse.session.id",
    TRACELOOP + "session_id",
    "gen_ai.conversation.id",
    "conversation.id",
    "lmnr.association.properties.session_id",
    "langsmith.metadata.session_id",
    "braintrust.metadata.session_id",
    "weave.conversation.id",
    "wandb.thread_id",
    TRACELOOP + "Helicone-Session-Id",
    "$ai_session_id",
    "honeyhive.session_id",
    "microsoft.session.id",
    TRACELOOP + "thread_id",
    "langfuse_session_id",
    "langsmith.metadata.conversation_id",
    "langsmith.metadata.thread_id",
    "ai.telemetry.metadata.sessionId",
    "ai.settings.context.sessionId",
    "mastra.metadata.sessionId",
    "mastra.metadata.threadId",
    "genkit:metadata:agent:sessionId",
    "spring.ai.chat.client.conversation.id",
    "gcp.vertex.agent.session_id",
    "az.ai.voice_agents.session.id",
    "metadata",
    "thread_id",
    "conversation_id",
    "session_id",
    "sessionId",
]
USER_KEYS = [
    "user.id",
    "langfuse.user.id",
    TRACELOOP + "user_id",
    "lmnr.association.properties.user_id",
    "langsmith.metadata.user_id",
    "braintrust.metadata.user_id",
    TRACELOOP + "Helicone-User-Id",
    "posthog.distinct_id",
    "enduser.id",
    "enduser.pseudo.id",
    "langfuse_user_id",
    "ai.telemetry.metadata.userId",
    "ai.settings.context.userId",
    "mastra.metadata.userId",
    "mastra.metadata.resourceId",
    "gen_ai.user",
    "llm.user",
    "user.hash",
    "metadata",
    "user_id",
    "userId",
]


def value_of(key: str, text: str) -> str:
    """Return what an attribute of this ``key`` holds to name ``text``, both as a session and as a user."""
    return f'{{"session_id": "{text}", "user_id": "{text}"}}' if key == "metadata" else text


def test_the_tables_have_these_keys_in_this_order():
    assert [row.key for row in SESSIONS] == SESSION_KEYS
    assert [row.key for row in USERS] == USER_KEYS


@pytest.mark.parametrize("key", SESSION_KEYS)
def test_each_key_names_the_session_of_a_span_and_of_a_resource(key):
    place, count = SESSION_KEYS.index(key), len(SESSION_KEYS)
    shown = "metadata.session_id" if key == "metadata" else key
    on_span = Named("conv-42", shown, place + 1 if place else 0)
    on_resource = Named("conv-42", shown, place + count if place else 1)
    assert facts_of({key: value_of(key, "conv-42")}).session == on_span
    assert facts_of(resource={key: value_of(key, "conv-42")}).session == on_resource


@pytest.mark.parametrize("key", USER_KEYS)
def test_each_key_names_the_user_of_a_span_and_of_a_resource(key):
    place, count = USER_KEYS.index(key), len(USER_KEYS)
    shown = "metadata.user_id" if key == "metadata" else key
    assert facts_of({key: value_of(key, "ada")}).user == Named("ada", shown, place + 1 if place else 0)
    assert facts_of(resource={key: value_of(key, "ada")}).user == Named("ada", shown, place + count if place else 1)


@pytest.mark.parametrize(("better", "worse"), [*pairwise(SESSION_KEYS)])
def test_of_two_keys_the_one_that_stands_first_counts_in_whatever_order_they_come(better, worse):
    said = {worse: value_of(worse, "other"), better: value_of(better, "conv-42")}
    assert facts_of(said).session.id == "conv-42"
    assert facts_of(dict(reversed(said.items()))).session.id == "conv-42"


def test_session_id_on_the_resource_comes_before_other_keys_on_the_span():
    assert facts_of({"gen_ai.conversation.id": "c"}, resource={"session.id": "r"}).session.id == "r"
    assert facts_of({"session.id": "s"}, resource={"session.id": "r"}).session.id == "s"
    assert facts_of({"gen_ai.conversation.id": "c"}, resource={"langfuse.session.id": "l"}).session.id == "c"
    assert facts_of({"user.id": "u"}, resource={"user.id": "r"}).user.id == "u"
    assert facts_of({"enduser.id": "u"}, resource={"user.id": "r"}).user.id == "r"


def test_a_span_without_a_key_has_what_the_resource_has_else_nothing():
    assert facts_of({"http.route": "/"}, resource={"session.id": "r", "user.id": "u"}).session.id == "r"
    assert facts_of({"http.route": "/"}).session is None
    assert facts_of({"http.route": "/"}).user is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(42, "42", id="a number"),
        pytest.param(2**63 - 1, "9223372036854775807", id="64 bits"),
        pytest.param(-(2**63), "-9223372036854775808", id="64 bits below"),
        pytest.param(0, "0", id="zero"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param(1.5, "1.5", id="a fraction"),
        pytest.param(1e300, "1e+300", id="a large fraction"),
        pytest.param(float("nan"), "NaN", id="not a number"),
        pytest.param(float("-inf"), "-Infinity", id="no end"),
        pytest.param(" conv 42 ", " conv 42 ", id="spaces stay"),
        pytest.param("Zoë 🙂", "Zoë 🙂", id="any script"),
        pytest.param("a;b=c", "a;b=c", id="what looks like properties"),
        pytest.param("conv-42;propagation=unlimited", "conv-42", id="Spring's remote fields"),
        pytest.param("conv-42;propagation%3Dunlimited", "conv-42", id="the same, encoded"),
        pytest.param("x" * 1024, "x" * 1024, id="long"),
        pytest.param("x" * 1025, digest("x" * 1025), id="longer"),
        pytest.param("x" * 10_000_000, digest("x" * 10_000_000), id="10 MB"),
    ],
)
def test_ids_come_by_their_text(value, expected):
    assert facts_of({"session.id": value}).session == Named(expected, "session.id", 0)
    assert facts_of({"user.id": value}).user == Named(expected, "user.id", 0)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("  \t\n", id="blank"),
        pytest.param(["a", "b"], id="a list"),
        pytest.param({"id": "a"}, id="a mapping"),
        pytest.param(b"conv-42", id="bytes"),
        pytest.param(None, id="nothing"),
        pytest.param("[Scrubbed due to 'session']", id="what logfire has scrubbed"),
        pytest.param(";propagation=unlimited", id="properties alone"),
    ],
)
def test_what_is_no_id_leaves_the_place_to_the_next_key(value):
    assert facts_of({"session.id": value}).session is None
    assert facts_of({"session.id": value, "gen_ai.conversation.id": "conv-42"}).session.id == "conv-42"
    assert facts_of({"user.id": value, "enduser.id": "ada"}).user.id == "ada"
    assert facts_of({"session.id": value}, resource={"session.id": "r"}).session.id == "r"
    assert facts_of(resource={"session.id": value}).session is None


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param('{"thread_id": "t", "conversation_id": "c"}', Named("c", "metadata.conversation_id", 27), id="c"),
        pytest.param('{"thread_id": 42}', Named("42", "metadata.thread_id", 27), id="a number"),
        pytest.param('{"session_id": "", "thread_id": "t"}', Named("t", "metadata.thread_id", 27), id="a blank one"),
        pytest.param('{"session_id": "\\ud800"}', Named("?", "metadata.session_id", 27), id="half a surrogate"),
        pytest.param('{"session_id": ["a"]}', None, id="a list"),
        pytest.param('["session_id"]', None, id="no object"),
        pytest.param('{"session_id": "a', None, id="cut"),
        pytest.param('{"plan": "pro"}', None, id="others"),
        pytest.param("[" * 60_000 + '"session_id"', None, id="too deep"),
        pytest.param('{"session_id": "' + "x" * 70_000 + '"}', None, id="too long"),
        pytest.param('{"session_id": ' + "9" * 5000 + "}", None, id="too many digits"),
    ],
)
def test_the_metadata_of_openinference_name_a_session(metadata, expected):
    assert facts_of({"metadata": metadata}).session == expected


@pytest.mark.parametrize("key", ["session.id", "session_id", "sessionId"])
def test_what_a_browser_calls_its_session_is_a_visit_and_comes_last(key):
    assert facts_of({key: "visit"}, resource=BROWSER).session == Named("visit", key, 63)
    assert facts_of(resource={**BROWSER, key: "visit"}).session == Named("visit", key, 63)
    assert facts_of({key: "visit", "gen_ai.conversation.id": "c"}, resource=BROWSER).session.id == "c"
    assert facts_of({key: "visit"}, resource={**BROWSER, "langfuse.session.id": "l"}).session.id == "l"


def test_an_id_of_an_application_in_a_browser_is_one():
    named = facts_of({"gen_ai.conversation.id": "c"}, resource=BROWSER).session
    assert named == Named("c", "gen_ai.conversation.id", 4)


def test_a_record_names_a_session_as_a_span_does():
    facts = log_facts_of("hello", {"session.id": 42, "enduser.id": "ada"})
    assert (facts.session, facts.user) == (Named("42", "session.id", 0), Named("ada", "enduser.id", 9))
    assert log_facts_of("hello", resource={"session.id": "r", "user.id": "u"}).session == Named("r", "session.id", 1)


def test_other_fields_of_a_session_are_read():
    facts = facts_of(
        {
            "session.name": "Trip planning",
            "session.path": "/outline",
            "session.previous_id": "conv-41",
            "session.displaced_id": 7,
        }
    )
    assert (facts.session_name, facts.path, facts.previous_id, facts.displaced_id) == (
        "Trip planning",
        "/outline",
        "conv-41",
        "7",
    )
    other = facts_of({TRACELOOP + "Helicone-Session-Name": "Trip", TRACELOOP + "Helicone-Session-Path": "/a"})
    assert (other.session_name, other.path) == ("Trip", "/a")
    assert facts_of({"session.displaced_conversation_id": "c"}).displaced_id == "c"
    assert facts_of({"session.name": "", TRACELOOP + "Helicone-Session-Name": "Trip"}).session_name == "Trip"
    assert facts_of({"session.name": 5, "session.previous_id": " "})[12:16] == ("", "", "", "")


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_number_is_an_id_by_its_digits(number):
    assert facts_of({"session.id": number}).session.id == str(number)


@given(st.floats())
def test_every_fraction_is_an_id(number):
    assert facts_of({"session.id": number}).session.id
