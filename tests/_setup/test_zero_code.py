"""Without code: real programs and servers as a user starts them, which send what they have over real sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from otel_sessions._session.user_ids import hashed
from otel_sessions.view.loopback import LoopbackServer
from ports import free_port
from wire import WireSpan, logs_in, spans_of
from without_code import DISABLED, all_but

SECONDS = 240
BIN = Path(sys.executable).parent
PROGRAMS = Path(__file__).parents[1] / "programs"
EXAMPLE = Path(__file__).parents[2] / "examples" / "otel-config.yaml"
OURS = {("conv-42", "ada")}
NOBODY = {(None, None)}
CLIENTS = ("httpx", "requests", "urllib3")
OWN = "own"
PYTHON = (str(BIN / "python"),)
INSTRUMENTED = (str(BIN / "opentelemetry-instrument"), *PYTHON)

OF_CLIENTS = ("otel_sessions", "logging", *CLIENTS)

has_configuration_files = pytest.mark.skipif(
    find_spec("opentelemetry.configuration") is None,
    reason="opentelemetry-configuration is not there: it needs a newer SDK than the lowest supported",
)
# opentelemetry-python-contrib#4469
instruments_spawned = pytest.mark.skipif(
    tuple(int(part) for part in version("opentelemetry-instrumentation").split("b")[0].split(".")) < (0, 63),
    reason="opentelemetry-instrument of this version does not reach processes that are spawned",
)
can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="gunicorn needs forks")


class Log(NamedTuple):
    body: str
    ids: tuple[object, object]


class Collector(LoopbackServer):
    """Takes what is exported, and is called by the programs."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.log_bodies: list[bytes] = []
        self.calls: dict[str, str] = {}
        routes = [
            Route("/v1/traces", self._traces, methods=["POST"]),
            Route("/v1/logs", self._logs, methods=["POST"]),
            Route("/called/{client}", self._called),
        ]
        super().__init__(Starlette(routes=routes))

    async def _traces(self, request):
        self.bodies.append(await request.body())
        return Response(media_type="application/x-protobuf")

    async def _logs(self, request):
        self.log_bodies.append(await request.body())
        return Response(media_type="application/x-protobuf")

    async def _called(self, request):
        self.calls[request.path_params["client"]] = request.headers.get("baggage", "")
        return Response("called")

    def spans(self) -> list[WireSpan]:
        return spans_of(self)

    def logs(self, *names: str) -> list[Log]:
        """Return the records of the loggers ``names``, which are those of the programs unless given."""
        return [
            Log(record.body, ids_in(record.attributes))
            for record in logs_in(self.log_bodies)
            if record.logger in (names or ("app", "service"))
        ]


def ids_in(attributes):
    return attributes.get("session.id"), attributes.get("user.id")


def ids(spans):
    return {ids_in(span.attributes) for span in spans}


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture
def environment(collector):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return kept | {
        **all_but(*OF_CLIENTS),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_BLRP_SCHEDULE_DELAY": "50",
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(PROGRAMS),
    }


