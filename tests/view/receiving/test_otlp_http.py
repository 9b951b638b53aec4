"""What exporters send over HTTP is kept, and each request is answered as OTLP says."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import socket
import sqlite3
import threading
import time
import zlib
from contextlib import suppress
from importlib.util import find_spec

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_sessions.view.receiving import http, refusals
from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.store.interface import StoreFullError
from otlp_requests import SPAN_ID, TRACE_ID, logs, metrics, span, text, traces
from receivers import Kept, receiving

BODY = traces(span(attributes=[text("session.id", "s-1")])).SerializeToString()
HALF_BAD = traces(span(), span(trace_id=b""), span(trace_id=b"")).SerializeToString()
JSON = "application/json"
TOKEN = "token-of-this-test"  # noqa: S105


@pytest.fixture(scope="module")
def shared():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def receiver(shared):
    shared.kept.batches.clear()
    shared.kept.error = None
    return shared


@pytest.mark.parametrize("compression", list(Compression))
def test_spans_of_the_sdk_are_kept(receiver, pipeline, compression):
    with pipeline.tracer.start_as_current_span("turn"), pipeline.tracer.start_as_current_span("call"):
        pass
    exporter = OTLPSpanExporter(f"{receiver.url}/v1/traces", compression=compression)
    assert exporter.export(pipeline.exporter.get_finished_spans()) is SpanExportResult.SUCCESS
    assert [Span.FromString(each.raw).name for each in receiver.kept.spans] == ["call", "turn"]
    exporter.shutdown()


def test_records_of_the_sdk_are_kept(receiver):
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{receiver.url}/v1/logs")))
    provider.get_logger("tests").emit(body="hello")
    provider.shutdown()
    [record] = receiver.kept.logs
    assert LogRecord.FromString(record.raw).body.string_value == "hello"


def test_metrics_of_the_sdk_are_counted_and_dropped():
    with receiving() as receiver:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{receiver.url}/v1/metrics"))
        provider = MeterProvider([reader], shutdown_on_exit=False)
        provider.get_meter("tests").create_counter("calls").add(1)
        provider.shutdown()
        assert receiver.intake.metrics >= 1
        assert receiver.kept.batches == []


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
def test_success_is_an_empty_answer_in_the_encoding_of_the_request(receiver, path):
    answer = receiver.post(path, b"")
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/x-protobuf", b"")
    answer = receiver.post(path, b"{}", f"{JSON}; charset=utf-8")
    assert (answer.status, answer.headers["content-type"], json.loads(answer.body)) == (200, JSON, {})
    assert receiver.kept.batches == []


def test_json_by_hand_is_kept(receiver):
    of_span = {"traceId": TRACE_ID.hex(), "spanId": SPAN_ID.hex(), "name": "by hand"}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [of_span]}]}]}).encode()
    assert receiver.post("/v1/traces", body, JSON).status == 200
    assert [Span.FromString(each.raw).name for each in receiver.kept.spans] == ["by hand"]


def test_metrics_in_json_are_counted(receiver):
    before = receiver.intake.metrics
    assert (
        receiver.post("/v1/metrics", b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{}]}]}]}', JSON).status == 200
    )
    assert receiver.post("/v1/metrics", metrics("a", "b").SerializeToString()).status == 200
    assert receiver.intake.metrics == before + 3


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("identity", bytes),
    ],
)
def test_each_compression_is_unpacked(receiver, encoding, pack):
    assert receiver.post("/v1/traces", pack(BODY), content_encoding=encoding).status == 200
    assert len(receiver.kept.spans) == 1


def test_what_was_refused_of_a_request_is_told(receiver):
    reason = "2 spans have no valid trace id"
    answer = receiver.post("/v1/traces", HALF_BAD)
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_spans, partial.error_message) == (200, 2, reason)
    of_span = {"traceId": "", "spanId": ""}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [of_span, of_span]}]}]}).encode()
    answer = receiver.post("/v1/traces", body, JSON)
    assert json.loads(answer.body) == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": reason}}
    assert len(receiver.kept.spans) == 1


def test_what_was_refused_of_records_is_told(receiver):
    bad = LogRecord(attributes=[text("k", "v")] * 10_001)
    answer = receiver.post("/v1/logs", logs(bad).SerializeToString())
    partial = ExportLogsServiceResponse.FromString(answer.body).partial_success
    assert (partial.rejected_log_records, partial.error_message) == (1, "1 record has more than 10,000 attributes")
    records = [{"attributes": [{"key": "k"}] * 10_001}]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    assert json.loads(receiver.post("/v1/logs", body, JSON).body)["partialSuccess"]["rejectedLogRecords"] == "1"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"not OTLP", {}),
        (b"not gzip", {"content_encoding": "gzip"}),
        (gzip.compress(BODY, mtime=0)[:-9], {"content_encoding": "gzip"}),
        (b"", {"content_encoding": "deflate"}),
        (b"{", {"kind": JSON}),
    ],
)
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
def test_what_is_no_otlp_is_answered_by_a_status(receiver, path, body, headers):
    answer = receiver.post(path, body, **headers)
    assert answer.status == 400
    if headers.get("kind") == JSON:
        assert (answer.headers["content-type"], json.loads(answer.body)["code"]) == (JSON, 3)
    else:
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert Status.FromString(answer.body).code == 3
        assert Status.FromString(answer.body).message


@pytest.mark.parametrize("path", ["/v1/profiles", "/v1/traces/", "/v1/"])
def test_a_path_that_is_none_is_404(receiver, path):
    answer = receiver.post(path, BODY)
    assert (answer.status, Status.FromString(answer.body).code) == (404, 5)


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_another_method_is_405(receiver, method):
    answer = receiver.ask(method, "/v1/traces")
    assert (answer.status, answer.headers["allow"], json.loads(answer.body)["code"]) == (405, "POST, OPTIONS", 12)


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_type_is_415(receiver, kind):
    answer = receiver.post("/v1/traces", BODY, kind)
    assert (answer.status, answer.headers["content-type"]) == (415, JSON)
    assert "application/x-protobuf" in json.loads(answer.body)["message"]


def test_another_encoding_is_415(receiver):
    assert receiver.post("/v1/traces", BODY, content_encoding="br").status == 415


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_413_and_not_unpacked(receiver, encoding):
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    megabyte = bytes(2**20)
    bomb = b"".join([*(packer.compress(megabyte) for _ in range(300)), packer.flush()])
    started = time.process_time()
    answer = receiver.post("/v1/traces", bomb, content_encoding=encoding)
    assert (answer.status, Status.FromString(answer.body).code) == (413, 8)
    assert time.process_time() - started < 5


def test_a_body_that_says_it_is_too_large_is_413_at_once(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999999\r\n\r\n"
        )
        assert connection.recv(99).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_grows_too_large_is_413(receiver, monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY_SIZE", 100)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + b"40\r\n" + bytes(64) + b"\r\n" + b"40\r\n" + bytes(64) + b"\r\n"
        )
        assert connection.recv(99).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_pieces_is_one(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for byte in BODY:
            connection.sendall(b"1\r\n%c\r\n" % byte)
            time.sleep(0.001)
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(99).startswith(b"HTTP/1.1 200 ")
    assert len(receiver.kept.spans) == 1


def test_a_body_that_does_not_come_is_408(receiver, monkeypatch):
    monkeypatch.setattr(http, "BODY_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        assert connection.recv(99).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_goes_leaves_nothing(receiver):
    room = receiver.intake._room
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        time.sleep(0.1)
    assert receiver.post("/v1/traces", BODY).status == 200
    deadline = time.monotonic() + 60
    while receiver.intake._room != room and time.monotonic() < deadline:
        time.sleep(0.01)
    assert receiver.intake._room == room


@pytest.mark.parametrize(
    "header", [b"x-long: " + bytes(2**20).replace(b"\0", b"a"), b"x-many: a\r\n" * 2**17], ids=["long", "many"]
)
def test_headers_that_do_not_end_are_400_and_the_connection_is_closed(receiver, header):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=60) as connection:
        with suppress(OSError):
            connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" + header)
        with suppress(ConnectionError):  # what was sent and not read makes it end by a reset
            assert connection.recv(99).startswith(b"HTTP/1.1 400 ")
    assert receiver.post("/v1/traces", BODY).status == 200


def test_long_headers_that_end_are_read(receiver):
    assert receiver.post("/v1/traces", BODY, x_long="a" * 2**16).status == 200


def test_it_listens_at_both_addresses(receiver):
    with socket.create_connection(("::1", receiver.port), timeout=60) as connection:
        connection.sendall(b"GET /v1/traces HTTP/1.1\r\nHost: [::1]\r\n\r\n")
        assert connection.recv(99).startswith(b"HTTP/1.1 405 ")


def test_it_says_who_it_is(receiver):
    assert receiver.post("/v1/traces", b"").headers["server"].startswith("otel-sessions/")


def test_more_than_may_wait_is_429_and_kept_when_sent_again():
    with receiving(max_waiting=len(BODY) + 10) as receiver:
        receiver.kept.may_write.clear()
        first = threading.Thread(target=receiver.post, args=("/v1/traces", BODY))
        first.start()
        deadline = time.monotonic() + 60
        while receiver.intake._room > 10 and time.monotonic() < deadline:
            time.sleep(0.002)
        answer = receiver.post("/v1/traces", BODY)
        status = Status.FromString(answer.body)
        assert (answer.status, answer.headers["retry-after"], status.code) == (429, "1", 8)
        info = RetryInfo()
        assert status.details[0].Unpack(info)
        assert info.retry_delay.seconds == 1
        receiver.kept.may_write.set()
        first.join()
        assert receiver.post("/v1/traces", BODY).status == 200
        assert len(receiver.kept.spans) == 2


def test_an_answer_comes_after_the_store_has_written():
    with receiving() as receiver:
        receiver.kept.may_write.clear()
        answers = []
        sending = threading.Thread(target=lambda: answers.append(receiver.post("/v1/traces", BODY)))
        sending.start()
        time.sleep(0.2)
        assert answers == []
        receiver.kept.may_write.set()
        sending.join()
        assert [answer.status for answer in answers] == [200]


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [
        (StoreFullError("full"), 429, 8, "1"),
        (sqlite3.OperationalError("disk I/O error"), 503, 14, "1"),
        (OSError("no space"), 503, 14, "1"),
        (KeyError("fault"), 500, 13, None),
    ],
    ids=["full", "database", "disk", "fault"],
)
def test_what_the_store_raises_is_answered_and_said_once(receiver, error, status, code, retry, caplog):  # noqa: PLR0913, PLR0917
    receiver.kept.error = error
    refusals._told.clear()
    with caplog.at_level(logging.WARNING):
        answers = [receiver.post("/v1/traces", BODY) for _ in range(3)]
    assert {(each.status, Status.FromString(each.body).code, each.headers.get("retry-after")) for each in answers} == {
        (status, code, retry)
    }
    assert len(caplog.records) == (0 if status == 429 else 1)
    caplog.clear()  # the one that is expected


def test_after_the_end_it_is_503():
    with receiving() as ended:
        ended.intake.close()
        answer = ended.post("/v1/traces", BODY)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.skipif(
    find_spec("opentelemetry.exporter.otlp.common") is None, reason="this release of the exporter gives up at 429"
)
def test_the_sdk_sends_again_what_was_429(pipeline):
    with pipeline.tracer.start_as_current_span("turn"):
        pass
    with receiving() as receiver:
        receiver.kept.error = StoreFullError("full")
        exporter = OTLPSpanExporter(f"{receiver.url}/v1/traces")
        threading.Timer(0.5, lambda: setattr(receiver.kept, "error", None)).start()
        assert exporter.export(pipeline.exporter.get_finished_spans()) is SpanExportResult.SUCCESS
        assert len(receiver.kept.spans) == 1
        exporter.shutdown()


def test_a_token_is_asked_for():
    with receiving(token=TOKEN) as receiver:
        for headers in ({}, {"authorization": "Bearer other"}, {"authorization": TOKEN}):
            answer = receiver.post("/v1/traces", BODY, **headers)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert Status.FromString(answer.body).code == 16
        assert receiver.post("/v1/traces", BODY, authorization=f"bearer {TOKEN}").status == 200
        assert len(receiver.kept.spans) == 1


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173", "http://a.localhost"]
)
def test_pages_of_this_machine_may_send(receiver, origin):
    headers = {"access_control_request_method": "POST", "access_control_request_headers": "content-type,x-other"}
    answer = receiver.ask("OPTIONS", "/v1/traces", origin=origin, **headers)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-headers"] == "content-type,x-other"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert "access-control-allow-private-network" not in answer.headers
    answer = receiver.post("/v1/traces", BODY, origin=origin)
    assert (answer.status, answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (
        200,
        origin,
        "Origin",
    )
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "file://",
        "http://localhost.evil.example",
        "ftp://localhost",
        "http://[",
        "http://u@localhost",
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_pages_from_elsewhere_may_not(receiver, origin, method):
    answer = receiver.ask(method, "/v1/traces", BODY, origin=origin, content_type="application/x-protobuf")
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert receiver.kept.batches == []


def test_pages_that_are_named_may_send():
    with receiving(cors=("https://app.example",)) as receiver:
        answer = receiver.ask(
            "OPTIONS", "/v1/logs", origin="https://app.example", access_control_request_private_network="true"
        )
        assert (answer.status, answer.headers["access-control-allow-private-network"]) == (204, "true")
        assert receiver.post("/v1/traces", BODY, origin="https://other.example").status == 403
    with receiving(cors=("*",)) as receiver:
        assert receiver.post("/v1/traces", BODY, origin="https://other.example").status == 200


def test_a_name_of_another_server_is_refused(receiver):
    answer = receiver.post("/v1/traces", BODY, host="rebound.example")
    assert (answer.status, json.loads(answer.body)["code"]) == (403, 7)


def test_a_connection_is_used_again(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=60) as connection:
        for _ in range(3):
            connection.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
            )
            assert connection.recv(999).startswith(b"HTTP/1.1 200 ")
    assert len(receiver.kept.spans) == 3


@given(
    body=st.binary(max_size=200) | st.just(BODY),
    path=st.sampled_from(["/v1/traces", "/v1/logs", "/v1/metrics"]),
    kind=st.sampled_from(["application/x-protobuf", JSON]),
    encoding=st.sampled_from(["identity", "gzip", "deflate"]),
    packs=st.booleans(),
)
def test_any_body_is_answered(shared, body, path, kind, encoding, packs):  # noqa: PLR0913, PLR0917
    pack = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[encoding] if packs else bytes
    answer = shared.post(path, pack(body), kind, content_encoding=encoding)
    assert answer.status in {200, 400}
    assert answer.headers["content-type"] == kind


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_at_the_port_leave_it_serving(shared, sent):
    with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.02)
        with suppress(OSError):
            connection.recv(99)
    assert shared.post("/v1/traces", b"").status == 200


def test_many_at_once_are_all_kept(receiver):
    ids = [os.urandom(8) for _ in range(60)]

    def send(some: list[bytes]) -> None:
        for each in some:
            assert receiver.post("/v1/traces", traces(span(span_id=each)).SerializeToString()).status == 200

    threads = [threading.Thread(target=send, args=(ids[start::6],)) for start in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(each.span_id for each in receiver.kept.spans) == sorted(ids)


@pytest.mark.parametrize("is_open", [True, False], ids=["loop-runs", "loop-has-ended"])
def test_nobody_is_answered_who_has_given_up(is_open):
    """What is written is kept, whatever becomes of the request."""
    kept = Kept()
    intake = Intake(kept.write)
    [endpoint, *_] = http.otlp_endpoints(intake, Tokens(None)).values()

    async def receive():
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def give_up() -> None:
        headers = [(b"content-type", b"application/x-protobuf")]
        task = asyncio.ensure_future(endpoint({"method": "POST", "headers": headers}, receive, None))
        while not kept.has_begun.is_set():  # noqa: ASYNC110  # set by a thread
            await asyncio.sleep(0.001)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if is_open:
            kept.may_write.set()
            await asyncio.sleep(0.2)

    kept.may_write.clear()
    asyncio.run(give_up())
    kept.may_write.set()
    intake.close()
    assert len(kept.spans) == 1


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/a%0Ab", "/v1/traces%0A"])
def test_a_path_that_is_none_is_answered_in_the_encoding_of_the_request(receiver, path):
    answer = receiver.post(path, BODY)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/x-protobuf")
