"""The doctor runs real programs, right ones and broken ones, and names what is wrong and what to write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from otel_sessions._setup.doctor.program.look import look_at_program
from ports import free_port
from without_code import all_but

SET_UPS = Path(__file__).parent / "set_ups"
BIN = Path(sys.executable).parent
SECONDS = 240
NOWHERE = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
CONSOLE = ("plain.py", "console")


class Found(NamedTuple):
    codes: set[str]
    remedies: str
    facts: dict
    text: str


def found_in(report) -> Found:
    findings = [finding for finding in report["findings"] if finding["level"] != "hint"]
    return Found(
        {finding["code"] for finding in findings},
        "\n".join(finding["remedy"] for finding in findings),
        report["facts"],
        json.dumps(report),
    )


@pytest.fixture
def examine(monkeypatch, capfd):
    """Return a function that has the doctor run a program of `SET_UPS`, and returns what it finds."""

    def run(name, *arguments, seconds=None, environment=None):
        monkeypatch.chdir(SET_UPS)
        for variable, value in (environment or {}).items():
            monkeypatch.setenv(variable, value)
        report = look_at_program([sys.executable, name, *arguments], seconds=seconds)
        capfd.readouterr()
        findings = [asdict(finding) for finding in report.findings]
        return found_in({"findings": findings, "facts": report.facts})

    return run


BROKEN = [
    pytest.param(("no_processor.py",), {}, "no-processor", "otel_sessions.sdk.instrument()", id="no processor"),
    pytest.param(("too_early.py",), {}, "no-processor", "instrument(tracer_provider=provider)", id="too early"),
    pytest.param(
        ("by_hand.py", "second"), {}, "no-processor", "instrument(tracer_provider=provider)", id="second provider"
    ),
    pytest.param(
        ("by_hand.py", "right"),
        {"OTEL_TRACES_SAMPLER": "session_ratio", "OTEL_TRACES_SAMPLER_ARG": "1.0"},
        "sampler-not-taken",
        "ParentBasedSessionRatio(0.1)",
        id="sampler of the environment",
    ),
    pytest.param(("unguarded.py",), {}, "unguarded", "session_baggage", id="unguarded propagators"),
    pytest.param(("by_hand.py", "own trace"), {}, "own-trace-of-framework", "framework", id="own trace"),
    pytest.param(("by_hand.py", "no session"), {}, "unknown", "set_session", id="a call outside"),
    pytest.param(("by_hand.py", "thrown away"), {}, "never-entered", "with set_session", id="thrown away"),
    pytest.param(
        ("by_hand.py", "httpx2"),
        {},
        "httpx2-not-instrumented",
        "HTTPX2ClientInstrumentor",
        id="httpx2",
        marks=pytest.mark.skipif(find_spec("httpx2") is None, reason="openai sends by httpx"),
    ),
    pytest.param(("plain.py", "no session", "console"), {}, "no-session", "set_session", id="no session"),
    pytest.param(("plain.py", "no exporter"), {}, "no-exporter", "add_span_processor", id="no exporter"),
    pytest.param(("plain.py", "no provider"), {}, "no-provider", "set_tracer_provider", id="no provider"),
    pytest.param((*CONSOLE, "fails"), {}, "program-failed", "run it again", id="fails"),
    pytest.param(
        ("plain.py",),
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"},
        "exporter-fails",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        id="exporter that is refused",
    ),
    pytest.param(
        CONSOLE,
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.9"},
        "sampler-tears-sessions",
        "session_ratio",
        id="ratio of traces",
    ),
    pytest.param(CONSOLE, {"OTEL_TRACES_SAMPLER": "always_off"}, "sampler-off", "always_on", id="sampler off"),
    pytest.param(CONSOLE, {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1"}, "limit-drops-ids", "unset", id="one attribute"),
    pytest.param(CONSOLE, {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "20"}, "limit-cuts-ids", "200", id="short values"),
    pytest.param(CONSOLE, {"OTEL_SDK_DISABLED": "true"}, "sdk-disabled", "unset", id="switched off"),
    pytest.param(CONSOLE, {"OTEL_SESSION_DISABLED": "true"}, "sessions-disabled", "unset", id="sessions off"),
    pytest.param(("by_hand.py", "later"), {}, "after-block", "bind_session", id="left for later"),
    pytest.param(
        ("by_hand.py", "processes"),
        {},
        "context-lost-process",
        "to_carrier",
        id="a pool of processes",
        marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks"),
    ),
]


@pytest.mark.parametrize(("command", "environment", "code", "remedy"), BROKEN)
def test_what_is_broken_is_named_with_the_remedy(examine, command, environment, code, remedy):
    found = examine(*command, environment=environment)
    assert code in found.codes
    assert remedy in found.remedies
    assert "conv-4" not in found.text  # no id


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("mode", "code", "remedy"),
    [
        pytest.param("threads", "context-lost-thread", "instrumentation-threading", id="thread pool"),
        pytest.param("stream", "context-lost-stream", "scope.wrap", id="stream"),
    ],
)
def test_a_context_that_is_lost_is_named_with_the_remedy(examine, mode, code, remedy):
    found = examine("by_hand.py", mode)
    assert found.codes == {code}
    assert remedy in found.remedies


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("mode", ["right", "background", "two processors", "thread of a library"])
def test_what_is_right_has_no_findings(examine, mode):
    found = examine("by_hand.py", mode)
    assert found.codes == set()
    assert found.facts["llm_without_session"] == 0
    assert found.facts["llm_spans"] > 0


@contextmanager
def under_the_doctor(*command, environment=None):
    """Have the doctor run a command as long as the block lasts; what it finds is in the list."""
    doctor = subprocess.Popen(
        [sys.executable, "-m", "otel_sessions.cli", "doctor", "--json", "--", *command],
        cwd=SET_UPS,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    found = []
    yield found
    doctor.send_signal(signal.SIGTERM)
    written, _ = doctor.communicate(timeout=SECONDS)
    found.append(found_in(json.loads(written)))


def serve(path, *command, environment=None, requests=4):
    """Have the doctor run a server, send it requests, end it, and return what is found."""
    port = free_port()
    arguments = [argument.replace("PORT", str(port)) for argument in command]
    with (
        under_the_doctor(*arguments, environment=environment) as found,
        httpx.Client(trust_env=False, timeout=SECONDS) as client,
    ):
        for _ in range(requests):
            get(client, f"http://127.0.0.1:{port}{path}")
    return found[0]


def get(client, url):
    """Call a server that may not listen yet."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            return client.get(url).raise_for_status()
        time.sleep(0.05)
    raise TimeoutError