@pytest.fixture
def run(environment, tmp_path):
    """Return a function that runs a command to its end, and returns what it wrote."""

    def run(*command, **variables):
        done = subprocess.run(
            command, env=environment | variables, capture_output=True, text=True, timeout=SECONDS, check=False,
            cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def run_app(run, collector):
    """Return a function that runs the application, and returns what we have said meanwhile.

    What is logged goes to stderr, or to the collector once the instrumentation of logging is active.
    """

    def run_app(*, command=(*INSTRUMENTED, str(PROGRAMS / "zero_app.py")), **variables):
        stderr = run(*command, f"{collector.url}/called", **variables).stderr
        return lines_about_us(stderr) + [log.body for log in collector.logs("otel_sessions")]

    return run_app


def lines_about_us(text):
    return [line for line in text.splitlines() if "otel_sessions" in line]


def ids_sent(collector):
    """Return whether each client of the application has sent the ids, by name."""
    return {client: "conv-42" in header or "ada" in header for client, header in collector.calls.items()}


ALL_CLIENTS = dict.fromkeys((*CLIENTS, OWN), True)
ONLY_OWN = dict.fromkeys(CLIENTS, False) | {OWN: True}
NO_CLIENT = dict.fromkeys((*CLIENTS, OWN), False)


def all_is_stamped(collector):
    spans = collector.spans()
    names = sorted(span.name for span in spans)
    return (names, ids(spans), collector.logs()) == (
        ["GET", "GET", "GET", "turn"],
        OURS,
        [("hello", ("conv-42", "ada"))],
    )


# With the environment alone


def test_spans_logs_and_calls_of_a_program_have_the_session_with_all_instrumentations_that_are_there(
    run_app, collector
):
    said = run_app(command=(*INSTRUMENTED, "-m", "zero_app"), **{DISABLED: "openai_agents"})
    assert all_is_stamped(collector)
    assert ids_sent(collector) == ALL_CLIENTS
    assert said == []


def test_settings_of_the_environment_hold_and_one_that_is_unknown_warns_once_and_closes(run_app, collector):
    said = run_app(
        OTEL_SESSION_USER_PRIVACY="sometimes",
        OTEL_SESSION_PROPAGATE_TO="user@host",
        OTEL_SESSION_DIALECTS="langfuse",
        OTEL_PROPAGATORS="tracecontext,session_baggage",
    )
    assert ids(collector.spans()) == {("conv-42", None)}
    assert {span.attributes["langfuse.session.id"] for span in collector.spans()} == {"conv-42"}
    assert ids_sent(collector) == NO_CLIENT
    assert [re.findall("OTEL_SESSION_[A-Z_]+", line)[0] for line in said] == [
        "OTEL_SESSION_PROPAGATE_TO",
        "OTEL_SESSION_USER_PRIVACY",
    ]
    assert "sometimes" not in "".join(said)


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        pytest.param(all_but("logging", *CLIENTS), ALL_CLIENTS, id="by name"),
        pytest.param({"OTEL_SESSION_DISABLED": "true"}, NO_CLIENT, id="by its own variable"),
    ],
)
def test_nothing_is_stamped_where_it_is_disabled(run_app, collector, variables, sent):
    said = [line for line in run_app(**variables) if sent == NO_CLIENT or "the propagators of this process" not in line]
    assert (len(collector.spans()), ids(collector.spans())) == (4, NOBODY)
    assert [log.ids for log in collector.logs()] == [(None, None)]
    assert ids_sent(collector) == sent
    assert said == []


@pytest.mark.parametrize(("propagate_to", "sent"), [("private", ALL_CLIENTS), ("none", NO_CLIENT)])
def test_with_the_sdk_disabled_nothing_breaks_and_the_guard_holds(run_app, collector, propagate_to, sent):
    said = run_app(OTEL_SDK_DISABLED="true", OTEL_SESSION_PROPAGATE_TO=propagate_to)
    assert ids_sent(collector) == sent
    assert collector.bodies == []
    assert said == []


def test_a_program_may_start_the_instrumentations_itself(run_app, collector):
    said = run_app(command=(*PYTHON, str(PROGRAMS / "zero_initialize.py")))
    assert all_is_stamped(collector)
    assert ids_sent(collector) == ALL_CLIENTS
    assert said == []


# The session and the user of the process


def of_a_job(session_id, user_id):
    """Return the ids that each span of the job has, by name, in a process with these."""
    return {
        "job": (session_id, user_id),
        "thread": (session_id, user_id),
        "chat": ("conv-42", user_id),
        "chat of bob": ("conv-43", "bob"),
        "answer": ("callers", None),
        "cleared": (None, None),
    }


@pytest.mark.parametrize("session_id", ["nightly-7", None])
def test_a_job_has_the_user_of_the_environment_and_callers_do_not(run, collector, session_id):
    named = {} if session_id is None else {"OTEL_SESSION_ID": session_id}
    done = run(*INSTRUMENTED, str(PROGRAMS / "zero_job.py"), OTEL_SESSION_USER_ID="ada", **named)
    expected = of_a_job(session_id, "ada")
    assert {span.name: ids_in(span.attributes) for span in collector.spans()} == expected
    assert {log.body: log.ids for log in collector.logs()} == expected
    assert lines_about_us(done.stderr) == []


