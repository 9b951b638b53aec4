"""``otel-sessions doctor``, run in real environments: what it finds, what it shows, and what it does not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from otel_sessions._setup.doctor.environment.exporter import Exporter
from otel_sessions._setup.doctor.environment.look import look_at_environment
from otel_sessions._setup.doctor.environment.reaching import is_dialled, unreachable, why_unreachable
from otlp_receivers import answering
from ports import refusing_port

pytestmark = pytest.mark.usefixtures("all_measured")
SECRET = "sEcReT7d1f"  # noqa: S105  # none, but to be looked for
AN_ID = "5d41402a-bc4b-4a76-b971-9d911017c592"


def doctor(*arguments, without=(), **variables):
    """Run the command with these variables, and none other of OpenTelemetry."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TRACEPARENT", "BAGGAGE"))
    }
    code = "import sys; [sys.modules.update({name: None}) for name in sys.argv.pop(1).split()]; "
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"{code}from otel_sessions.cli import main; main()",
            " ".join(without),
            "doctor",
            *arguments,
        ],
        env=kept | variables,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )


def report_of(done):
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_a_sound_environment_has_hints_at_most():
    with answering() as received:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        done = doctor("--json", **variables)
        report = report_of(done)
        assert done.returncode == 0
        assert report["is_good"]
        assert report["looked_at"] == "environment"
        address = received.url.removeprefix("http://")
        assert report["facts"]["exporter"] == {"protocol": "http/protobuf", "address": address, "is_reachable": True}
        assert report["facts"]["packages"]["opentelemetry-sdk"]
        assert report["facts"]["settings"]["OTEL_SESSION_PROPAGATE_TO"] == "private"
        assert report["facts"]["sent"] == []
        assert received.paths == []  # nothing is sent without --send


def test_what_is_wrong_is_told_with_its_remedy():
    done = doctor(OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0.1", OTEL_SESSION_DIALECT="genai")
    assert done.returncode == 1
    lines = [line.split("remedy:")[-1].strip() for line in done.stdout.splitlines()]
    assert "export OTEL_TRACES_SAMPLER=session_ratio" in lines
    assert 'export OTEL_SESSION_DIALECTS="$OTEL_SESSION_DIALECT"' in lines


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"OTEL_SESSION_TRUST_INCOMING": "perhaps"}, "setting-unusable"),
        ({"OTEL_SESSIONS_ID": "auto"}, "setting-unknown"),
        ({"OTEL_PROPAGATORS": "none"}, "propagators-without-baggage"),
        ({"OTEL_PROPAGATORS": "tracecontext"}, "propagators-without-baggage"),
        ({"OTEL_PROPAGATORS": "baggage,session_baggage"}, "propagators-twice"),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "otel_sessions"}, "instrumentation-left-out"),
        ({"OTEL_SESSION_TRUST_INCOMING": "false", "OTEL_SESSION_INCOMING_HEADERS": "session.id=x-s"}, "headers-not-read"),
        ({"OTEL_TRACES_SAMPLER": "half"}, "sampler-unusable"),
    ],
)  # fmt: skip
def test_what_config_complains_of_is_a_finding(monkeypatch, variables, code):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = {finding.code: finding for finding in look_at_environment().findings}
    assert found[code].level == "warning"
    assert found[code].where in variables


