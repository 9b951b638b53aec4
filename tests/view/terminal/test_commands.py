"""The commands as they are typed: from a file, and from a view that runs; as text, JSON, HTML and OTLP."""

from __future__ import annotations

import inspect
import io
import json
import os
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from otel_sessions.cli import main
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.terminal.commands import standard_output
from otlp_bodies import a_turn
from view_api import fill


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No file of the developer's is read."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def db(tmp_path):
    """A file that nobody writes to any more, with what the filled API has."""
    from otel_sessions.view.wire.reading import read_logs, read_traces

    class Sending:
        def send(self, *spans, **more):
            store.write(read_traces(traces_body(*spans, **more)))

        def send_logs(self, *records):
            store.write(read_logs(logs_body(*records)))

    from otlp_bodies import logs_body, traces_body

    path = tmp_path / "some.db"
    store = SQLiteStore.open(path)
    fill(Sending())
    store.close()
    return path


@pytest.fixture(params=["--db", "--url"])
def place(request, filled):
    """Where the sessions are: the file of a store that is being written, and the view in front of it."""
    return ["--db", str(filled.store.path)] if request.param == "--db" else ["--url", filled.url]


# Before 8.2, click mixes both streams where it is not told.
APART = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def run(*arguments: str) -> Result:
    result = CliRunner(**APART).invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def test_the_sessions_are_listed(place):
    result = run("sessions", *place)

    assert (result.exit_code, result.stderr) == (0, "")
    assert [line for line in result.stdout.splitlines() if line.startswith("session.id")] == [
        "session.id other",
        "session.id course",
        "session.id trip",
    ]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--user", "ada"], ["trip"]),
        (["--name", "Trip planning"], ["trip"]),
        (["--errors"], ["trip"]),
        (["--failed-checks"], ["trip"]),
        (["--since", "2026-11-30T12:00:00.700Z"], ["other", "course"]),
        (["--user", "nobody"], []),
        (["--limit", "1"], ["other"]),
    ],
)
def test_the_list_takes_the_filters(place, options, ids):
    answer = json.loads(run("sessions", *place, *options, "--json").stdout)

    assert [row["id"] for row in answer["sessions"]] == ids


def test_the_list_as_json_is_the_answer_of_the_api(place, filled):
    assert json.loads(run("sessions", *place, "--json").stdout) == filled.get("/api/sessions").json


def test_a_session_is_shown(place):
    result = run("show", *place, "trip")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "session / turn / span                                               tokens      in     out      time\n"
        "────────────────────────────────────────────────────────────────────────────────────────────────────\n"
        "Trip planning · user ada · 3 turns                                           1,234      56    451 ms\n"
        "session.id trip\n"
        "  1  Three days in Lisbon?                                                   1,234      56    150 ms\n"
        "     → Day one: Alfama.\n"
        "     └─ turn · trace 00000000                                                                 150 ms\n"
        "        └─ chat · LLM · m-1 · /plan                                          1,234      56   90.0 ms\n".replace(
            "90.0 ms", "  90 ms"
        )
        + "           └─ search                                                                         1.00 ms\n"
        "     check polite · failed · fail · 0.25 · It does not greet.\n"
        "  2  And with children?                                                                       300 ms\n"
        "     → Day two: the tarts.\n"
        "     └─ turn · trace 00000000                                                                 300 ms\n"
        "  3  And in rain?                                                                            1.00 ms\n"
        "     └─ turn · trace 00000000 · error: no forecast                                           1.00 ms\n"
        "3 log records: --json has them\n"
        "\n"
    )


def test_a_session_as_json_is_the_answer_of_the_api(place, filled):
    assert json.loads(run("show", *place, "trip", "--json").stdout) == filled.session("trip").json


def test_a_session_of_more_turns_than_a_page_has_is_shown_whole(client, monkeypatch):
    monkeypatch.setattr("otel_sessions.view.terminal.sources.MAX_LIMIT", 3)
    client.send(*(a_turn(n, "s", f"question {n}", "a", start=n * 10) for n in range(1, 9)))
    # The second turn of a trace, on another page than the first.
    client.send(a_turn(20, "s", "question 9", "a", start=5))
    whole = client.session("s", limit=100).json

    for place in (["--db", str(client.store.path)], ["--url", client.url]):
        answer = json.loads(run("show", *place, "s", "--json").stdout)
        assert answer["turns"] == whole["turns"]
        assert [span["span_id"] for span in answer["spans"]] == [span["span_id"] for span in whole["spans"]]
        resources = [answer["resources"][span["resource"]] for span in answer["spans"]]
        assert resources == [{"service.name": "shop"}] * 9