def test_a_session_that_is_made_for_a_job_has_its_user_hashed_where_that_was_asked_for(run, collector):
    key = "key-of-sixteen-c"
    run(
        *INSTRUMENTED, str(PROGRAMS / "zero_job.py"), OTEL_SESSION_ID="auto", OTEL_SESSION_USER_ID="ada",
        OTEL_SESSION_EVENTS="true", OTEL_SESSION_USER_PRIVACY="hash", OTEL_SESSION_USER_HASH_KEY=key,
    )  # fmt: skip
    spans = {span.name: ids_in(span.attributes) for span in collector.spans()}
    (session_id, user_id) = spans["job"]
    assert (str(UUID(session_id)), user_id) == (session_id, hashed("ada", key))
    assert spans == of_a_job(session_id, user_id) | {"chat of bob": ("conv-43", hashed("bob", key))}
    assert [log.ids for log in collector.logs("otel_sessions")] == [(session_id, user_id)]


@pytest.mark.parametrize("mode", ["hash", "Drop"])
def test_a_mode_where_the_user_stands_warns_once_and_shows_no_user(run_app, collector, mode):
    said = run_app(OTEL_SESSION_USER_ID=mode)
    assert ids(collector.spans()) == {("conv-42", None)}
    assert len(said) == 1
    assert f"OTEL_SESSION_USER_ID: '{mode.lower()}' is a mode and not a user" in said[0]
    assert "OTEL_SESSION_USER_PRIVACY" in said[0]


def test_a_fleet_of_two_versions_may_name_the_mode_in_both_ways(run_app, collector):
    said = run_app(OTEL_SESSION_USER_ID="plain", OTEL_SESSION_USER_PRIVACY="plain")
    assert all_is_stamped(collector)
    assert said == []


# Without the instrumentor


def test_the_propagator_alone_loads_in_plain_python_and_guards(run_app, collector):
    plain = (*PYTHON, str(PROGRAMS / "zero_app.py"))
    said = run_app(command=plain, OTEL_PROPAGATORS="tracecontext,session_baggage")
    assert ids_sent(collector) == ONLY_OWN
    assert said == []
    said = run_app(
        command=plain, OTEL_PROPAGATORS="session_baggage,tracecontext", OTEL_SESSION_PROPAGATE_TO="user@host"
    )
    assert ids_sent(collector) == NO_CLIENT
    assert len(said) == 1
    assert "OTEL_SESSION_PROPAGATE_TO" in said[0]


@pytest.mark.usefixtures("measured")
def test_the_instrumentor_by_hand_takes_options_and_can_be_undone(run):
    done = run(*PYTHON, str(PROGRAMS / "zero_by_hand.py"))
    dropped = {"session.id": "conv-42", "langfuse.session.id": "conv-42"}
    found, is_as_before, is_one = json.loads(done.stdout)
    assert found == [{}, dropped, dropped, {}, {"session.id": "conv-42", "user.id": "ada"}]
    assert is_as_before
    assert is_one
    assert [line.split(",")[0] for line in lines_about_us(done.stderr)] == ["otel_sessions: 'nonsense' is left out"]
    assert "Attempting to instrument while already instrumented" in done.stderr


def test_opentelemetry_bootstrap_lists_what_it_lists_without_us(run):
    done = run(str(BIN / "opentelemetry-bootstrap"), "-a", "requirements")
    assert "opentelemetry-instrumentation-httpx" in done.stdout
    assert "sessions" not in done.stdout + done.stderr


# With what vendors bring


@pytest.fixture
def distribution(tmp_path):
    """Return a function that installs entry points of `zero_distro` for a program, and returns the variables for it."""

    def install(**points):
        info = tmp_path / "acme-1.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        lines = [f"[opentelemetry_{group}]\nacme = zero_distro:{name}\n" for group, name in points.items()]
        info.joinpath("entry_points.txt").write_text("\n".join(lines))
        return {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(PROGRAMS)])}

    return install


