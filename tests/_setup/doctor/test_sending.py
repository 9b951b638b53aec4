"""``otel-sessions doctor --send``: a session goes to a real receiver, and what came back is told as it was."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from types import SimpleNamespace

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_sessions._setup.doctor.environment import sending
from otel_sessions._setup.doctor.environment.answers import Answer, finding_of, shown
from otel_sessions._setup.doctor.environment.exporter import Exporter
from otel_sessions._setup.doctor.environment.look import look_at_environment
from otel_sessions._setup.doctor.program.look import look_at_program
from otlp_receivers import answering
from ports import refusing_port
from wire import logs_in, spans_in

KEY = "kEy-of-a-backend-9"
OF_SENDING = ("send", "sent", "nothing-sent")
SECONDS_OF_TRIES = "3"
"""How long what is tried again is tried, where nothing but the end of that time ends it."""


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{KEY}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "5")  # the longest that the doctor allows: machines are busy


@pytest.fixture
def send(monkeypatch):
    """Send to a receiver with the environment; return the findings of that, by code, and the facts."""

    def told(url, **variables):
        for name, value in {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **variables}.items():
            monkeypatch.setenv(name, value)
        report = look_at_environment(sends=True)
        assert KEY not in repr(report)
        return {f.code: f for f in report.findings if f.code.startswith(OF_SENDING)}, report.facts["sent"]

    return told


def partial(count, message=""):
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = count
    response.partial_success.error_message = message
    return response.SerializeToString()


def test_a_receiver_that_takes_it_gets_a_marked_session_with_the_headers_of_the_environment(send):
    with answering() as received:
        found, (fact,) = send(received.url)
    assert set(found) == {"sent"}
    assert found["sent"].level == "hint"
    assert fact["result"] == "SUCCESS"
    assert fact["status"] == 200
    assert received.paths == ["/v1/traces"]
    assert received.headers[0]["authorization"] == f"Bearer {KEY}"
    spans = {span.name: span for span in spans_in(received.bodies)}
    root, work = spans["otel-sessions doctor"], spans["otel-sessions doctor: work"]
    assert work.parent_id == root.span_id
    (session_id,) = {span.attributes["session.id"] for span in spans.values()}
    assert session_id.startswith("otel-sessions-doctor-")
    assert root.attributes["session.name"] == fact["session_name"]
    assert fact["session_name"] in found["sent"].remedy
    assert session_id not in repr((found, fact))


def test_log_records_are_sent_too_where_they_are_exported_by_otlp(send):
    with answering() as received:
        found, facts = send(received.url, OTEL_LOGS_EXPORTER="otlp")
    assert set(found) == {"sent"}
    assert [fact["signal"] for fact in facts] == ["traces", "logs"]
    assert received.paths == ["/v1/traces", "/v1/logs"]
    (record,) = logs_in(received.bodies[1:])
    assert record.attributes["session.id"].startswith("otel-sessions-doctor-")


@pytest.mark.parametrize(
    ("answer", "code", "level", "said"),
    [
        pytest.param({"status": 400}, "send-refused", "error", "HTTP 400", id="400"),
        pytest.param({"status": 401}, "send-refused", "error", "HTTP 401", id="401"),
        pytest.param({"status": 404}, "send-refused", "error", "HTTP 404", id="404"),
        pytest.param({"status": 415}, "send-refused", "error", "HTTP 415", id="415"),
        pytest.param({"status": 500}, "send-refused", "error", "HTTP 500", id="500"),
        pytest.param({"status": 429, "headers": {"Retry-After": "60"}}, "send-retryable", "warning", "HTTP 429", id="429"),
        pytest.param({"status": 503}, "send-retryable", "warning", "HTTP 503", id="503"),
        pytest.param({"body": partial(1, "too\x1b[31m old\n" + "x" * 400)}, "send-rejected", "error", "not keep 1", id="partial"),
        pytest.param({"body": partial(0, "take care")}, "sent", "hint", "took", id="a warning"),
        pytest.param({"body": b'{"partialSuccess":{"rejectedSpans":"2"}}', "kind": "application/json"}, "send-rejected", "error", "not keep 2", id="partial JSON"),
        pytest.param({"body": b"{}", "kind": "application/json; charset=utf-8"}, "sent", "hint", "took", id="JSON"),
        pytest.param({"body": b"[1]", "kind": "application/json"}, "send-answer-unknown", "hint", "none that", id="other JSON"),
        pytest.param({"body": b"\xff\xff\xff"}, "send-answer-unknown", "hint", "none that", id="garbage"),
        pytest.param({"body": b"<html>", "kind": "text/html"}, "send-answer-unknown", "warning", "HTML", id="a page"),
        pytest.param({"after": 60}, "send-timeout", "error", "in time", id="slow"),
        pytest.param({"closes": True}, "send-no-answer", "error", "ConnectionError", id="closing"),
    ],
)  # fmt: skip
def test_what_came_back_is_told(send, answer, code, level, said):
    seconds = SECONDS_OF_TRIES if code in {"send-retryable", "send-timeout", "send-no-answer"} else "5"
    with answering(**answer) as received:
        found, (fact,) = send(received.url, OTEL_EXPORTER_OTLP_TIMEOUT=seconds)
    assert set(found) == {code}
    assert found[code].level == level
    assert said in found[code].what
    assert "\x1b" not in found[code].what
    assert len(found[code].what) < 400
    assert fact["status"] in {answer.get("status", 200), None}


def test_an_answer_that_sends_elsewhere_is_no_success(send):
    with answering(302, headers={"Location": "/login"}) as received:
        found, _ = send(received.url)
    assert set(found) <= {"send-redirected", "send-refused"}  # the lowest SDK follows it, by GET
    assert found


def test_one_that_is_taken_for_a_success_is_none():
    finding, _ = finding_of(Answer(result="SUCCESS", status=302), GRPC, "marker")
    assert finding.code == "send-redirected"
    assert "HTTP 302" in finding.what


def test_a_log_record_that_is_rejected_is_told_of(send):
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = 1
    with answering(body=response.SerializeToString()) as received:
        _, facts = send(received.url, OTEL_LOGS_EXPORTER="otlp")
    assert facts[1]["rejected"] == 1


def test_nobody_there(send):
    with refusing_port() as port:
        found, _ = send(f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT=SECONDS_OF_TRIES)
    assert set(found) == {"send-no-answer"}


def test_a_try_whose_time_was_over_while_it_waited_hides_nothing(send, monkeypatch):
    """A busy machine wakes the exporter late: it tries again with no time left, which its library refuses as a value."""
    tries = iter((0.4, 0.0))

    def late(session, request, **kwargs):
        return send_in(session, request, **kwargs | {"timeout": next(tries, 0.0)})

    send_in = requests.Session.send
    monkeypatch.setattr(requests.Session, "send", late)
    with refusing_port() as port:
        found, (fact,) = send(f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT="4")
    assert set(found) == {"send-no-answer"}
    assert "ValueError" not in repr((found, fact))


def test_one_that_speaks_no_tls_is_told_apart(send):
    with answering() as received:
        found, _ = send(received.url.replace("http://", "https://"), OTEL_EXPORTER_OTLP_TIMEOUT=SECONDS_OF_TRIES)
    assert set(found) == {"send-certificate"}


def test_an_answer_without_end_is_given_up(send, monkeypatch):
    monkeypatch.setattr(sending, "_SECONDS_IN_ALL", 0.3)
    with answering(after=60) as received:
        found, _ = send(received.url, OTEL_EXPORTER_OTLP_TIMEOUT="no number")
    assert set(found) == {"send-timeout"}


def test_a_session_of_a_package_that_logs_in_is_not_replaced(send):
    """Nothing has that name, so the exporter refuses to be made: ours would have been taken without a word."""
    with answering() as received:
        found, _ = send(received.url, OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER="not-there")
    assert set(found) == {"send-failed"}
    assert received.paths == []


def test_without_an_exporter_by_otlp_nothing_is_sent(send):
    with answering() as received:
        for variables in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": ""}):
            found, facts = send(received.url, **variables)
            assert set(found) == {"nothing-sent"}
            assert facts == []
    assert received.paths == []


def test_limits_that_the_sdk_refuses_are_no_crash(send):
    with answering() as received:
        found, _ = send(received.url, OTEL_SPAN_EVENT_COUNT_LIMIT="-7")
    assert set(found) == {"send-failed"}
    assert "ValueError" in found["send-failed"].what


def test_the_command_sends_and_writes_nothing_else_to_the_terminal():
    with answering(401) as received:
        done = subprocess.run(
            [sys.executable, "-c", "from otel_sessions.cli import main; main()", "doctor", "--send", "--json"],
            env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=received.url),
            capture_output=True,
            encoding="utf-8",
            timeout=240,
            check=False,
        )
    assert done.stderr == ""
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["facts"]["sent"][0]["status"] == 401
    assert KEY not in done.stdout


def environment(**variables):
    import os

    return {name: value for name, value in os.environ.items() if name not in variables} | variables


# gRPC

GRPC = Exporter("TRACES", "grpc", "127.0.0.1", 4317, is_tls=False, variable="")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UNAVAILABLE", "send-no-answer"),
        ("DEADLINE_EXCEEDED", "send-timeout"),
        ("RESOURCE_EXHAUSTED", "send-retryable"),
        ("UNAUTHENTICATED", "send-refused"),
        ("UNIMPLEMENTED", "send-refused"),
    ],
)
def test_a_status_of_grpc_is_told(code, expected):
    answer = Answer(result="FAILURE")
    answer.note_argument(type("StatusCode", (), {"name": code})())
    answer.note_argument("a text")
    finding, fact = finding_of(answer, GRPC, "marker")
    assert finding.code == expected
    assert fact["status"] == code


def test_a_success_of_grpc_says_that_nothing_more_is_seen():
    finding, _ = finding_of(Answer(result="SUCCESS"), GRPC, "marker")
    assert "not to be seen" in finding.what


@pytest.mark.parametrize("code", [None, "UNAUTHENTICATED", "UNIMPLEMENTED"])
def test_grpc_is_sent_by_the_exporter_where_it_is_installed(send, code):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    grpc = pytest.importorskip("grpc")
    from concurrent.futures import ThreadPoolExecutor

    bodies = []

    def export(request, context):
        bodies.append(request)
        if code:
            context.abort(grpc.StatusCode[code], f"details with {KEY}")
        return b""

    name = "opentelemetry.proto.collector.trace.v1.TraceService"
    server = grpc.server(ThreadPoolExecutor(2))
    handler = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, {"Export": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    found, _ = send(f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    server.stop(0).wait(5)
    assert set(found) == {"sent" if code is None else "send-refused"}
    assert {span.name for span in spans_in(bodies)} == {"otel-sessions doctor", "otel-sessions doctor: work"}


# What another writes


@given(st.text(max_size=500))
def test_the_text_of_another_stays_in_one_line(text):
    assert len(shown(text)) <= 200
    assert shown(text).isprintable() or not shown(text)


@given(st.binary(max_size=60), st.sampled_from(["application/json", "application/x-protobuf", "text/plain", ""]))
def test_no_answer_raises(body, kind):
    answer = Answer(result="SUCCESS")
    answer.note_response(SimpleNamespace(status_code=200, content=body, headers={"content-type": kind}))
    for signal in ("TRACES", "LOGS"):
        exporter = Exporter(signal, "http/protobuf", "127.0.0.1", 4318, is_tls=False, variable="")
        finding, fact = finding_of(answer, exporter, "marker")
        assert finding.code in {"sent", "send-rejected", "send-answer-unknown"}
        json.dumps(fact)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"partialSuccess":{"rejectedSpans":1e999}}', b'{"partialSuccess":3}']
)
def test_json_of_another_kind_is_no_answer_of_otlp(body):
    finding, _ = finding_of(Answer(result="SUCCESS", status=200, kind="application/json", body=body), GRPC, "marker")
    assert finding.code == "send-answer-unknown"


def test_what_is_not_explained_is_said_so():
    finding, _ = finding_of(Answer(result="FAILURE"), GRPC, "marker")
    assert "does not say why" in finding.what
    finding, _ = finding_of(Answer(errors=[ssl.SSLError("x")]), GRPC, "marker")
    assert finding.code == "send-certificate"


def test_beside_a_program_the_session_goes_to_the_exporter_of_the_environment(monkeypatch, capfd):
    with answering() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        report = look_at_program([sys.executable, "-c", "print('as ever')"], sends=True)
    assert capfd.readouterr().out == "as ever\n"
    assert [finding.code for finding in report.findings if finding.code.startswith(OF_SENDING)] == ["sent"]
    assert [fact["status"] for fact in report.facts["sent"]] == [200]
    assert received.paths == ["/v1/traces"]