def test_no_id_no_key_and_no_header_is_in_what_is_written():
    """In every variable that may have one; what names of settings, hosts and choices are is shown, as by config."""
    endpoint = f"http://user:{SECRET}@127.0.0.1:9/{SECRET}?key={SECRET}"
    variables = {
        "BAGGAGE": f"session.id={AN_ID},user.id={SECRET}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {SECRET},{SECRET}",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"{SECRET}: {SECRET}",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint,
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_RESOURCE_ATTRIBUTES": f"a={SECRET}",
        "OTEL_SESSION_ID": AN_ID,
        "OTEL_SESSION_INCOMING_HEADERS": f"{SECRET}=",
        "OTEL_SESSION_USER_HASH_KEY": SECRET,
        "OTEL_SESSION_USER_ID": f"{SECRET}@corp.example",
        "OTEL_SESSION_USER_PRIVACY": SECRET,
        "OTEL_TRACES_EXPORTER": f"otlp,{SECRET}",
        "OTEL_TRACES_SAMPLER": SECRET,
        "TRACEPARENT": f"00-{SECRET}",
        "OPENAI_API_KEY": SECRET,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    for arguments in ((), ("--json",), ("--send",), ("--send", "--json")):
        done = doctor(*arguments, **variables)
        assert done.returncode == 1
        assert SECRET not in done.stdout + done.stderr
        assert AN_ID not in done.stdout + done.stderr
        assert "127.0.0.1:9" in done.stdout


def test_what_the_extra_brings_is_asked_for():
    done = doctor(without=["packaging"])
    assert done.returncode == 2
    assert "pip install 'otel-sessions[cli]'" in done.stderr


def test_without_an_sdk_it_looks_all_the_same():
    done = doctor("--json", without=["opentelemetry.sdk"])
    assert report_of(done)["looked_at"] == "environment"


def test_with_a_configuration_file_no_exporter_is_looked_for(monkeypatch):
    monkeypatch.setenv("OTEL_CONFIG_FILE", "otel.yaml")
    report = look_at_environment(sends=True)
    assert report.facts["exporter"] is None
    assert {"configuration-file", "nothing-sent"} <= {finding.code for finding in report.findings}


def test_a_certificate_that_is_not_there_is_told_of(monkeypatch, tmp_path):
    (tmp_path / "a.pem").touch()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "a.pem"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", str(tmp_path / "b.pem"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "c" * 5000)
    found = [finding.where for finding in look_at_environment().findings if finding.code == "certificate-missing"]
    assert found == ["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY"]


# Reaching


@pytest.fixture
def closed_port():
    with refusing_port() as port:
        yield port


@pytest.mark.parametrize(
    ("variables", "code", "level"),
    [
        ({}, "default-unreachable", "hint"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "exporter-unreachable", "error"),
    ],
)
def test_a_default_that_nobody_asked_for_may_be_unreachable(monkeypatch, variables, code, level):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = {finding.code: finding.level for finding in look_at_environment().findings}
    if code not in found and why_unreachable("localhost", 4318) is None:
        pytest.skip("something listens at the default port")  # pragma: no cover
    assert found[code] == level


def test_what_is_meant_is_an_error_and_what_is_not_a_hint():
    exporter = Exporter("TRACES", "grpc", "localhost", 4317, is_tls=False, variable="")
    found = [unreachable(exporter, "nothing listens there", is_meant=is_meant) for is_meant in (True, False)]
    assert [(each.code, each.level) for each in found] == [
        ("exporter-unreachable", "error"),
        ("default-unreachable", "hint"),
    ]
    assert found[1].remedy.endswith("http://collector.example:4317")


def test_a_named_receiver_that_is_not_there_is_an_error(monkeypatch, closed_port):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{closed_port}/{SECRET}")
    report = look_at_environment()
    (found,) = (finding for finding in report.findings if finding.code == "exporter-unreachable")
    assert found.what == f"The exporter can't reach 127.0.0.1:{closed_port}: nothing listens there."
    assert report.facts["exporter"]["is_reachable"] is False


def test_a_target_of_grpcs_own_and_one_behind_a_proxy_are_not_dialled(monkeypatch, closed_port):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "")
    report = look_at_environment()
    assert report.facts["exporter"]["is_reachable"] is None
    assert "exporter-unreachable" not in {finding.code for finding in report.findings}


def test_what_stands_for_a_proxy():
    def exporter(host, *, is_tls=False):
        return Exporter("TRACES", "http/protobuf", host, 4318, is_tls=is_tls, variable="")

    assert is_dialled(exporter("a"), {})
    assert not is_dialled(exporter("a"), {"http_proxy": "p"})
    assert is_dialled(exporter("a", is_tls=True), {"http_proxy": "p"})
    assert not is_dialled(exporter("a", is_tls=True), {"ALL_PROXY": "p"})
    assert is_dialled(exporter("a.corp.example"), {"http_proxy": "p", "no_proxy": "corp.example"})
    assert not is_dialled(exporter(None), {})


def test_a_connection_is_made_and_closed_and_nothing_is_sent():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        came = []

        def read():
            with server.accept()[0] as connection:
                came.append(connection.recv(10))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        assert why_unreachable(*server.getsockname()[:2]) is None
        reader.join(60)
    assert came == [b""]


def test_why_a_host_is_not_reached(closed_port, monkeypatch):
    assert why_unreachable("127.0.0.1", closed_port) == "nothing listens there"
    assert why_unreachable("no-such-host.invalid", 1) == "its name can't be looked up"
    assert why_unreachable("a" * 70 + ".example", 1).startswith(("connecting to it raised", "its name"))
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as server:  # a full queue takes no more
        full = [socket.socket() for _ in range(3)]
        for each in full:
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        monkeypatch.setattr("otel_sessions._setup.doctor.environment.reaching._SECONDS", 0.3)
        assert why_unreachable(*server.getsockname()) == "it did not answer in time"
        monkeypatch.setattr("otel_sessions._setup.doctor.environment.reaching._SECONDS", 2.0)
        assert why_unreachable(*server.getsockname(), seconds=0.1) == "it did not answer in time"
        for each in full:
            each.close()
