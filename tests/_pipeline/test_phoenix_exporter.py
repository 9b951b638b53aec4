"""Checks on their way to Phoenix: what is sent, where to, and that a server that is ill costs no more than a warning."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from otel_sessions import _diagnostics, check, feedback, log, set_session, turn
from otel_sessions._context.providers import PROVIDERS
from otel_sessions.sdk import PhoenixAnnotationExporter
from otel_sessions.view.loopback import LoopbackServer
from ports import refusing_port
from without_code import all_but

SPANS, TRACES, SESSIONS = "/v1/span_annotations", "/v1/trace_annotations", "/v1/session_annotations"
VARIABLES = (
    "PHOENIX_ENDPOINT",
    "PHOENIX_COLLECTOR_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "PHOENIX_BASE_URL",
    "PHOENIX_HOST",
    "PHOENIX_PORT",
    "PHOENIX_GRPC_PORT",
    "PHOENIX_HOST_ROOT_PATH",
    "PHOENIX_API_KEY",
    "PHOENIX_CLIENT_HEADERS",
    "NETRC",
)


def lost(problem, variable="PHOENIX_COLLECTOR_ENDPOINT"):
    return (
        f"otel_sessions: checks are lost as annotations of Phoenix: {problem}; is {variable}, or endpoint, where it is?"
    )


class Phoenix(LoopbackServer):
    """Answers as Phoenix does, or with the statuses that it is told, and keeps what it is sent."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.heard = list  # what else is done when something is sent: nothing
        self.requests: list[tuple[str, dict[str, str], list[dict[str, object]]]] = []
        super().__init__(Starlette(routes=[Route("/{path:path}", self.take, methods=["POST"])]))

    async def take(self, request):
        self.requests.append((request.url.path, dict(request.headers), (await request.json())["data"]))
        self.heard()
        status = self.statuses.pop(0) if self.statuses else 200
        return JSONResponse({"data": []}, status, {"location": "/elsewhere", "retry-after": "3600"})

    def sent(self):
        return [(path, annotation) for path, _, data in self.requests for annotation in data]

    def annotation(self):
        ((_, annotation),) = self.sent()
        return annotation


@pytest.fixture(autouse=True)
def _no_phoenix(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def phoenix():
    with Phoenix() as server:
        yield server


class Logs:
    """Records as checks leave them, to be exported."""

    def __init__(self, exporter=None) -> None:
        self.kept = InMemoryLogRecordExporter()
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.kept))
        if exporter is not None:
            self.provider.add_log_record_processor(BatchLogRecordProcessor(exporter))

    def batch(self):
        return self.kept.get_finished_logs()


@pytest.fixture
def logs(pipeline):
    logs = Logs()
    PROVIDERS.use(pipeline.provider, logs.provider)
    yield logs
    logs.provider.shutdown()


def exported(server, logs, **options):
    exporter = PhoenixAnnotationExporter(server.url, **options)
    result = exporter.export(logs.batch())
    exporter.shutdown()
    return result


def test_a_check_of_a_turn_is_an_annotation_of_its_span(phoenix, logs, pipeline):
    with pipeline.tracer.start_as_current_span("turn") as span, set_session("conv-42", user_id="ada"):
        check("ok", passed=True, explanation="why", response_id="resp-1")
        log("no check")
    assert exported(phoenix, logs) is LogRecordExportResult.SUCCESS
    assert phoenix.sent() == [
        (
            SPANS,
            {
                "name": "ok",
                "annotator_kind": "CODE",
                "result": {"score": 1.0, "label": "pass", "explanation": "why"},
                "metadata": {"gen_ai.response.id": "resp-1", "user.id": "ada"},
                "identifier": "otel-sessions:response=resp-1",
                "span_id": f"{span.context.span_id:016x}",
            },
        )
    ]


def test_a_check_of_a_turn_below_a_server_span_is_an_annotation_of_the_trace_as_well(phoenix, logs, pipeline):
    """The page of a session shows what is said of the root span and of the trace, and nothing of the spans below."""
    with set_session("conv-42"), pipeline.tracer.start_as_current_span("POST /chat"), turn("reply") as t:
        check("ok", passed=True)
    exported(phoenix, logs)
    context = t.span.get_span_context()
    (spans, of_span), (traces, of_trace) = phoenix.sent()
    assert (spans, of_span.pop("span_id")) == (SPANS, f"{context.span_id:016x}")
    assert (traces, of_trace.pop("trace_id")) == (TRACES, f"{context.trace_id:032x}")
    assert of_span == of_trace


