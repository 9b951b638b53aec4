"""The session as headers for a gateway: by an explicit call, and never by itself."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI, OpenAI
from opentelemetry.baggage import set_baggage
from opentelemetry.context import attach, detach
from opentelemetry.trace import set_span_in_context

from otel_sessions import bind_session, clear_session, session_headers, set_session, step, update_session
from otel_sessions._session.user_ids import hashed
from otel_sessions._settings.settings import Settings, use_in_process
from otel_sessions.demo import StandIn
from otel_sessions.sdk import instrument, uninstrument

MESSAGES = [{"role": "user", "content": "What is a span?"}]
KEY = "0123456789abcdef"

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")


class Gateway(StandIn):
    """The stand-in, which notes the headers of each request that the session could be in."""

    def __init__(self):
        super().__init__(seconds_per_word=0)
        self.received = []

    async def _chat(self, request):
        self.received.append(
            {name: value for name, value in request.headers.items() if name.startswith("helicone") or name == "baggage"}
        )
        return await super()._chat(request)


@pytest.fixture
def gateway():
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def client(gateway):
    with OpenAI(base_url=gateway.base_url, api_key="none", max_retries=0) as client:
        yield client


def ask(client, **arguments):
    client.chat.completions.create(model="m", messages=MESSAGES, **arguments)


def test_a_gateway_gets_the_session_of_each_step_and_nothing_without_being_told(gateway, client):
    with set_session("course-7", user_id="ada", name="Course Creation"):
        ask(client, extra_headers=session_headers("helicone"))
        with step("outline"):
            with step("lesson-1"):
                ask(client, extra_headers=session_headers("helicone"))
            ask(client)
    ids = {
        "helicone-session-id": "course-7",
        "helicone-session-name": "Course Creation",
        "helicone-user-id": "ada",
    }
    assert gateway.received == [
        {**ids, "helicone-session-path": "/"},
        {**ids, "helicone-session-path": "/outline/lesson-1"},
        {},
    ]


def test_a_gateway_gets_it_from_async_calls_and_streams(gateway):
    async def main():
        async with AsyncOpenAI(base_url=gateway.base_url, api_key="none", max_retries=0) as client:
            with set_session("s"):
                stream = await client.chat.completions.create(
                    model="m", messages=MESSAGES, stream=True, extra_headers=session_headers("helicone")
                )
            assert [chunk async for chunk in stream]

    asyncio.run(main())
    assert gateway.received == [{"helicone-session-id": "s", "helicone-session-path": "/"}]


def test_without_a_session_there_are_no_headers(warnings):
    assert session_headers("helicone") == {}
    with set_session("s", user_id="ada"), clear_session():
        assert session_headers("helicone") == {}
    with step("outline"):
        assert session_headers("helicone") == {"Helicone-Session-Path": "/outline"}
    assert warnings() == []


def test_a_user_alone_is_a_user_alone():
    with update_session(user_id="ada"):
        assert session_headers("helicone") == {"Helicone-User-Id": "ada"}


def test_the_headers_of_a_bound_trace_are_those_of_its_session(pipeline):
    with pipeline.tracer.start_as_current_span("request"):
        bind_session("late")
        assert session_headers("helicone") == {"Helicone-Session-Id": "late", "Helicone-Session-Path": "/"}


@pytest.mark.parametrize(
    ("settings", "user"),
    [
        ({"user_privacy": "drop"}, {}),
        ({"user_privacy": "hash", "user_hash_key": KEY}, {"Helicone-User-Id": hashed("ada", KEY)}),
    ],
)
def test_a_user_is_shown_as_the_settings_say(settings, user):
    use_in_process(Settings.resolved(**settings))
    with set_session("s", user_id="ada"):
        assert session_headers("helicone") == {"Helicone-Session-Id": "s", "Helicone-Session-Path": "/"} | user


def test_settings_of_after_the_scope_hold_too():
    with set_session("s", user_id="ada"):
        use_in_process(Settings.resolved(user_privacy="drop"))
        assert "Helicone-User-Id" not in session_headers("helicone")


def test_where_the_plug_in_is_off_there_are_no_headers(pipeline):
    with set_session("s", user_id="ada"):
        instrument(pipeline.provider, disabled=True)
        assert session_headers("helicone") == {}
    with set_session("s", user_id="ada"):
        assert session_headers("helicone") == {}
    uninstrument(pipeline.provider)


def test_metadata_is_a_property_where_it_is_listed_and_can_be_a_header(warnings):
    use_in_process(Settings.resolved(metadata_on_wire="tier,a key,session.tags"))
    with set_session("s", metadata={"tier": "gold", "secret": "x", "a key": "v"}, tags=["beta"]):
        for _ in range(2):
            headers = session_headers("helicone")
    assert headers == {
        "Helicone-Session-Id": "s",
        "Helicone-Session-Path": "/",
        "Helicone-Property-tier": "gold",
    }
    (message,) = (message for message in warnings() if "session_headers" in message)
    assert "a key of the metadata can't be the name of a header" in message
    assert "a key'" not in message


@pytest.mark.parametrize("gateway", ["portkey", "", None, ["helicone"]])
def test_an_unknown_gateway_is_a_warning_that_names_the_known_ones(warnings, gateway):
    with set_session("s"):
        assert session_headers(gateway) == {}
    (message,) = warnings()
    assert "session_headers: that gateway is not known, so there are no headers; helicone is (" in message
    assert __file__ in message


def test_a_span_whose_attributes_raise_is_no_session(warnings):
    class Span:
        def __getattr__(self, name):
            raise ZeroDivisionError

    token = attach(set_span_in_context(Span()))
    assert session_headers("helicone") == {}
    detach(token)
    assert "session_headers: reading raised ZeroDivisionError" in warnings()[0]


def test_names_and_paths_of_any_script_come_as_percent_encoded_utf_8(gateway, client):
    with set_session("s", name="Kurs über 100% Öl"), step("Grüße"):
        ask(client, extra_headers=session_headers("helicone"))
    (received,) = gateway.received
    assert received["helicone-session-name"] == "Kurs %C3%BCber 100%25 %C3%96l"
    assert received["helicone-session-path"] == "/Gr%C3%BC%C3%9Fe"
    with set_session("s", name="100% of it"):
        assert session_headers("helicone")["Helicone-Session-Name"] == "100% of it"


TEXT = st.text(min_size=1).filter(str.strip)


@pytest.mark.warned_of
@given(name=TEXT, key=TEXT, value=TEXT)
def test_whatever_a_session_holds_a_client_can_send_it_and_it_says_the_same(name, key, value):
    use_in_process(Settings.resolved(metadata_on_wire=[key]))
    with set_session("s", user_id=value, name=name, metadata={key: value}) as session:
        headers = session_headers("helicone")
    assert all(text.isascii() and text.isprintable() for text in headers.values())
    sent = httpx.Request("POST", "http://127.0.0.1", headers=headers).headers["helicone-session-name"]
    assert (sent if session.name.isascii() else unquote(sent)) == session.name


def test_what_others_have_in_baggage_does_not_go_with_it():
    token = attach(set_baggage("tenant", "acme"))
    with set_session("s"):
        assert session_headers("helicone") == {"Helicone-Session-Id": "s", "Helicone-Session-Path": "/"}
    detach(token)
