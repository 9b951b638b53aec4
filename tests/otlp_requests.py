"""Requests of OTLP for tests of what reads them: by the classes of OTLP itself, and by single bytes where these can't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def span(**fields) -> Span:
    """Return a span that nothing is wrong with, but for ``fields``."""
    return Span(**{"trace_id": TRACE_ID, "span_id": SPAN_ID, "name": "chat", **fields})


def traces(*spans: Span, service: str = "shop", scope: str = "library") -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    of_scope = request.resource_spans.add(
        resource=Resource(attributes=[text("service.name", service)])
    ).scope_spans.add(scope=InstrumentationScope(name=scope))
    of_scope.spans.extend(spans)
    return request


def logs(*records: LogRecord, service: str = "shop") -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = Resource(attributes=[text("service.name", service)])
    request.resource_logs.add(resource=resource).scope_logs.add().log_records.extend(records)
    return request


def metrics(*names: str) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    of_scope = request.resource_metrics.add().scope_metrics.add()
    for name in names:
        of_scope.metrics.add(name=name)
    return request


def field(number: int, content: bytes) -> bytes:
    """Return a field of bytes as it stands on the wire."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def request_of(spans: Iterable[bytes], resource: bytes = b"", scope: bytes = b"") -> bytes:
    """Return a request of spans that are bytes already."""
    of_scope = field(1, scope) + b"".join(field(2, each) for each in spans)
    return field(1, field(1, resource) + field(2, of_scope))


def nested(depth: int, *, in_maps: bool) -> bytes:
    """Return a value so deep, as bytes: no class makes it."""
    value = field(1, b"x")
    for _ in range(depth):
        value = field(6, field(1, field(1, b"k") + field(2, value))) if in_maps else field(5, field(1, value))
    return value


def attribute(value: bytes) -> bytes:
    return field(1, b"key") + field(2, value)