def test_a_check_of_a_session_is_an_annotation_of_it(phoenix, logs):
    feedback("solved", score=0.5, session="conv-42")
    exported(phoenix, logs)
    assert phoenix.sent() == [
        (
            SESSIONS,
            {
                "name": "solved",
                "annotator_kind": "HUMAN",
                "result": {"score": 0.5},
                "metadata": {},
                "identifier": "otel-sessions:as=feedback",
                "session_id": "conv-42",
            },
        )
    ]


def test_a_check_of_neither_is_left_out_and_counted(phoenix, logs):
    check("ok", passed=True)
    assert exported(phoenix, logs) is LogRecordExportResult.SUCCESS
    assert phoenix.requests == []
    assert _diagnostics.counts()["annotation without a target"] == 1


def identifiers(phoenix):
    return [annotation["identifier"] for _, annotation in phoenix.sent()]


def test_a_person_who_thinks_again_replaces_what_was_said(phoenix, logs):
    with set_session("conv-42", user_id="ada"):
        feedback("ok", passed=True)
        feedback("ok", passed=False)
        feedback("ok", passed=False, response_id="resp-1")
    with set_session("conv-42", user_id="bob"):
        feedback("ok", passed=False)
    exported(phoenix, logs)
    ada, bob = "otel-sessions:as=feedback:user=ada", "otel-sessions:as=feedback:user=bob"
    assert identifiers(phoenix) == [ada, ada, f"{ada}:response=resp-1", bob]


def test_a_user_and_an_answer_of_one_id_are_told_apart(phoenix, logs):
    with set_session("conv-42", user_id="r1:response=r2"):
        feedback("ok", passed=True)
    with set_session("conv-42", user_id="r1"):
        feedback("ok", passed=True, response_id="r2")
    with set_session("conv-42"):
        feedback("ok", passed=True, response_id="r1")
    exported(phoenix, logs)
    start = "otel-sessions:as=feedback"
    assert identifiers(phoenix) == [
        f"{start}:user=r1%3Aresponse%3Dr2",
        f"{start}:user=r1:response=r2",
        f"{start}:response=r1",
    ]


def test_of_several_reviewers_each_is_heard(phoenix, logs):
    with set_session("conv-42", user_id="ada"):
        for verdict in (True, False):
            check("ok", passed=verdict, annotator="human", response_id="resp-1")
    exported(phoenix, logs)
    first, second = identifiers(phoenix)
    assert first != second
    assert first.startswith("otel-sessions:at=")


def test_checks_by_code_replace_each_other_where_they_are_of_the_same_answer(phoenix, logs):
    with set_session("conv-42", user_id="ada"):
        for response_id in ("resp-1", "resp-1", None, None):
            check("ok", passed=True, response_id=response_id)
    exported(phoenix, logs)
    first, second, third, fourth = identifiers(phoenix)
    assert (first, second) == ("otel-sessions:response=resp-1",) * 2
    assert len({first, third, fourth}) == 3


def test_the_name_that_phoenix_refuses_is_changed(phoenix, logs):
    check("note", passed=True, session="conv-42")
    exported(phoenix, logs)
    assert phoenix.annotation()["name"] == "note_"


def emitted(logs, **attributes):
    """Write an evaluation as another library may."""
    given = {"gen_ai.evaluation.name": "theirs", "session.id": "conv-42", **attributes}
    logs.provider.get_logger("theirs").emit(LogRecord(event_name="gen_ai.evaluation.result", attributes=given))