def test_a_distribution_may_give_options_and_its_configurator_comes_first(run_app, collector, distribution):
    variables = distribution(distro="Distro", configurator="Configurator")
    said = run_app(
        **variables,
        OTEL_PYTHON_DISTRO="acme",
        OTEL_PYTHON_CONFIGURATOR="acme",
        OTEL_TRACES_EXPORTER="otlp",
        OTEL_LOGS_EXPORTER="otlp",
    )
    assert (len(collector.spans()), ids(collector.spans())) == (4, {("conv-42", None)})
    assert [log.ids for log in collector.logs()] == [("conv-42", None)]
    assert all(b"acme" in body for body in collector.bodies + collector.log_bodies)  # of the resource
    assert said == []


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        pytest.param("without_our_sdk_module", "otel_sessions._setup.instrument", id="import"),
        pytest.param("with_an_sdk_that_raises", "RuntimeError", id="install"),
        pytest.param("with_a_provider_that_raises", "RuntimeError", id="provider"),
    ],
)
def test_what_fails_in_us_is_one_warning_and_others_are_active(run_app, collector, distribution, hook, reason):
    said = run_app(**distribution(pre_instrument=hook), OTEL_SESSION_PROPAGATE_TO="none")
    assert [span.name for span in collector.spans()] == ["GET", "GET", "GET", "turn"]
    assert ids(collector.spans()) == NOBODY
    assert ids_sent(collector) == NO_CLIENT  # what would have guarded it all is in place
    assert len(said) == 1
    assert reason in said[0]
    assert "conv-42" not in said[0]


@pytest.mark.parametrize(("propagate_to", "sent"), [("private", ALL_CLIENTS), ("none", NO_CLIENT)])
def test_without_the_sdk_the_guard_holds_and_the_warning_names_the_remedy(run_app, collector, propagate_to, sent):
    said = run_app(
        command=(*PYTHON, str(PROGRAMS / "zero_initialize.py"), "without-sdk"),
        OTEL_PYTHON_DISTRO="none",
        OTEL_PYTHON_CONFIGURATOR="none",
        OTEL_SESSION_PROPAGATE_TO=propagate_to,
        **all_but("otel_sessions", *CLIENTS),  # logging has what is logged go to the SDK that is not there
    )
    assert ids_sent(collector) == sent
    assert len(said) == 1
    assert "pip install 'otel-sessions[sdk]'" in said[0]


# With the OpenTelemetry configuration file


@pytest.fixture
def changed_example(tmp_path):
    """Return a function that writes the example with other texts in the places of some, and returns the file."""

    def change(**texts):
        text = EXAMPLE.read_text()
        for old, new in texts.items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        file = tmp_path / "otel-config.yaml"
        file.write_text(text)
        return {"OTEL_CONFIG_FILE": str(file)}

    return change


@has_configuration_files
def test_the_example_of_a_configuration_file_stamps_all_with_its_options(run_app, collector):
    said = run_app(OTEL_CONFIG_FILE=str(EXAMPLE), USER_HASH_KEY="2026" * 4)
    users = {span.attributes["user.id"] for span in collector.spans()}
    assert len(collector.spans()) == 4
    assert len(users) == 1
    assert ids(collector.spans()) == {("conv-42", *users)}
    assert {span.attributes["langfuse.session.id"] for span in collector.spans()} == {"conv-42"}
    assert users.isdisjoint({"ada", ""})
    assert [log.ids for log in collector.logs()] == [("conv-42", *users)]
    assert ids_sent(collector) == ALL_CLIENTS
    assert said == []


@has_configuration_files
def test_wrong_options_of_a_configuration_file_warn_and_close_and_others_are_active(
    run_app, collector, changed_example
):
    variables = changed_example(
        **{
            "    - session_baggage: #": "    - session_baggage: {nonsense: 1} #",
            "trust_incoming: true": "trust_incomming: true",
            "dialects: [langfuse]": "dialects: 7",
            '[private, "*.corp.example"]': '["user@host"]',
        }
    )
    said = run_app(**variables)
    assert len(collector.spans()) == 4
    assert ids(collector.spans()) == {("conv-42", None)}  # there is no key
    assert ids_sent(collector) == NO_CLIENT
    names = "nonsense|trust_incomming|dialects|propagate_to|user_hash_key"
    assert [re.findall(names, line.lower())[0] for line in said] == [
        "nonsense",
        "trust_incomming",
        "dialects",
        "propagate_to",
        "user_hash_key",
    ]


