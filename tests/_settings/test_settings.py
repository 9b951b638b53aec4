"""Settings: arguments beat the environment, and what can't be used closes and says so, without showing an id or a key."""

from __future__ import annotations

import logging
import os
from hashlib import sha256
from uuid import UUID

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions._settings.destinations import ALL, NONE, PRIVATE, Destinations
from otel_sessions._settings.settings import Settings, hides_inputs
from otel_sessions._settings.table import SETTINGS
from otel_sessions.cli import main
from otel_sessions.sdk import instrument

VARIABLES = [setting.variable for setting in SETTINGS]
SECRET = "an-id-or-a-key-that-is-long"  # noqa: S105  # none


def variable_of(name):
    (variable,) = (setting.variable for setting in SETTINGS if setting.name == name)
    return variable


def resolved(monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(variable_of(name), value)
    return Settings.resolved()


def test_there_is_a_variable_for_each_setting_and_its_default_is_the_first_of_the_contract():
    assert VARIABLES == [
        "OTEL_SESSION_DIALECTS",
        "OTEL_SESSION_ALIASES",
        "OTEL_SESSION_PROPAGATE_TO",
        "OTEL_SESSION_TRUST_INCOMING",
        "OTEL_SESSION_INCOMING_HEADERS",
        "OTEL_SESSION_USER_PRIVACY",
        "OTEL_SESSION_USER_HASH_KEY",
        "OTEL_SESSION_METADATA_ON_WIRE",
        "OTEL_SESSION_CONFLICT",
        "OTEL_SESSION_LOGS",
        "OTEL_SESSION_EVENTS",
        "OTEL_SESSION_ID",
        "OTEL_SESSION_USER_ID",
        "OTEL_SESSION_PROVIDER_IDS",
        "OTEL_SESSION_FLUSH",
        "OTEL_SESSION_DISABLED",
    ]
    assert Settings.resolved() == Settings(
        dialects=(),
        aliases=(),
        propagate_to=PRIVATE,
        trust_incoming=True,
        incoming_headers=(),
        user_privacy="plain",
        user_hash_key=None,
        metadata_on_wire=(),
        conflict="scope",
        logs="true",
        events=False,
        session_id=None,
        user_id=None,
        provider_ids=("user",),
        flush=0,
        disabled=False,
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("dialects", " Langfuse, genai,langfuse", ("langfuse", "genai")),
        ("aliases", "my.key=session.id, other = session.metadata.tenant", (
            ("my.key", "session.id"),
            ("other", "session.metadata.tenant"),
        )),
        ("propagate_to", "all", ALL),
        ("propagate_to", "NONE", NONE),
        ("propagate_to", "private,*.corp.example", Destinations.parsed(["private", "*.corp.example"])),
        ("trust_incoming", "FALSE", False),
        ("incoming_headers", "session.id=X-Session-Id,user.id=x-user", (
            ("session.id", "x-session-id"),
            ("user.id", "x-user"),
        )),
        ("incoming_headers", "session.id=x-a,user.id=x-u, session.id = X-B,session.id=x-A", (
            ("session.id", "x-a"),
            ("user.id", "x-u"),
            ("session.id", "x-b"),
        )),
        ("aliases", "my.key=user.id,my.key=session.id", (("my.key", "session.id"),)),
        ("user_privacy", "drop", "drop"),
        ("user_hash_key", " k ", " k "),
        ("metadata_on_wire", "tenant,session.tags", ("tenant", "session.tags")),
        ("conflict", "Span", "span"),
        ("logs", "sampled", "sampled"),
        ("events", "true", True),
        ("session_id", " Auto ", "auto"),
        ("session_id", " Environ ", "environ"),
        ("session_id", " nightly-7 ", "nightly-7"),
        ("user_id", " ada ", "ada"),
        ("user_id", "auto", "auto"),
        ("provider_ids", "User", ("user",)),
        ("provider_ids", "session, user", ("user", "session")),
        ("provider_ids", "session", ("session",)),
        ("provider_ids", "none", ()),
        ("flush", " 250 ", 250),
        ("flush", "0", 0),
        ("flush", "60000", 60_000),
        ("disabled", "true", True),
        ("disabled", "1", True),
        ("logs", "off", "false"),
        ("trust_incoming", "no", False),
    ],
)  # fmt: skip
def test_a_variable_says_what_holds(monkeypatch, warnings, name, text, expected):
    assert getattr(resolved(monkeypatch, **{name: text}), name) == expected
    assert warnings() == []


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_none(monkeypatch, warnings, name, text):
    assert resolved(monkeypatch, **{name: text}) == Settings()
    assert warnings() == []


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("dialects", ["langfuse"], ("langfuse",)),
        ("dialects", (), ()),
        ("aliases", {"my.key": "session.id"}, (("my.key", "session.id"),)),
        ("propagate_to", ["private", "10.1.2.3"], Destinations.parsed(["private", "10.1.2.3"])),
        ("propagate_to", [], NONE),
        ("propagate_to", ALL, ALL),
        ("trust_incoming", False, False),
        ("incoming_headers", {"session.id": "X-S"}, (("session.id", "x-s"),)),
        *(
            ("incoming_headers", several, (("session.id", "x-a"), ("session.id", "x-b"), ("user.id", "x-u")))
            for several in (
                {"session.id": ["X-A", "x-b"], "user.id": "x-u"},
                {"session.id": ("x-a", "x-b", "x-a"), "user.id": ["x-u"]},
                {"session.id": "x-a, x-b", "user.id": "x-u"},
                ["session.id=x-a", "session.id=x-b", "user.id=x-u"],
                [("session.id", "x-a"), ("session.id", "x-b"), ("user.id", "x-u")],
                [{"session.id": "x-a"}, {"session.id": "x-b"}, {"user.id": "x-u"}],
            )
        ),
        ("user_hash_key", b"bytes", "bytes"),
        ("logs", False, "false"),
        ("events", True, True),
        ("session_id", 7, "7"),
        ("session_id", UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("user_id", 7, "7"),
        ("user_id", UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("provider_ids", ["session"], ("session",)),
        ("provider_ids", [], ()),
        ("flush", 0, 0),
        ("flush", 60_000, 60_000),
        ("disabled", "true", True),
    ],
)  # fmt: skip
def test_an_argument_may_be_what_python_has_for_it(warnings, name, argument, expected):
    assert getattr(Settings.resolved(**{name: argument}), name) == expected
    assert warnings() == []