UVICORN = (sys.executable, "-m", "uvicorn", "web_app:app", "--port", "PORT", "--log-level", "warning")


def test_the_workers_of_a_server_are_looked_at():
    found = serve("/right?conversation=conv-42", *UVICORN, "--workers", "2")
    assert found.codes == set()
    assert found.facts["llm_spans"] == 4
    assert found.facts["without_session"] == 0


def test_a_session_that_is_set_in_a_handler_leaves_the_server_span_bare():
    found = serve("/handler?conversation=conv-42", *UVICORN)
    assert found.codes == {"before-bind"}
    assert "bind_session(...) there" in found.remedies


def test_a_session_in_a_sync_dependency_reaches_nothing():
    found = serve("/depends?conversation=conv-42", *UVICORN)
    assert found.codes == {"nobody-inside"}
    assert "bind_session" in found.remedies


@pytest.mark.skipif(not hasattr(os, "fork"), reason="gunicorn needs forks")
def test_what_is_forked_under_opentelemetry_instrument_is_looked_at():
    gunicorn = (str(BIN / "gunicorn"), "-w", "2", "-b", "127.0.0.1:PORT", "flask_app:app")
    found = serve(
        "/right?conversation=conv-42",
        str(BIN / "opentelemetry-instrument"),
        *gunicorn,
        environment={**NOWHERE, **all_but("otel_sessions", "flask")},
    )
    assert found.codes == set()
    assert found.facts["spans"] == 4
    assert found.facts["without_session"] == 0


def test_a_worker_of_celery_is_looked_at(tmp_path):
    environment = {"BROKER_FOLDER": str(tmp_path)}
    (tmp_path / "control").mkdir()
    asking = [sys.executable, "tasks.py"]
    subprocess.run(asking, cwd=SET_UPS, check=True, capture_output=True, env={**os.environ, **environment})
    worker = (sys.executable, "-m", "celery", "-A", "tasks", "worker", "--concurrency", "1", "--loglevel", "ERROR")
    with under_the_doctor(*worker, environment=environment) as found:
        end = time.monotonic() + SECONDS
        while not (tmp_path / "done").exists() and time.monotonic() < end:
            time.sleep(0.05)
    assert found[0].codes == set()
    assert found[0].facts["spans"] == 2
    assert found[0].facts["without_session"] == 0


def test_a_start_without_code_that_fails_is_told_of(monkeypatch, capfd):
    for name, value in {**NOWHERE, "OTEL_TRACES_EXPORTER": "otlp_none", **all_but("otel_sessions")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(SET_UPS)
    report = look_at_program([str(BIN / "opentelemetry-instrument"), sys.executable, "-c", "print('ran')"])
    assert capfd.readouterr().out == "ran\n"
    assert "auto-instrumentation-fails" in {finding.code for finding in report.findings}