@has_configuration_files
def test_a_configuration_file_of_before_with_the_mode_where_the_user_stands_closes(run_app, collector, changed_example):
    said = run_app(**changed_example(**{"user_privacy: hash": "user_id: hash"}), USER_HASH_KEY="2026" * 4)
    assert ids(collector.spans()) == {("conv-42", None)}
    assert len(said) == 1
    assert "user_id: 'hash' is a mode and not a user" in said[0]


@has_configuration_files
def test_a_configuration_file_may_name_the_user_of_the_process(run, collector, changed_example):
    variables = changed_example(**{"user_privacy: hash": "session_id: nightly-7\n      user_id: ada"})
    run(*INSTRUMENTED, str(PROGRAMS / "zero_job.py"), **variables, USER_HASH_KEY="2026" * 4)
    spans = {span.name: ids_in(span.attributes) for span in collector.spans()}
    assert spans == of_a_job("nightly-7", "ada")


@has_configuration_files
def test_without_its_section_of_propagators_a_configuration_file_sends_nothing(run_app, collector, changed_example):
    section = EXAMPLE.read_text().partition("\npropagator:")[2].partition("\n\n")[0]
    said = run_app(**changed_example(**{f"propagator:{section}": ""}), USER_HASH_KEY="2026" * 4)
    assert ids_sent(collector) == NO_CLIENT
    assert len(collector.spans()) == 4
    assert said == []


# Servers


class Server(NamedTuple):
    process: subprocess.Popen
    client: httpx.Client


@pytest.fixture
def serve(environment, tmp_path):
    """Return a function that starts a server of two workers by a command with ``{port}``, and waits for all three.

    A worker ``says`` on stderr that it has begun.
    """
    servers = []

    def start(*command, instrumentation, says):
        port = free_port()
        variables = environment | {
            **all_but("otel_sessions", "logging", instrumentation),
            "OTEL_SESSION_INCOMING_HEADERS": "session.id=x-session-id,user.id=x-user-id",
            "HOME": str(tmp_path),  # where gunicorn has a socket
        }
        said = tmp_path / "stderr"
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [part.format(port=port) for part in command], cwd=PROGRAMS, env=variables, stderr=stderr
            )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=SECONDS)
        servers.append(Server(process, client))
        wait_until(lambda: process.poll() is not None or (answers(port) and said.read_text().count(says) >= 2))
        assert process.poll() is None, said.read_text()
        return servers[-1]

    yield start
    for server in servers:
        server.client.close()
        server.process.kill()
        server.process.wait(SECONDS)


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(server, number):
    """Ask in a session of its own, each fifth time in none, on a connection of its own; return which worker answered."""
    headers = {"x-session-id": f"conv-{number}", "x-user-id": f"user-{number}"} if number % 5 else {}
    response = server.client.get("/chat", headers=headers | {"connection": "close"})
    assert response.status_code == 200, response.text
    return response.text


def ask_until_two_workers_have_answered(server):
    """Ask all at once, and again: one worker may take all. Return how often."""
    workers, times, deadline = set(), 0, time.monotonic() + SECONDS
    with ThreadPoolExecutor(8) as pool:
        while len(workers) < 2:
            assert time.monotonic() < deadline
            workers.update(pool.map(lambda number: ask(server, number), range(REQUESTS)))
            times += 1
    return times


FASTAPI = {"instrumentation": "fastapi", "says": "Application startup complete"}
FLASK = {"instrumentation": "flask", "says": "Booting worker"}
REQUESTS = 60
NUMBERS = [number for number in range(REQUESTS) if number % 5]
EXPECTED = {f"conv-{number}": {(f"conv-{number}", f"user-{number}")} for number in NUMBERS}