def test_an_argument_beats_the_environment(monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_PROPAGATE_TO", "all")
    monkeypatch.setenv("OTEL_SESSION_DIALECTS", "langfuse")
    settings = Settings.resolved(propagate_to="none")
    assert (settings.propagate_to, settings.dialects) == (NONE, ("langfuse",))


@pytest.mark.parametrize(
    ("name", "text", "closed", "allowed"),
    [
        ("user_privacy", SECRET, "drop", "plain, hash, drop"),
        ("trust_incoming", "perhaps", False, "false, true"),
        ("propagate_to", "https://api.corp.example/v1", NONE, "private, all, none"),
        ("propagate_to", "none,private", NONE, "private, all, none"),
        ("dialects", "phoenix", (), "langfuse"),
        ("aliases", "my.key", (), "my.key=session.id"),
        ("aliases", "my.key=my.other", (), "my.key=session.id"),
        ("incoming_headers", f"session.id={SECRET} {SECRET}", (), "session.id=x-session-id"),
        ("incoming_headers", "traceparent=x-trace", (), "session.id=x-session-id"),
        ("incoming_headers", "session.id=x-a;x-b", (), "session.id=x-session-id"),
        ("logs", "some", "true", "true, false, sampled"),
        ("events", "sometimes", False, "false, true"),
        ("provider_ids", f"user,{SECRET}", (), "user, session, framework, none"),
        ("provider_ids", "user,none", (), "user, session, framework, none"),
        ("flush", "60001", 0, "from 0 to 60000"),
        ("flush", "-1", 0, "from 0 to 60000"),
        ("flush", "1.5", 0, "from 0 to 60000"),
        ("flush", "soon", 0, "from 0 to 60000"),
        ("disabled", "ture", False, "false, true"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_closes_and_names_the_variable_and_what_is_allowed(  # noqa: PLR0913, PLR0917
    monkeypatch, warnings, name, text, closed, allowed
):
    for _ in range(2):
        assert getattr(resolved(monkeypatch, **{name: text}), name) == closed
    (message,) = warnings()
    assert variable_of(name) in message
    assert allowed in message
    assert SECRET not in message


def test_of_a_list_what_is_good_stays(monkeypatch, warnings):
    settings = resolved(monkeypatch, dialects="langfuse,nobody,genai", aliases="a=session.id,b=c,d=user.id")
    assert settings.dialects == ("langfuse", "genai")
    assert settings.aliases == (("a", "session.id"), ("d", "user.id"))
    assert len(warnings()) == 2


def test_the_variable_of_the_session_id_is_found_by_the_name_of_the_argument(monkeypatch, warnings):
    monkeypatch.setenv("OTEL_SESSION_SESSION_ID", "auto")
    instrument(TracerProvider(shutdown_on_exit=False))
    (message,) = warnings()
    assert message.endswith("OTEL_SESSION_SESSION_ID: there is no such setting; did you mean OTEL_SESSION_ID?")


def test_hash_without_a_key_is_drop(monkeypatch, warnings):
    assert resolved(monkeypatch, user_privacy="hash").user_privacy == "drop"
    (message,) = warnings()
    assert "OTEL_SESSION_USER_HASH_KEY" in message


def test_a_key_that_can_be_tried_out_is_used_with_a_warning(monkeypatch, warnings):
    assert resolved(monkeypatch, user_privacy="hash", user_hash_key="short").user_hash_key == "short"
    (message,) = warnings()
    assert "OTEL_SESSION_USER_HASH_KEY: it is shorter than 16 characters" in message
    assert resolved(monkeypatch, user_privacy="hash", user_hash_key="0123456789abcdef").user_privacy == "hash"
    assert len(warnings()) == 1


def test_a_slip_of_the_pen_is_said_once_when_the_plug_in_is_installed(monkeypatch, warnings):
    monkeypatch.setenv("OTEL_SESSION_PROPOGATE_TO", "none")
    monkeypatch.setenv("OTEL_SESSIONS_USER_ID", "drop")
    monkeypatch.setenv("OTEL_SESSION_XYZ", "1")
    monkeypatch.setenv("OTEL_SESSIONS_DEMO_MODEL", "m")
    for _ in range(2):
        instrument(TracerProvider(shutdown_on_exit=False))
    assert warnings() == [
        "otel_sessions: OTEL_SESSIONS_USER_ID: there is no such setting; did you mean OTEL_SESSION_USER_ID?",
        "otel_sessions: OTEL_SESSION_PROPOGATE_TO: there is no such setting; did you mean OTEL_SESSION_PROPAGATE_TO?",
        "otel_sessions: OTEL_SESSION_XYZ: there is no such setting",
    ]


@pytest.mark.parametrize("session_id", ["Sitzung-7-ü" * 2, "s" * 201])
def test_an_id_for_the_process_that_does_not_fit_becomes_its_digest(monkeypatch, warnings, session_id):
    expected = "sha256-" + sha256(session_id.encode()).hexdigest()
    assert resolved(monkeypatch, session_id=session_id).session_id == expected
    (message,) = warnings()
    assert "OTEL_SESSION_ID: it is not 1 to 200 characters of printable ASCII" in message
    assert session_id not in message


@pytest.mark.parametrize("session_id", [True, 1.5, b"x", ["a"]])
def test_what_is_no_id_is_none_for_the_process(warnings, session_id):
    assert Settings.resolved(session_id=session_id).session_id is None
    (message,) = warnings()
    assert (
        "session_id: expected auto, environ, or an id: a str, an int or a uuid.UUID, so it is taken as '' (" in message
    )


@pytest.mark.warned_of("left out", "taken as")
@pytest.mark.parametrize("argument", [5, object(), b"x", [1], {"a": 1}, {1: "a"}, float("nan")])
@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
def test_no_argument_of_any_type_raises(name, argument):
    assert isinstance(Settings.resolved(**{name: argument}), Settings)


def test_an_argument_whose_own_code_raises_closes(warnings):
    class Hosts:
        def __iter__(self):
            raise ZeroDivisionError

    assert Settings.resolved(propagate_to=Hosts()).propagate_to == NONE
    (message,) = warnings()
    assert "propagate_to: reading it raised ZeroDivisionError, so it is taken as 'none' (" in message


@pytest.mark.warned_of
@given(st.sampled_from([setting.name for setting in SETTINGS]), st.text(max_size=40))
def test_no_text_raises_and_none_opens(name, text):
    value = getattr(Settings.resolved(**{name: text}), name)
    if name == "propagate_to" and text.strip():
        assert (value == ALL) == ("all" in [part.strip().lower() for part in text.split(",")])
    if name == "trust_incoming" and text.strip():
        assert value == (text.strip().lower() in {"true", "1", "yes", "on"})
    if name == "user_privacy" and text.strip():
        assert value == (text.strip().lower() if text.strip().lower() == "plain" else "drop")


def test_the_repr_shows_what_was_set_and_never_a_key():
    settings = Settings.resolved(user_privacy="hash", user_hash_key=SECRET, events=True, aliases="a=user.id")
    expected = "Settings(aliases='a=user.id', user_privacy='hash', user_hash_key='set, not shown', events='true')"
    assert repr(settings) == expected
    assert repr(Settings.resolved(session_id=SECRET)) == "Settings(session_id='set, not shown')"
    assert repr(Settings.resolved(user_id=SECRET)) == "Settings(user_id='set, not shown')"
    assert repr(Settings.resolved(session_id="auto", flush=9, provider_ids=())) == (
        "Settings(session_id='auto', provider_ids='none', flush='9')"
    )


# The command


@pytest.fixture
def config():
    def told(**environment):
        result = CliRunner().invoke(main, ["config"], env=dict.fromkeys(VARIABLES) | environment)
        return result.exit_code, result.output.splitlines()

    return told


def test_the_command_shows_each_setting_its_value_and_where_it_comes_from(config):
    status, lines = config(
        OTEL_SESSION_PROPAGATE_TO="private,*.corp.example",
        OTEL_SESSION_USER_PRIVACY="hash",
        OTEL_SESSION_USER_ID=f"{SECRET}-of-a-user",
        OTEL_SESSION_USER_HASH_KEY=SECRET,
    )
    assert status == 0
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert list(rows) == ["setting", *VARIABLES]
    assert rows["OTEL_SESSION_PROPAGATE_TO"] == ["private,*.corp.example", "environment"]
    assert rows["OTEL_SESSION_TRUST_INCOMING"] == ["true", "default"]
    assert rows["OTEL_SESSION_USER_HASH_KEY"] == ["set,", "not", "shown", "environment"]
    assert rows["OTEL_SESSION_USER_ID"] == ["set,", "not", "shown", "environment"]
    assert SECRET not in "\n".join(lines)


def test_the_command_shows_several_headers_of_one_field_in_their_order(config):
    headers = "session.id=x-b,session.id=x-a,user.id=x-u"
    status, lines = config(OTEL_SESSION_INCOMING_HEADERS=headers)
    assert status == 0
    assert ["OTEL_SESSION_INCOMING_HEADERS", headers, "environment"] in [line.split() for line in lines]


def test_the_command_names_what_cannot_be_used_and_fails(config, caplog):
    status, lines = config(OTEL_SESSION_TRUST_INCOMING="perhaps", OTEL_SESSION_TRUSTS="true")
    assert status == 1
    assert lines[-2:] == [
        "! OTEL_SESSION_TRUST_INCOMING: 'perhaps' is none of false, true, so it is taken as 'false'",
        "! OTEL_SESSION_TRUSTS: there is no such setting",
    ]
    assert caplog.records == []
    assert logging.getLogger("otel_sessions").propagate


def test_the_command_shows_what_opentelemetry_is_told_too(config):
    status, lines = config(
        OTEL_PROPAGATORS="tracecontext,session_baggage",
        OTEL_TRACES_SAMPLER="session_ratio",
        OTEL_TRACES_SAMPLER_ARG="0.1",
    )
    assert status == 0
    assert [line.split() for line in lines[-3:]] == [
        ["OTEL_PROPAGATORS", "tracecontext,session_baggage", "environment"],
        ["OTEL_TRACES_SAMPLER", "session_ratio", "environment"],
        ["OTEL_TRACES_SAMPLER_ARG", "0.1", "environment"],
    ]


NOT_A_RATIO = (
    "! OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, as 0.1 for 10 %; with anything else every trace is kept"
)
NO_SAMPLER = "! OTEL_TRACES_SAMPLER: it is none of always_off, always_on,"
RATIO = "parentbased_session_ratio"


@pytest.mark.parametrize(
    ("name", "argument", "said"),
    [
        pytest.param("session_ration", "0.1", NO_SAMPLER, id="typo"),
        pytest.param("Session_Ratio", "0.1", NO_SAMPLER, id="capital letters"),
        pytest.param(RATIO, "10", NOT_A_RATIO, id="over 1"),
        pytest.param(RATIO, "10%", NOT_A_RATIO, id="percent"),
        pytest.param(RATIO, "-0.1", NOT_A_RATIO, id="negative"),
        pytest.param(RATIO, "nan", NOT_A_RATIO, id="NaN"),
        pytest.param("session_ratio", "half", NOT_A_RATIO, id="word"),
        pytest.param("session_ratio", None, NOT_A_RATIO, id="ratio forgotten"),
        pytest.param("traceidratio", "10", NOT_A_RATIO, id="of the SDK"),
        pytest.param(None, "10", NOT_A_RATIO, id="for a configuration file"),
    ],
)
def test_the_command_fails_for_a_sampler_that_cannot_be(config, name, argument, said):
    status, lines = config(OTEL_TRACES_SAMPLER=name, OTEL_TRACES_SAMPLER_ARG=argument)
    assert status == 1
    assert lines[-1].startswith(said)


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("always_on", "x"),
        ("traceidratio", None),
        ("parentbased_traceidratio", "1"),
        (" session_ratio ", " 0 "),
        (None, "0.5"),
    ],
)
def test_the_command_passes_a_sampler_that_can_be(config, name, argument):
    assert config(OTEL_TRACES_SAMPLER=name, OTEL_TRACES_SAMPLER_ARG=argument)[0] == 0


def test_the_command_fails_for_what_is_hidden_by_an_unknown_word(config):
    status, lines = config(OPENINFERENCE_HIDE_OUTPUTS="yes")
    assert (status, lines[-1]) == (
        1,
        "! OPENINFERENCE_HIDE_OUTPUTS: none of true, false, so it is taken as true",
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OTEL_PROPAGATORS": "session_baggage,tracecontext,baggage"}, "baggage sends what session_baggage leaves out"),
        ({"OTEL_PROPAGATORS": "tracecontext"}, "no session goes to other services"),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis, otel_sessions"}, "nothing is stamped"),
        (
            {"OTEL_SESSION_TRUST_INCOMING": "false", "OTEL_SESSION_INCOMING_HEADERS": "session.id=x-session-id"},
            "not read where OTEL_SESSION_TRUST_INCOMING is false",
        ),
    ],
)
def test_the_command_names_what_contradicts_the_settings(config, environment, said):
    status, lines = config(**environment)
    assert status == 1
    assert said in lines[-1]


def test_settings_and_destinations_are_values():
    """What is equal is one key; nothing else is equal."""
    one, same, other = Settings(flush=9), Settings(flush=9), Settings(flush=8)
    assert {one: 1}[same] == 1
    assert (one == other, one == "Settings(flush='9')") == (False, False)
    listed = Destinations.parsed(["mcp"])
    assert {listed: 1}[Destinations.parsed("MCP")] == 1
    assert (listed == ALL, listed == "mcp") == (False, False)


@pytest.mark.parametrize("place", ["as Python keeps it", "elsewhere", "replaced"])
def test_what_hides_is_looked_up_each_time_however_python_keeps_the_environment(monkeypatch, place):
    if place == "elsewhere":
        monkeypatch.setattr("otel_sessions._settings.settings._KEYS", {})
    if place == "replaced":
        monkeypatch.setattr("os.environ", {})
    found = [hides_inputs()]
    monkeypatch.setitem(os.environ, "OPENINFERENCE_HIDE_INPUTS", "true")
    found.append(hides_inputs())
    monkeypatch.delitem(os.environ, "OPENINFERENCE_HIDE_INPUTS")
    assert [*found, hides_inputs()] == [False, True, False]