def test_what_was_kept_is_read_when_nobody_writes_any_more(db):
    assert "Trip planning · user ada" in run("sessions", "--db", str(db)).stdout
    assert "Looms." in run("show", "--db", str(db), "course").stdout


def test_a_session_becomes_one_html_file_that_only_its_owner_reads(place, tmp_path):
    out = tmp_path / "trip.html"

    result = run("show", *place, "trip", "--html", str(out))

    assert (result.exit_code, result.output) == (0, "")
    assert out.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600 or sys.platform == "win32"
    assert run("show", *place, "trip", "--html", "-").stdout == out.read_text()


def test_a_session_becomes_lines_of_otlp_that_are_the_same_session(place, tmp_path, filled):
    out = tmp_path / "trip.jsonl"

    assert run("show", *place, "trip", "--otlp", str(out)).exit_code == 0

    store = SQLiteStore.open(None)
    try:
        assert store.load(out.read_bytes().splitlines()) == (8, [])
        assert store.session("trip").summary == filled.store.session("trip").summary
    finally:
        store.close()


def test_without_content_no_word_and_no_attribute_is_handed_on(place):
    said = (
        "Lisbon",
        "Alfama",
        "children",
        "tarts",
        "rain",
        "forecast",
        "greet",
        "xxxx",
        "shop.key",
        "1152921504606846976",
    )

    for how in (["--json"], ["--html", "-"], ["--otlp", "-"], []):
        text = run("show", *place, "trip", "--without-content", *how).stdout
        assert [word for word in said if word in text] == []
        assert "trip" in text
        assert "polite" in text


def test_lines_without_content_are_still_the_session(place, tmp_path, filled):
    out = tmp_path / "trip.jsonl"
    run("show", *place, "trip", "--otlp", str(out), "--without-content")

    store = SQLiteStore.open(None)
    try:
        assert store.load(out.read_bytes().splitlines()) == (8, [])
        bare, whole = store.session("trip").summary, filled.store.session("trip").summary
        assert (bare.spans, bare.tokens, bare.users, bare.failed_checks) == (5, whole.tokens, whole.users, 1)
    finally:
        store.close()


@pytest.mark.parametrize("how", [[], ["--json"], ["--html", "-"], ["--otlp", "-"]])
def test_an_unknown_session_is_status_1_with_a_message(place, how):
    result = run("show", *place, "\x1b[31mnone", *how)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "otel-sessions: There is no session 'none' here.\n"


def test_a_bad_time_is_status_2_with_a_message(place):
    result = run("sessions", *place, "--since", "yesterday")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "since must be a time as 2026-11-30T12:00:00Z" in result.stderr


@pytest.mark.parametrize("command", [["sessions"], ["show", "trip"]])
def test_without_a_file_it_says_where_one_comes_from(command, home):
    result = run(*command)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"otel-sessions: {home / 'otel-sessions' / 'sessions.db'} is not there. `otel-sessions view` makes it; name another "
        "file with --db.\n"
    )


def test_a_file_that_can_not_be_written_is_named(place, tmp_path):
    out = tmp_path / "nowhere" / "trip.html"

    result = run("show", *place, "trip", "--html", str(out))

    assert (result.exit_code, result.stderr) == (
        2,
        f"otel-sessions: {out} can't be written: No such file or directory.\n",
    )


def test_a_standard_output_that_is_something_else_is_written_to(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    standard_output().print("x")

    assert sys.stdout.getvalue() == "x\n"


def test_the_command_runs_as_a_program_and_writes_what_an_old_encoding_can_say(db):
    command = [sys.executable, "-m", "otel_sessions.cli", "show", "trip", "--db", str(db)]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    done = subprocess.run(command, env=environment, capture_output=True, timeout=240, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"     > Day one: Alfama.\n     `- turn - trace 00000000" in done.stdout


@pytest.mark.parametrize("command", [["sessions"], ["show", "trip"]])
def test_without_the_extra_it_names_the_remedy(command):
    code = "import sys; sys.modules['starlette'] = None; from otel_sessions.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, timeout=240, check=False
    )

    assert done.returncode == 2
    assert done.stderr == "otel-sessions: this command needs more packages: pip install 'otel-sessions[view]'\n"


@pytest.mark.parametrize("command", [("sessions",), ("show", "s")])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--db", "some.db", "--url", "http://127.0.0.1:1"], "--url and --db name two places: leave out one of them."),
        (["--token-file", __file__], "--token-file goes with --url alone: no file of sessions asks for a token."),
    ],
)
def test_options_of_which_one_would_not_count_are_refused(command, options, said):
    result = run(*command, *options)
    assert (result.exit_code, result.stderr) == (2, f"otel-sessions: {said}\n")
