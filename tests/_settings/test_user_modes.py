"""A mode where the user of the process stands: that was once the place of it, so it closes and says where it belongs."""

from __future__ import annotations

import itertools

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import get_session, set_session, to_carrier
from otel_sessions._session.user_ids import MODES, hashed
from otel_sessions._settings.settings import Settings, in_process
from otel_sessions.cli import main
from otel_sessions.sdk import SessionLogRecordProcessor, SessionSpanProcessor, instrument, uninstrument

KEY = "key-of-sixteen-c"
USER, PRIVACY = "OTEL_SESSION_USER_ID", "OTEL_SESSION_USER_PRIVACY"
SHOWN = {"plain": "ada", "hash": hashed("ada", KEY), "drop": None}


@pytest.fixture
def told(make_pipeline, monkeypatch):
    """Return a function that instruments a pipeline, and tells the user of a job and of a chat of ada on real spans."""
    monkeypatch.setenv("OTEL_SESSION_USER_HASH_KEY", KEY)

    def by(environment, **arguments):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        pipeline = make_pipeline()
        instrument(pipeline.provider, **arguments)
        pipeline.tracer.start_span("job").end()
        with set_session("conv-42", user_id="ada"):
            pipeline.tracer.start_span("chat").end()
            sent = to_carrier()["baggage"]
        users = [pipeline.attributes(name).get("user.id") for name in ("job", "chat")]
        assert (f"user.id={users[1]}" in sent) == (users[1] is not None)
        uninstrument(pipeline.provider)
        return users

    return by


@pytest.mark.parametrize(
    "word", ["plain", "hash", "drop", "Hash", " DROP ", "\tPlain\n", '"hash"', "'Drop'", "hash;", "\ufeffdrop"]
)
@pytest.mark.parametrize("place", ["variable", "argument"])
def test_alone_it_closes_and_names_where_it_belongs(told, warnings, word, place):
    users = told({USER: word}) if place == "variable" else told({}, user_id=word)
    assert users == [None, None]
    (message,) = warnings()
    mode = word.strip("\t\n \"';\ufeff").lower()
    name = f"{USER}: " if place == "variable" else "user_id: "
    assert f"{name}'{mode}' is a mode and not a user" in message
    assert f"{PRIVACY}, or user_privacy=, and that does not say '{mode}'" in message
    assert "so it is taken as 'drop': no user is shown" in message


@pytest.mark.parametrize(("word", "privacy"), list(itertools.product(MODES, MODES)))
@pytest.mark.parametrize("word_is_argument", [False, True], ids=["word in environment", "word as argument"])
@pytest.mark.parametrize("privacy_is_argument", [False, True], ids=["privacy in environment", "privacy as argument"])
def test_beside_the_same_mode_by_its_name_it_is_accepted_and_sets_no_user_and_beside_another_it_closes(  # noqa: PLR0913, PLR0917
    told, caplog, word, privacy, word_is_argument, privacy_is_argument
):
    caplog.set_level(0, "otel_sessions")
    environment = {} if word_is_argument else {USER: word}
    arguments = {"user_id": word} if word_is_argument else {}
    (arguments if privacy_is_argument else environment).update(
        {"user_privacy" if privacy_is_argument else PRIVACY: privacy}
    )
    users = told(environment, **arguments)
    said = [record.getMessage() for record in caplog.records if "is a mode" in record.getMessage()]
    expected = (SHOWN[privacy], 0) if word == privacy else (None, 1)
    assert (users, len(said)) == ([None, expected[0]], expected[1])


def test_a_mode_in_bytes_is_one_and_an_id_that_begins_like_one_is_none(told, warnings):
    for user_id in ("hash-7", "drop.box", "7plain", "hasha"):
        assert told({}, user_id=user_id) == [user_id, "ada"]
    assert warnings() == []
    assert told({}, user_id=b"hash") == [None, None]
    assert len(warnings()) == 1


def test_an_argument_for_the_user_leaves_the_mode_in_the_environment_unread(told, warnings):
    assert told({USER: "hash"}, user_id="bob") == ["bob", "ada"]
    assert told({USER: "hash"}, user_id="bob", user_privacy="drop") == [None, None]
    assert warnings() == []


def test_a_mode_as_argument_goes_before_the_user_in_the_environment(told, warnings):
    assert told({USER: "bob"}, user_id="hash", user_privacy="hash") == [None, SHOWN["hash"]]
    assert warnings() == []
    assert told({USER: "bob"}, user_id="hash") == [None, None]
    assert len(warnings()) == 1


@pytest.mark.parametrize("mode", ["plain", "drop"])
def test_an_argument_for_the_mode_goes_before_that_in_the_environment(told, warnings, mode):
    assert told({USER: "hash", PRIVACY: "hash"}, user_privacy=mode) == [None, None]
    assert len(warnings()) == 1
    assert told({USER: mode, PRIVACY: "hash"}, user_privacy=mode) == [None, SHOWN[mode]]
    assert len(warnings()) == 1


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_mode_by_its_name_says_nothing(told, warnings, blank):
    assert told({USER: "plain", PRIVACY: blank}) == [None, None]
    assert len(warnings()) == 1


def test_hash_in_both_places_without_a_key_closes_because_of_the_key(monkeypatch, warnings):
    monkeypatch.setenv(USER, "hash")
    monkeypatch.setenv(PRIVACY, "hash")
    assert (Settings.resolved().user_privacy, Settings.resolved().user_id) == ("drop", None)
    (message,) = warnings()
    assert "OTEL_SESSION_USER_HASH_KEY: hash needs one" in message