@pytest.mark.parametrize(
    ("command", "application"),
    [
        pytest.param(
            ("uvicorn", "zero_asgi:app", "--port", "{port}", "--workers", "2", "--no-access-log"), FASTAPI,
            id="uvicorn", marks=instruments_spawned,
        ),
        pytest.param(
            ("gunicorn", "zero_wsgi:app", "-b", "127.0.0.1:{port}", "-w", "2", "--threads", "2"), FLASK,
            id="gunicorn", marks=can_fork,
        ),
        pytest.param(
            ("gunicorn", "zero_wsgi:app", "-b", "127.0.0.1:{port}", "-w", "2", "--preload"), FLASK,
            id="gunicorn --preload", marks=can_fork,
        ),
    ],
)  # fmt: skip
def test_each_request_of_each_worker_has_the_session_of_its_headers(serve, collector, command, application):
    server = serve(INSTRUMENTED[0], str(BIN / command[0]), *command[1:], **application)
    times = ask_until_two_workers_have_answered(server)
    # A worker of uvicorn that is told to end does not come to Python's own end, where the rest would be sent.
    wait_until(lambda: sum(span.name == "GET /chat" for span in collector.spans()) >= REQUESTS * times)
    wait_until(lambda: len(collector.logs()) >= REQUESTS * times)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(SECONDS) in {0, -signal.SIGTERM}

    traces = defaultdict(list)
    for span in collector.spans():
        traces[span.trace_id].append(span)
    assert len(traces) == REQUESTS * times
    assert all({"GET /chat", "answer"} <= {span.name for span in trace} for trace in traces.values())
    asked = [
        (next(span for span in trace if span.name == "answer").attributes["asked"], ids(trace))
        for trace in traces.values()
    ]
    assert {name: found for name, found in asked if name != "nobody"} == EXPECTED
    assert [found for name, found in asked if name == "nobody"] == [NOBODY] * (REQUESTS - len(NUMBERS)) * times
    logs = collector.logs()
    assert len(logs) == REQUESTS * times
    assert {log.body: {log.ids} for log in logs} == EXPECTED | {"nobody": NOBODY}


# Samplers

SAMPLED = (*INSTRUMENTED, str(PROGRAMS / "zero_sampled.py"))


@pytest.mark.parametrize("name", ["session_ratio", "parentbased_session_ratio"])
def test_a_sampler_of_the_environment_keeps_or_drops_whole_sessions(run, collector, name):
    run(*SAMPLED, **all_but("otel_sessions"), OTEL_TRACES_SAMPLER=name, OTEL_TRACES_SAMPLER_ARG="0.5")
    kept = defaultdict(list)
    for span in collector.spans():
        kept[span.attributes["session.id"]].append(span.name)
    assert {tuple(sorted(names)) for names in kept.values()} == {("step",) * 3 + ("turn",) * 3}
    assert 70 < len(kept) < 130


def test_a_sampler_whose_argument_is_no_ratio_keeps_all_and_warns_once(run, collector):
    variables = all_but("otel_sessions") | {"OTEL_TRACES_SAMPLER": "session_ratio", "OTEL_TRACES_SAMPLER_ARG": "half"}
    done = run(*SAMPLED, **variables)
    assert len(collector.spans()) == 1200
    assert len(lines_about_us(done.stderr)) == 1
    assert "OTEL_TRACES_SAMPLER_ARG" in done.stderr


@has_configuration_files
def test_options_of_the_propagator_in_a_configuration_file_hold_for_the_guard_around_it(
    run_app, collector, changed_example
):
    variables = changed_example(
        **{
            "    - session_baggage: #": "    - session_baggage: {propagate_to: none} #",
            '      propagate_to: [private, "*.corp.example"]\n': "",
        }
    )
    said = run_app(**variables, USER_HASH_KEY="2026" * 4)
    assert ids_sent(collector) == NO_CLIENT
    assert said == []


@has_configuration_files
@pytest.mark.parametrize(
    "sampler",
    ["{session_ratio: }", "{parentbased_session_ratio: }", "{parent_based: {root: {session_ratio: }}}"],
)
def test_a_sampler_of_a_configuration_file_takes_its_ratio_from_the_environment(
    run, collector, changed_example, sampler
):
    variables = changed_example(**{"tracer_provider:\n": f"tracer_provider:\n  sampler: {sampler}\n"})
    run(*SAMPLED, **variables, **all_but("otel_sessions"), OTEL_TRACES_SAMPLER_ARG="0.25")
    kept = Counter(span.attributes["session.id"] for span in collector.spans())
    assert set(kept.values()) == {6}
    assert 30 < len(kept) < 70