def test_what_others_have_written_is_made_fit(phoenix, logs):
    emitted(
        logs,
        **{
            "gen_ai.evaluation.score.value": float("nan"),
            "gen_ai.evaluation.score.label": 7,
            "gen_ai.evaluation.explanation": "a\ud800\0",
            "annotation.annotator_kind": "ROBOT",
        },
    )
    exported(phoenix, logs)
    annotation = phoenix.annotation()
    assert annotation.pop("identifier").startswith("otel-sessions:at=1")
    assert annotation == {
        "name": "theirs",
        "annotator_kind": "CODE",
        "result": {"label": "7", "explanation": "a?"},
        "metadata": {},
        "session_id": "conv-42",
    }


def test_a_number_that_is_too_large_is_left_out(phoenix, logs):
    emitted(logs, **{"gen_ai.evaluation.score.value": 10**400, "gen_ai.evaluation.score.label": "good"})
    exported(phoenix, logs)
    assert phoenix.annotation()["result"] == {"label": "good"}


def test_a_record_of_which_nothing_can_be_made_does_not_cost_the_others(phoenix, logs):
    check("ok", passed=True, session="conv-42")
    (record,) = logs.batch()
    exporter = PhoenixAnnotationExporter(phoenix.url)
    assert exporter.export([object(), record]) is LogRecordExportResult.SUCCESS
    exporter.shutdown()
    assert phoenix.annotation()["name"] == "ok"
    assert _diagnostics.counts()["annotation that could not be made"] == 1


def test_an_event_without_a_name_is_none(phoenix, logs):
    emitted(logs, **{"gen_ai.evaluation.name": ""})
    logs.provider.get_logger("theirs").emit(LogRecord(event_name="gen_ai.evaluation.result"))
    assert exported(phoenix, logs) is LogRecordExportResult.SUCCESS
    assert phoenix.requests == []


def test_very_many_go_in_several_requests(phoenix, logs):
    for number in range(250):
        check("ok", score=number, session="conv-42")
    exported(phoenix, logs)
    assert [len(data) for _, _, data in phoenix.requests] == [100, 100, 50]
    assert [annotation["result"]["score"] for _, annotation in phoenix.sent()] == list(range(250))


# A server that is ill


@pytest.mark.parametrize("status", [429, 503])
def test_what_may_pass_is_tried_again(phoenix, logs, warnings, status):
    phoenix.statuses = [status, status]
    check("ok", passed=True, session="conv-42")
    assert exported(phoenix, logs) is LogRecordExportResult.SUCCESS
    assert len(phoenix.requests) == 3
    assert warnings() == []


@pytest.mark.parametrize("statuses", [[422], [401], [307], [503] * 3], ids=str)
def test_what_is_refused_is_lost_and_said_once(phoenix, logs, warnings, statuses):
    check("ok", passed=True, session="conv-42")
    for _ in range(2):
        phoenix.requests.clear()
        phoenix.statuses = list(statuses)
        assert exported(phoenix, logs, headers={"authorization": "secret"}) is LogRecordExportResult.FAILURE
        assert [path for path, _, _ in phoenix.requests] == [SESSIONS] * len(statuses)
    assert warnings() == [lost(f"status {statuses[0]}")]


@pytest.mark.warned_of("checks are lost")
def test_one_request_that_fails_does_not_keep_back_the_others(phoenix, logs, pipeline):
    with pipeline.tracer.start_as_current_span("turn"):
        check("ok", passed=True)
    check("ok", passed=True, session="conv-42")
    phoenix.statuses = [422]
    assert exported(phoenix, logs) is LogRecordExportResult.FAILURE
    assert [path for path, _ in phoenix.sent()] == [SPANS, SESSIONS]


def test_where_nobody_listens_they_are_lost(logs, warnings):
    check("ok", passed=True, session="conv-42")
    with refusing_port() as port:
        exporter = PhoenixAnnotationExporter(f"http://127.0.0.1:{port}")
        assert exporter.export(logs.batch()) is LogRecordExportResult.FAILURE
    assert warnings() == [lost("ConnectionError")]


