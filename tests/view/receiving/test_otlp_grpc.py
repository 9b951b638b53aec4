"""What exporters send over gRPC is kept, and each call is answered as OTLP says."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.grpc_server import serve
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.store.interface import StoreFullError
from otlp_requests import metrics, span, traces
from ports import free_port
from receivers import Kept

SERVICE = "/opentelemetry.proto.collector.{}Service/Export"
BODY = traces(span()).SerializeToString()
TOKEN = "token-of-this-test"  # noqa: S105


@contextmanager
def receiving(token: str | None = None):
    """Serve OTLP over gRPC before a store in memory, and give its address, the store and the intake."""
    kept = Kept()
    intake = Intake(kept.write)
    address = f"127.0.0.1:{free_port()}"
    server = serve(intake, Tokens(token), [address])
    try:
        yield address, kept, intake
    finally:
        kept.may_write.set()
        server.stop(0.1).wait()
        intake.close()


@pytest.fixture(scope="module")
def shared():
    with receiving() as server:
        yield server


@pytest.fixture
def server(shared):
    _, kept, _ = shared
    kept.batches.clear()
    kept.error = None
    return shared


def call(address: str, body: bytes, signal: str = "trace.v1.Trace", **options):
    """Call it with bytes, and return the answer's; raises `grpc.RpcError`."""
    with grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)]) as channel:
        return channel.unary_unary(SERVICE.format(signal))(body, timeout=20, **options)


def refusal(address: str, body: bytes, **options) -> tuple[grpc.StatusCode, Status]:
    with pytest.raises(grpc.RpcError) as raised:
        call(address, body, **options)
    trailers = dict(raised.value.trailing_metadata())
    return raised.value.code(), Status.FromString(trailers["grpc-status-details-bin"])


@pytest.mark.parametrize(
    "compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate]
)
def test_spans_of_the_sdk_are_kept(server, pipeline, compression):
    address, kept, _ = server
    with pipeline.tracer.start_as_current_span("turn"):
        pass
    exporter = OTLPSpanExporter(f"http://{address}", insecure=True, compression=compression)
    assert exporter.export(pipeline.exporter.get_finished_spans()) is SpanExportResult.SUCCESS
    assert [Span.FromString(each.raw).name for each in kept.spans] == ["turn"]
    exporter.shutdown()


def test_records_of_the_sdk_are_kept(server):
    address, kept, _ = server
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"http://{address}", insecure=True)))
    provider.get_logger("tests").emit(body="hello")
    provider.shutdown()
    assert [LogRecord.FromString(each.raw).body.string_value for each in kept.logs] == ["hello"]


def test_metrics_are_counted_and_dropped(server):
    address, kept, intake = server
    before = intake.metrics
    assert call(address, metrics("a", "b").SerializeToString(), "metrics.v1.Metrics") == b""
    assert (intake.metrics, kept.batches) == (before + 2, [])


def test_what_was_refused_of_a_request_is_told(server):
    address, kept, _ = server
    answer = call(address, traces(span(), span(span_id=b"")).SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (partial.rejected_spans, partial.error_message) == (1, "1 span has no valid span id")
    assert len(kept.spans) == 1


def test_what_is_no_otlp_is_an_invalid_argument(server):
    code, status = refusal(server[0], b"\xff\xff")
    assert (code, status.code) == (grpc.StatusCode.INVALID_ARGUMENT, 3)
    assert list(status.details) == []


def test_a_method_that_is_none_is_unimplemented(server):
    with pytest.raises(grpc.RpcError) as raised:
        call(server[0], b"", "profiles.v1.Profiles")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_more_than_may_be_received_is_refused(server):
    with pytest.raises(grpc.RpcError) as raised:
        call(server[0], bytes(65 * 2**20))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_store_that_is_full_is_told_with_a_delay(server):
    address, kept, _ = server
    kept.error = StoreFullError("full")
    code, status = refusal(address, BODY)
    info = RetryInfo()
    assert (code, status.message) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
    assert status.details[0].Unpack(info)
    assert info.retry_delay.seconds == 1


def test_the_sdk_sends_again_what_was_refused_with_a_delay(server, pipeline):
    address, kept, _ = server
    with pipeline.tracer.start_as_current_span("turn"):
        pass
    kept.error = StoreFullError("full")
    threading.Timer(0.3, lambda: setattr(kept, "error", None)).start()
    exporter = OTLPSpanExporter(f"http://{address}", insecure=True)
    assert exporter.export(pipeline.exporter.get_finished_spans()) is SpanExportResult.SUCCESS
    assert len(kept.spans) == 1
    exporter.shutdown()


def test_after_the_end_it_is_unavailable():
    with receiving() as (address, _, intake):
        intake.close()
        assert refusal(address, BODY)[0] is grpc.StatusCode.UNAVAILABLE


def test_what_waits_when_it_ends_is_unavailable():
    with receiving() as (address, kept, intake):
        kept.may_write.clear()
        codes = []
        sending = [threading.Thread(target=lambda: codes.append(_code_of(address))) for _ in range(2)]
        for each in sending:
            each.start()
            assert kept.has_begun.wait(60)  # what comes later is not kept with what is being written
        deadline = time.monotonic() + 60
        while intake._jobs.qsize() < 1 and time.monotonic() < deadline:
            time.sleep(0.005)
        closing = threading.Thread(target=intake.close)
        closing.start()
        while not intake._is_closed:
            time.sleep(0.001)
        kept.may_write.set()
        closing.join()
        for each in sending:
            each.join()
        assert sorted(codes, key=str) == [grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE]
        assert len(kept.spans) == 1


def _code_of(address: str, body: bytes = BODY) -> grpc.StatusCode:
    try:
        call(address, body)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_a_token_is_asked_for():
    with receiving(TOKEN) as (address, kept, _):
        for metadata in ((), (("authorization", "Bearer other"),), (("authorization", TOKEN),)):
            code, status = refusal(address, BODY, metadata=metadata)
            assert (code, status.code) == (grpc.StatusCode.UNAUTHENTICATED, 16)
        assert call(address, BODY, metadata=(("authorization", f"Bearer {TOKEN}"),)) == b""
        assert len(kept.spans) == 1


def test_a_port_that_is_taken_is_an_error(server):
    address, _, intake = server
    with pytest.raises(OSError, match=address.rpartition(":")[2]):
        serve(intake, Tokens(None), [address])


@given(st.binary(max_size=200))
def test_any_body_is_answered(shared, body):
    assert _code_of(shared[0], body) in {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
