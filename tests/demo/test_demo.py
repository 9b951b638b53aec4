"""The demo as a user runs it: real processes, real sockets, and a view that comes from the store."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import closing

import pytest
from rich.console import Console
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from local_receiver import OTLPReceiver
from otel_sessions.demo import StandIn, _run
from otel_sessions.demo._arrival import arriving
from otel_sessions.demo._environment import backend, for_processes, without_secrets
from otel_sessions.demo._launch import ProcessError, launched
from otel_sessions.view.loopback import LoopbackServer
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.wire.reading import read_traces
from otlp_bodies import a_span, traces_body
from wire import spans_of

pytestmark = pytest.mark.usefixtures("all_measured")

# Settings of a user that would break the demo, or send its telemetry or its requests elsewhere.
HOSTILE = {
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "OPENAI_BASE_URL": "http://127.0.0.1:9",
    "OPENINFERENCE_HIDE_INPUTS": "true",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3",
    "OTEL_PROPAGATORS": "none",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_SESSION_DISABLED": "true",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_TRACES_SAMPLER": "always_off",
}


def run_cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line, with an environment that has nothing of the developer's choices."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "OTEL_")) and not name.lower().endswith("_proxy")
    }
    return subprocess.run(
        [sys.executable, "-m", "otel_sessions.cli", *arguments],
        capture_output=True,
        encoding="utf-8",
        env=kept | {"PYTHONUTF8": "1", "COLUMNS": "100"} | environment,
        timeout=240,
        check=False,
    )


def run_without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as if ``module`` were not installed."""
    code = f"import sys; sys.modules[{module!r}] = None; from otel_sessions.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, encoding="utf-8", timeout=240, check=False
    )


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """Where the user's files are: not those of the developer."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def demo():
    """A run by somebody with unfortunate settings, into a file."""
    return run_cli("demo", **HOSTILE)


@pytest.fixture(scope="module")
def sent():
    """A run that sends to a backend, and what the backend got; nothing is kept."""
    with OTLPReceiver() as receiver:
        base_url = receiver.endpoint.removesuffix("/v1/traces")
        done = run_cli("demo", OTEL_EXPORTER_OTLP_ENDPOINT=base_url)
        return done, spans_of(receiver)


# What is shown


def test_the_demo_shows_every_span_with_both_ids(demo):
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stderr == ""
    assert "17 spans received, 17 with session.id and user.id (100 %)" in demo.stdout


def test_the_stand_in_is_labelled_as_one(demo):
    assert "local stand-in for the OpenAI API; set OPENAI_API_KEY for the real one" in demo.stdout


def test_the_view_has_the_sessions_with_users_turns_and_processes(demo):
    titles = re.findall(r"^\S.* · user .* turns.*?(?=  )", demo.stdout, re.MULTILINE)

    assert titles == [
        "Trip planning · user ada · 3 turns · 2 processes",
        "Course creation · user grace · 2 turns",
        "Order support · user ada · 2 turns",
    ]


TIME = r"(?:\d+ ms|\d+\.\d\d s)"  # a second and more, on a machine that is busy


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(rf"^  1  I have three days in Lisbon\. What should I see\? +\d+ +\d+ +{TIME}$", id="turn"),
        pytest.param(r"^     → Order 4711 is on its way and arrives on Thursday\.$", id="answer"),
        pytest.param(r"^  2  /lesson/1  Write the opening", id="path"),
        pytest.param(rf"ChatCompletion · LLM · stand-in · streamed +\d+ +\d+ +{TIME}$", id="streamed completion"),
        pytest.param(rf"Response · LLM · stand-in +\d+ +\d+ +{TIME}$", id="response"),
        pytest.param(r"├─ find_order · TOOL .*\n        │  └─ read orders table ", id="tool and nested span"),
        pytest.param(r"^     resumed in another process \(pid \d+\)\n  3  Back again\.", id="resumed"),
        pytest.param(r"^     → Day one: swap the castle for the Oceanarium", id="what the first process had said"),
    ],
)
def test_the_view_has(demo, line):
    assert re.search(line, demo.stdout, re.MULTILINE)


def test_a_file_gets_no_control_codes_and_no_line_that_wraps(demo):
    assert "\x1b" not in demo.stdout
    assert max(map(len, demo.stdout.splitlines())) <= 100


# A backend


def test_a_backend_gets_the_spans_and_the_user_gets_the_ids_to_look_for(sent):
    done, spans = sent

    assert done.returncode == 0, done.stdout + done.stderr
    assert "17 spans; look there for these sessions" in done.stdout
    listed = set(re.findall(r"user\.id=(\w+) +session\.id=(\S+)", done.stdout))
    assert listed == {(span.attributes["user.id"], span.attributes["session.id"]) for span in spans}


def test_all_spans_carry_both_ids(sent):
    _, spans = sent

    assert len(spans) == 17
    assert len({span.attributes["session.id"] for span in spans}) == 3
    assert {span.attributes["user.id"] for span in spans} == {"ada", "grace"}


def test_each_turn_is_a_trace_with_one_root(sent):
    _, spans = sent

    assert len({span.trace_id for span in spans}) == 7
    assert [span.name for span in spans if not span.parent_id] == ["turn"] * 7


# What is kept


def test_what_was_shown_is_kept_and_read_by_the_commands(tmp_path):
    demo = run_cli("demo", XDG_STATE_HOME=str(tmp_path))
    again = run_cli("demo", XDG_STATE_HOME=str(tmp_path))
    (session_id,) = re.findall(r"^Order support · .*\nsession\.id (\S+)", demo.stdout, re.MULTILINE)
    shown = run_cli("show", session_id, XDG_STATE_HOME=str(tmp_path))
    listed = run_cli("sessions", XDG_STATE_HOME=str(tmp_path))

    assert re.search(r"^On a page: \S*otel-sessions view$", demo.stdout, re.MULTILINE)
    assert shown.stdout.rstrip().partition("\nOrder support")[2] in demo.stdout
    assert again.stdout.count("session.id ") == demo.stdout.count("session.id ")  # its own sessions alone
    assert (shown.returncode, listed.returncode, listed.stdout.count("session.id ")) == (0, 0, 6)


def test_a_store_that_is_in_use_is_left_alone(tmp_path):
    with closing(SQLiteStore.open(tmp_path / "otel-sessions" / "sessions.db")) as store:
        done = run_cli("demo", XDG_STATE_HOME=str(tmp_path))

        assert done.returncode == 0, done.stdout + done.stderr
        assert "17 spans received, 17 with session.id and user.id (100 %)" in done.stdout
        assert re.search(
            r"OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 \S*otel-sessions demo$", done.stdout, re.MULTILINE
        )
        assert store.coverage().spans == 0


def test_the_command_that_it_names_is_there(demo):
    command = shlex.split(re.search(r"^On a page: (.+) view$", demo.stdout, re.MULTILINE)[1])
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=240, check=True)
    assert said.stdout.startswith("otel-sessions")


@pytest.mark.parametrize(
    ("script", "path", "shown"),
    [
        ("here/.venv/bin/otel-sessions", "nowhere", ".venv/bin/otel-sessions"),
        ("elsewhere/bin/otel-sessions", "nowhere", "{tmp}/elsewhere/bin/otel-sessions"),
        ("a clone/bin/otel-sessions", "nowhere", "'{tmp}/a clone/bin/otel-sessions'"),
        ("here/.venv/bin/otel-sessions", "here/.venv/bin", "otel-sessions"),
        ("here/.venv/bin/otel-sessions", "another", ".venv/bin/otel-sessions"),
        ("here/other", "nowhere", "otel-sessions"),
    ],
    ids=["below this folder", "elsewhere", "with a space", "on the path", "another on the path", "not there"],
)
def test_it_is_named_as_a_shell_finds_it(tmp_path, monkeypatch, script, path, shown):
    made, here = tmp_path / script, tmp_path / "here"
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "otel-sessions").touch(mode=0o700)
    made.parent.mkdir(parents=True)
    made.touch(mode=0o700)
    here.mkdir(exist_ok=True)
    monkeypatch.setattr(sys, "executable", str(made.parent / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / path))
    monkeypatch.chdir(here)
    assert _run.command() == shown.format(tmp=tmp_path)


def test_a_span_without_an_id_is_shown_and_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = io.StringIO()
    with arriving() as arrival:
        complete = {"session.id": "s", "user.id": "u"}
        spans = (
            a_span(1, 1, attributes=complete),
            a_span(1, 2, 1, attributes={"session.id": "s"}),
            a_span(2, 3, name="lost"),
        )
        arrival.write(read_traces(traces_body(*spans)))
        assert _run._show(Console(file=file, width=100, highlight=False), arrival) == 1

    assert "└─ lost · trace 00000000" in file.getvalue()
    assert "3 spans received, 1 with session.id and user.id (33 %)" in file.getvalue()


def test_nothing_that_came_is_a_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = io.StringIO()
    with arriving() as arrival:
        assert _run._show(Console(file=file, width=100, highlight=False), arrival) == 1

    assert "0 spans received, 0 with session.id and user.id (nothing)" in file.getvalue()


def test_spans_that_no_backend_takes_are_a_failure_with_a_reason():
    done = run_cli("demo", OTEL_EXPORTER_OTLP_ENDPOINT="http://u:pw@127.0.0.1:9", OTEL_EXPORTER_OTLP_TIMEOUT="1")

    assert done.returncode == 1
    assert "OTLP http/protobuf to http://127.0.0.1:9\n" in done.stdout
    assert "The first process of the chat failed (exit status 1):" in done.stdout
    assert "15 spans could not be delivered by OTLP http/protobuf" in done.stdout
    assert "u:pw" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


# The real API


def test_with_a_key_it_talks_to_the_api_that_is_set():
    with StandIn(seconds_per_word=0) as api:
        done = run_cli("demo", OPENAI_API_KEY="sk-real", OPENAI_BASE_URL=api.base_url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"the API at {api.base_url}" in done.stdout
    assert "local stand-in" not in done.stdout
    assert "(100 %)" in done.stdout


def test_a_refused_key_is_a_failure_with_a_reason_that_does_not_print_the_key():
    async def refuse(request):
        key = request.headers["authorization"].removeprefix("Bearer ")
        return JSONResponse({"error": {"message": f"bad key {key} for {await request.json()}"}}, status_code=401)

    with LoopbackServer(Starlette(routes=[Route("/chat/completions", refuse, methods=["POST"])])) as server:
        done = run_cli(
            "demo", OPENAI_API_KEY="sk-secret-key", OPENAI_BASE_URL=server.url, OTEL_SESSIONS_DEMO_MODEL="m-7"
        )

    assert done.returncode == 1
    assert "the model gave no answer: AuthenticationError: Error code: 401" in done.stdout
    assert "bad key ***" in done.stdout
    assert "'model': 'm-7'" in done.stdout
    assert "sk-secret-key" not in done.stdout + done.stderr


# The command line


def test_the_help_names_the_command_and_its_environment():
    assert re.search(r"demo +Run a chat", run_cli("--help").stdout)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT  send the spans there" in run_cli("demo", "--help").stdout


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("click", ["config"]),
        ("click", ["demo"]),
        ("rich", ["demo"]),
        ("openinference", ["demo"]),
        ("opentelemetry.sdk", ["demo"]),
    ],
)
def test_without_the_extra_the_command_names_the_remedy(module, arguments):
    done = run_without(module, *arguments)
    extra = "cli" if arguments == ["config"] else "demo"

    assert done.returncode == 2
    assert done.stderr == f"otel-sessions: this command needs more packages: pip install 'otel-sessions[{extra}]'\n"


@pytest.mark.parametrize("arguments", [["third"], ["first", "second"]])
def test_the_module_refuses_arguments_that_it_does_not_know(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "otel_sessions.demo", *arguments], capture_output=True, timeout=240, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith(b"usage:")


def test_a_process_that_hangs_is_ended_with_a_reason():
    with (
        launched("first", os.environ) as process,
        pytest.raises(ProcessError, match="The first process of the chat took more than 0 s"),
    ):
        process.finish(None, seconds=0.01)


# The environment of the processes


def test_on_this_machine_alone_nothing_of_the_users_pipeline_is_left():
    environment = for_processes(
        {"PATH": "/bin", "OPENAI_ORG_ID": "o", **HOSTILE}, stand_in="http://s/v1", receiver="http://r/v1/traces"
    )

    assert environment == {
        "PATH": "/bin",
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
        "OPENAI_API_KEY": "not-needed-by-the-stand-in",
        "OPENAI_BASE_URL": "http://s/v1",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://r/v1/traces",
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
    }


def test_for_a_backend_what_hides_texts_stays():
    hiding = {"OPENINFERENCE_HIDE_INPUTS": "true"}

    assert hiding.items() <= for_processes(hiding, stand_in="http://s/v1").items()


def test_for_a_backend_the_users_choices_stay_but_not_what_hides_spans():
    kept = {
        "https_proxy": "http://proxy",
        "OPENAI_API_KEY": "k",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://backend",
        "OTEL_EXPORTER_OTLP_HEADERS": "h=1",
        "OTEL_RESOURCE_ATTRIBUTES": "a=1",
        "OTEL_SESSION_DIALECTS": "langfuse",
        "OTEL_SESSIONS_DEMO_MODEL": "m",
    }
    dropped = {name: value for name, value in HOSTILE.items() if name.startswith("OTEL_")}

    environment = for_processes({**kept, **dropped, "NO_PROXY": "corp"})

    assert kept.items() <= environment.items()
    assert dropped.keys().isdisjoint(environment)
    assert environment["NO_PROXY"] == "corp,127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"}, "http://a:4318"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/x"},
            "http://b/x",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:pass@a:1/p?key=k#f"}, "https://a:1/p"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[a"}, "an address that is not a URL"),
    ],
)
def test_the_backend_is_named_without_credentials(environment, expected):
    assert backend(environment) == expected


def test_secrets_of_the_environment_are_not_repeated():
    environment = {"OPENAI_API_KEY": "sk-123456", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=hunter22,a=b", "HOME": "/home"}

    assert without_secrets("sk-123456 hunter22 a=b /home", environment) == "*** *** a=b /home"