def test_a_mode_that_cannot_be_read_closes_whatever_stands_for_the_user(monkeypatch, warnings):
    monkeypatch.setenv(PRIVACY, "hsah")
    for word, messages in (("drop", 1), ("ada", 1), ("hash", 2)):
        monkeypatch.setenv(USER, word)
        assert Settings.resolved().user_privacy == "drop"
        assert len(warnings()) == messages


@pytest.mark.warned_of
@given(
    word=st.sampled_from([*MODES, "ada", None]),
    privacy=st.sampled_from([*MODES, None]),
    user_argument=st.sampled_from([*MODES, "bob", None]),
    privacy_argument=st.sampled_from([*MODES, None]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_combination_shows_more_than_what_holds_for_the_mode(word, privacy, user_argument, privacy_argument):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_SESSION_USER_HASH_KEY", KEY)
        for name, value in ((USER, word), (PRIVACY, privacy)):
            if value is not None:
                patch.setenv(name, value)
        found = Settings.resolved(user_id=user_argument, user_privacy=privacy_argument)
    user = word if user_argument is None else user_argument
    mode = privacy if privacy_argument is None else privacy_argument
    is_refused = user in MODES and user != mode
    assert found.user_privacy == ("drop" if is_refused else mode or "plain")
    assert found.user_id == (None if user in MODES else user)


@pytest.mark.parametrize("make", [SessionSpanProcessor, SessionLogRecordProcessor])
def test_a_processor_says_nothing_of_it_since_the_mode_may_be_an_argument_for_the_process(monkeypatch, warnings, make):
    monkeypatch.setenv(USER, "hash")
    instrument(TracerProvider(shutdown_on_exit=False), user_privacy="hash", user_hash_key=KEY)
    make()
    assert in_process().user_privacy == "hash"
    assert warnings() == []


def test_where_only_a_processor_was_added_the_environment_closes_too(make_pipeline, monkeypatch, warnings):
    monkeypatch.setenv(USER, "hash")
    pipeline = make_pipeline()
    with set_session("conv-42", user_id="ada"):
        pipeline.tracer.start_span("chat").end()
    assert pipeline.attributes("chat") == {"session.id": "conv-42"}
    assert get_session() is None
    assert len(warnings()) == 1


# The user itself


@pytest.mark.parametrize("user_id", [True, 1.5, b"ada", ["ada"], object()])
def test_what_is_no_id_is_no_user_and_hides_no_other(told, warnings, user_id):
    assert told({}, user_id=user_id) == [None, "ada"]
    (message,) = warnings()
    assert "user_id: expected an id: a str, an int or a uuid.UUID, so it is taken as '' (" in message


@pytest.mark.parametrize("user_id", ["Zoë-und-ihre-Freunde", "a" * 201])
def test_an_id_that_does_not_fit_becomes_its_digest_and_no_message_shows_it(told, warnings, user_id):
    job, _ = told({USER: user_id})
    assert job.startswith("sha256-")
    (message,) = warnings()
    assert f"{USER}: it is not 1 to 200 characters of printable ASCII, so a digest of it is used" in message
    assert user_id not in message


@pytest.mark.parametrize("mode", MODES)
def test_it_appears_as_any_user(told, mode):
    assert told({USER: "ada", PRIVACY: mode}) == [SHOWN[mode]] * 2


@pytest.mark.parametrize("slip", ["OTEL_SESSION_USER", "OTEL_SESSION_USERID", "OTEL_SESSIONS_USER_ID"])
def test_a_slip_of_the_pen_is_told_the_name(monkeypatch, warnings, slip):
    monkeypatch.setenv(slip, "ada")
    instrument(TracerProvider(shutdown_on_exit=False))
    assert warnings() == [f"otel_sessions: {slip}: there is no such setting; did you mean OTEL_SESSION_USER_ID?"]


def test_a_slip_of_the_mode_is_told_its_name(monkeypatch, warnings):
    monkeypatch.setenv("OTEL_SESSION_PRIVACY", "hash")
    instrument(TracerProvider(shutdown_on_exit=False))
    assert warnings() == [f"otel_sessions: OTEL_SESSION_PRIVACY: there is no such setting; did you mean {PRIVACY}?"]


# The command


def rows_of(**environment):
    result = CliRunner().invoke(main, ["config"], env={USER: None, PRIVACY: None, **environment})
    lines = result.output.splitlines()
    return result.exit_code, {line.split()[0]: line.split()[1:] for line in lines}, lines


def test_the_command_shows_that_there_is_a_user_and_not_who():
    status, rows, lines = rows_of(OTEL_SESSION_USER_ID="ada-lovelace")
    assert (status, rows[USER]) == (0, ["set,", "not", "shown", "environment"])
    assert "ada-lovelace" not in "\n".join(lines)


def test_the_command_fails_for_a_mode_in_its_place_and_shows_what_holds():
    status, rows, lines = rows_of(OTEL_SESSION_USER_ID="hash")
    assert (status, rows[USER], rows[PRIVACY]) == (1, ["-", "environment"], ["drop", "environment"])
    assert lines[-1].startswith(f"! {USER}: 'hash' is a mode and not a user; how users appear is set by {PRIVACY}")


def test_the_command_accepts_a_mode_in_both_places():
    status, rows, _ = rows_of(OTEL_SESSION_USER_ID="drop", OTEL_SESSION_USER_PRIVACY="drop")
    assert (status, rows[USER], rows[PRIVACY]) == (0, ["-", "environment"], ["drop", "environment"])