class Stalling:
    """A server that answers with the beginning of an answer, and never ends it."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.requests = 0
        self.open: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        socket.create_connection(self.listener.getsockname()).close()
        self.thread.join()
        for connection in (*self.open, self.listener):
            connection.close()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            self.open.append(connection)
            if not connection.recv(1):
                return
            self.requests += 1
            connection.sendall(self.head)


def head(status):
    return f"HTTP/1.1 {status} x\r\nLocation: /elsewhere\r\nContent-Length: 1000\r\n\r\n".encode()


@pytest.mark.parametrize(("status", "requests"), [(307, 1), (503, 3), (422, 1)])
def test_the_status_of_an_answer_that_never_ends_is_enough(logs, warnings, status, requests):
    check("ok", passed=True, session="conv-42")
    with Stalling(head(status)) as server:
        assert exported(server, logs, timeout=60) is LogRecordExportResult.FAILURE
    assert (server.requests, warnings()) == (requests, [lost(f"status {status}")])


def test_an_answer_that_never_ends_is_not_waited_for(logs, warnings):
    check("ok", passed=True, session="conv-42")
    with Stalling(head(200)) as server:
        assert exported(server, logs, timeout=60) is LogRecordExportResult.SUCCESS
    assert warnings() == []


def test_where_nobody_answers_the_rest_is_not_tried(logs, warnings):
    for number in range(250):
        check("ok", score=number, session="conv-42")
    with Stalling(b"") as server:
        assert exported(server, logs, timeout=0.1) is LogRecordExportResult.FAILURE
    assert (server.requests, warnings()) == (1, [lost("ReadTimeout")])


@pytest.mark.warned_of("checks are lost")
def test_what_is_shut_down_does_not_try_again(phoenix, logs):
    exporter = PhoenixAnnotationExporter(phoenix.url)
    phoenix.statuses = [503] * 3
    phoenix.heard = exporter.shutdown
    for number in range(250):
        check("ok", score=number, session="conv-42")
    assert exporter.export(logs.batch()) is LogRecordExportResult.FAILURE
    assert len(phoenix.requests) == 1


def test_without_the_library_it_says_what_to_install(logs, warnings, monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)  # as where it is not installed
    check("ok", passed=True, session="conv-42")
    assert PhoenixAnnotationExporter("http://127.0.0.1").export(logs.batch()) is LogRecordExportResult.FAILURE
    assert "pip install 'otel-sessions[phoenix]'" in warnings()[0]


def test_exporting_never_raises(warnings):
    assert PhoenixAnnotationExporter("http://127.0.0.1").export(None) is LogRecordExportResult.FAILURE
    assert warnings() == [lost("TypeError")]


def test_after_its_shutdown_nothing_is_sent(phoenix, logs):
    check("ok", passed=True, session="conv-42")
    exporter = PhoenixAnnotationExporter(phoenix.url)
    assert exporter.force_flush() is True
    exporter.shutdown()
    assert exporter.export(logs.batch()) is LogRecordExportResult.FAILURE
    assert phoenix.requests == []


# Where to


@pytest.mark.parametrize(
    ("variables", "endpoint", "base"),
    [
        ({}, None, "http://localhost:6006"),
        ({}, "http://a:1/", "http://a:1"),
        ({"PHOENIX_COLLECTOR_ENDPOINT": "http://b"}, "http://a:1", "http://a:1"),
        ({"PHOENIX_COLLECTOR_ENDPOINT": " https://b/s/space/v1/traces "}, None, "https://b/s/space"),
        ({"PHOENIX_COLLECTOR_ENDPOINT": "http://b:4317"}, None, "http://b:6006"),
        (
            {"PHOENIX_COLLECTOR_ENDPOINT": "http://[::1]:7", "PHOENIX_GRPC_PORT": "7", "PHOENIX_PORT": "8"},
            None,
            "http://[::1]:8",
        ),
        ({"PHOENIX_HOST": "0.0.0.0", "PHOENIX_PORT": "7"}, None, "http://127.0.0.1:7"),  # noqa: S104
        ({"PHOENIX_HOST": "c", "PHOENIX_HOST_ROOT_PATH": "/below/"}, None, "http://c:6006/below"),
        ({"PHOENIX_HOST": "https://app.phoenix.example/s/space"}, None, "https://app.phoenix.example/s/space"),
        ({"PHOENIX_HOST": "c:7000"}, None, "http://c:7000"),
        ({"PHOENIX_HOST": "::1"}, None, "http://[::1]:6006"),
        ({"PHOENIX_HOST": " ", "PHOENIX_COLLECTOR_ENDPOINT": " "}, None, "http://localhost:6006"),
        ({name: f"http://{name}" for name in VARIABLES[:4]}, None, "http://PHOENIX_ENDPOINT"),
        ({name: f"http://{name}" for name in VARIABLES[1:4]}, None, "http://PHOENIX_COLLECTOR_ENDPOINT"),
        ({name: f"http://{name}" for name in VARIABLES[2:4]}, None, "http://OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({name: f"http://{name}" for name in (*VARIABLES[3:4], "PHOENIX_HOST")}, None, "http://PHOENIX_BASE_URL"),
        ({"PHOENIX_PORT": "tcp://10.0.0.1:6006"}, None, "http://localhost:6006"),
    ],
)
def test_the_address_is_that_of_phoenix(monkeypatch, variables, endpoint, base):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert PhoenixAnnotationExporter(endpoint)._base == base


@pytest.mark.parametrize("wrong", ["phoenix:6006", "ftp://a", "http://", "http://a:b", 7], ids=str)
def test_an_address_that_cannot_be_used_is_said(logs, warnings, wrong):
    check("ok", passed=True, session="conv-42")
    assert PhoenixAnnotationExporter(wrong).export(logs.batch()) is LogRecordExportResult.FAILURE
    address, then = warnings()
    assert address.startswith(
        "otel_sessions: the address of Phoenix (PHOENIX_COLLECTOR_ENDPOINT, or endpoint) can't be"
    )
    assert then == lost("there is no address that could be used")


def test_the_variable_that_cannot_be_used_is_named(warnings, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    PhoenixAnnotationExporter()
    (said,) = warnings()
    assert said.startswith("otel_sessions: the address of Phoenix (OTEL_EXPORTER_OTLP_ENDPOINT, or endpoint) can't be")


def test_the_key_and_the_headers_go_along(phoenix, logs, monkeypatch):
    monkeypatch.setenv("PHOENIX_API_KEY", "k3y ")
    monkeypatch.setenv("PHOENIX_CLIENT_HEADERS", "X-Team=a%20b, x-other = c,=,junk")
    check("ok", passed=True, session="conv-42")
    exported(phoenix, logs, headers={"X-Other": "mine"})
    ((_, headers, _),) = phoenix.requests
    found = {name: headers[name] for name in ("authorization", "x-team", "x-other")}
    assert found == {"authorization": "Bearer k3y", "x-team": "a b", "x-other": "mine"}


def test_a_key_that_is_blank_is_none(phoenix, logs, monkeypatch):
    monkeypatch.setenv("PHOENIX_API_KEY", "  ")
    check("ok", passed=True, session="conv-42")
    exported(phoenix, logs)
    assert "authorization" not in phoenix.requests[0][1]


def test_a_netrc_does_not_replace_the_key(phoenix, logs, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login jim password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("PHOENIX_API_KEY", "k3y")
    check("ok", passed=True, session="conv-42")
    exported(phoenix, logs)
    assert phoenix.requests[0][1]["authorization"] == "Bearer k3y"


def test_it_shows_no_key(monkeypatch):
    monkeypatch.setenv("PHOENIX_API_KEY", "k3y")
    assert repr(PhoenixAnnotationExporter("http://user:secret@a")) == "<PhoenixAnnotationExporter>"


PROGRAM = """
from otel_sessions import check, set_session
with set_session("conv-42", user_id="ada"):
    check("ok", passed=True)
"""


def test_without_code_the_environment_is_enough(phoenix):
    instrument = Path(sys.executable).parent / "opentelemetry-instrument"
    environment = {
        **os.environ,
        **all_but("otel_sessions"),
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "phoenix_annotations",
        "PHOENIX_COLLECTOR_ENDPOINT": phoenix.url,
    }
    subprocess.run([str(instrument), sys.executable, "-c", PROGRAM], env=environment, check=True, timeout=240)
    annotation = phoenix.annotation()
    assert (annotation["name"], annotation["session_id"], annotation["metadata"]) == (
        "ok",
        "conv-42",
        {"user.id": "ada"},
    )
    assert json.dumps(annotation["result"]) == '{"label": "pass", "score": 1.0}'
