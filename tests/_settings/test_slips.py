"""Values that are right by their form, and hardly meant: each is said, or put right where it can mean one thing only."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions._settings.destinations import Destinations
from otel_sessions._settings.settings import Settings
from otel_sessions._settings.table import PREFIX
from otel_sessions.sdk import instrument


@pytest.fixture
def resolved(monkeypatch):
    """Return what reads a setting from its variable."""

    def read(name, text):
        monkeypatch.setenv(PREFIX + name.removeprefix("session_").upper(), text)
        return getattr(Settings.resolved(), name)

    return read


@pytest.mark.parametrize("text", ["environment", "Env", "envrion", "enviro", "environs"])
def test_a_session_that_was_to_be_that_of_the_environment_is_none_of_that_name(resolved, warnings, text):
    assert resolved("session_id", text) is None
    (said,) = warnings()
    assert "OTEL_SESSION_ID: expected auto, environ, or an id; environ may be meant, so it is taken as ''" in said


@pytest.mark.parametrize("text", ["automatic", "atuo", "uuid"])
def test_a_session_that_was_to_be_made_is_none_of_that_name(resolved, warnings, text):
    assert resolved("session_id", text) is None
    assert "auto may be meant" in warnings()[0]


@pytest.mark.parametrize("name", ["session_id", "user_id"])
@pytest.mark.parametrize("text", ["true", "None", "off", "undefined"])
def test_what_says_yes_or_no_is_no_id(resolved, warnings, name, text):
    assert resolved(name, text) is None
    assert "it says yes or no, or nothing, and is no id" in warnings()[0]


@pytest.mark.parametrize("name", ["session_id", "user_id"])
@pytest.mark.parametrize(
    "text", ["$SESSION", "${SESSION:-x}", "$(SESSION)", "%SESSION%", "{{ id }}", "{id}", "<your id>"]
)
def test_what_was_not_filled_in_is_no_id_and_is_not_shown(resolved, warnings, name, text):
    assert resolved(name, text) is None
    (said,) = warnings()
    assert "it is the name of something that was not filled in" in said
    assert text not in said


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("session_id", '"nightly-7"', "nightly-7"),
        ("session_id", "'environ'", "environ"),
        ("session_id", '"Auto"', "auto"),
        ("user_id", '" ada "', "ada"),
    ],
)
def test_quotes_that_a_file_of_variables_has_left_are_no_part_of_an_id(resolved, warnings, name, text, meant):
    assert resolved(name, text) == meant
    (said,) = warnings()
    assert "there are quotes around it, which are left out" in said
    assert "nightly" not in said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("session_id", "author"),
        ("session_id", "nightly-7"),
        ("session_id", '"a'),
        ("session_id", "a$b"),
        ("session_id", "50%"),
        ("session_id", "environ2"),
        ("session_id", "<20261201.7@mail.example>"),
        ("user_id", "Harsh"),
        ("user_id", "environment"),
        ("user_id", "hashimoto"),
    ],
)
def test_an_id_that_is_like_a_word_is_an_id(resolved, warnings, name, text):
    assert resolved(name, text) == text
    assert warnings() == []


@pytest.mark.parametrize(
    ("text", "mode"), [("hashed", "hash"), ("Dropped", "drop"), ("dropping", "drop"), ("plaintext", "plain")]
)
def test_a_mode_in_another_form_is_no_user_either(resolved, warnings, text, mode):
    assert resolved("user_id", text) is None
    (said,) = warnings()
    assert f"{mode!r} is a mode and not a user" in said
    assert Settings.resolved().user_privacy == "drop"


@pytest.mark.parametrize("text", ["true", "any", "everywhere", "off", "nobody"])
def test_a_word_that_is_no_destination_is_a_host_and_said_to_be_one(resolved, warnings, text):
    assert resolved("propagate_to", text) == Destinations((text,))
    (said,) = warnings()
    assert f"OTEL_SESSION_PROPAGATE_TO: {text!r} is taken as a host of that name" in said
    assert "private, all, none?" in said


@pytest.mark.parametrize("text", ["privat", "*.corp.example,privates", "prviate"])
def test_a_slip_of_private_is_said(resolved, warnings, text):
    assert not resolved("propagate_to", text).allows("127.0.0.1")
    assert "is taken as a host of that name; did you mean private?" in warnings()[0]


@pytest.mark.parametrize(
    "text", ["private,mcp", "all", "none", "orders,rag", "pirate", "private2", "privatebank.example"]
)
def test_what_may_well_be_a_host_is_one(resolved, warnings, text):
    resolved("propagate_to", text)
    assert warnings() == []


def test_a_key_of_metadata_may_be_written_as_it_is_on_a_span(resolved, warnings):
    assert resolved("metadata_on_wire", "session.metadata.tenant,plan,tenant,session.tags") == (
        *("tenant", "plan", "session.tags"),
    )
    assert warnings() == []


@pytest.mark.parametrize("text", ["*", "all", "session.name", "user.id", "tenant;plan", "session.metadata.", "true"])
def test_what_is_no_key_of_metadata_is_left_out_and_said_so(resolved, warnings, text):
    assert resolved("metadata_on_wire", f"plan,{text}") == ("plan",)
    (said,) = warnings()
    assert "OTEL_SESSION_METADATA_ON_WIRE: item 2 is left out; write keys of metadata" in said
    assert "session.tags for tags" in said


def test_tags_by_their_short_name_are_metadata_of_that_key_and_said_to_be(resolved, warnings):
    assert resolved("metadata_on_wire", "tags") == ("tags",)
    assert "item 1 is taken as metadata of that key; write keys of metadata" in warnings()[0]


def test_a_key_of_metadata_that_is_like_another_word_may_be_written_in_full(resolved, warnings):
    assert resolved("metadata_on_wire", "session.metadata.tags,session.metadata.all") == ("tags", "all")
    assert warnings() == []


def test_the_key_of_tags_is_no_key_of_metadata(resolved, warnings):
    assert resolved("metadata_on_wire", "session.metadata.session.tags") == ()
    assert "item 1 is left out" in warnings()[0]


def test_a_header_may_be_written_as_wsgi_has_it(resolved, warnings):
    assert resolved("incoming_headers", "session.id=HTTP_X_SESSION_ID,user.id=http_user") == (
        ("session.id", "x-session-id"),
        ("user.id", "http_user"),
    )
    assert warnings() == []


def test_two_headers_in_one_are_left_out_and_said_so(resolved, warnings):
    assert resolved("incoming_headers", "session.id=x-a|x-b") == ()
    assert "item 1 is left out; write it as session.id=x-session-id" in warnings()[0]


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("otel_session_dialects", "OTEL_SESSION_DIALECTS"),
        ("Otel_Session_Id", "OTEL_SESSION_ID"),
        ("OTEL_SESION_ID", "OTEL_SESSION_ID"),
        ("OTELSESSION_PROPAGATE_TO", "OTEL_SESSION_PROPAGATE_TO"),
        ("OTEL_SESSIONID", "OTEL_SESSION_ID"),
        ("OTEL_TRACE_SAMPLER", "OTEL_TRACES_SAMPLER"),
        ("OTEL_TRACES_SAMPLER_ARGS", "OTEL_TRACES_SAMPLER_ARG"),
        ("OTEL_PROPAGATOR", "OTEL_PROPAGATORS"),
    ],
)
def test_a_variable_whose_name_begins_otherwise_is_told_the_name_too(monkeypatch, warnings, slip, meant):
    monkeypatch.setenv(slip, "x")
    instrument(TracerProvider(shutdown_on_exit=False))
    assert warnings() == [f"otel_sessions: {slip}: there is no such setting; did you mean {meant}?"]


@pytest.mark.parametrize(
    "name", ["OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "OTEL_TRACES_EXPORTER", "OTEL_SEMCONV_STABILITY_OPT_IN"]
)
def test_a_variable_of_opentelemetry_is_no_slip(monkeypatch, warnings, name):
    monkeypatch.setenv(name, "x")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    instrument(TracerProvider(shutdown_on_exit=False))
    assert warnings() == []


@pytest.mark.parametrize("written", ["authorization", "Proxy-Authorization", "cookie", "HTTP_COOKIE", "Set-Cookie"])
def test_a_header_that_holds_a_secret_is_no_id(resolved, warnings, written):
    assert resolved("incoming_headers", f"session.id={written},user.id=x-user-id") == (("user.id", "x-user-id"),)
    assert "holds a secret, which would be on every span, so it is left out" in warnings()[0]


@pytest.mark.parametrize("written", ["baggage", "Traceparent", "tracestate"])
def test_a_header_of_w3c_is_no_id(resolved, warnings, written):
    assert resolved("incoming_headers", f"session.id={written}") == ()
    assert f"{written.lower()} is no id, and is read anyway, so it is left out" in warnings()[0]
