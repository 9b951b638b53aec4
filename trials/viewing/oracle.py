"""What a request has to be answered with: told by the parsers of protobuf and JSON themselves, and by what was done to it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_sessions.view.receiving.unpacking import MAX_BODY_SIZE
from otel_sessions.view.wire.messages import shallow, whole
from otel_sessions.view.wire.reading import MAX_ENTRIES

if TYPE_CHECKING:
    from .real_bodies import Form, Signal

_STRICT: dict[Signal, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
# The same, with texts that need not be UTF-8.
_WITH_ANY_TEXT = {
    "traces": whole("collector.trace.v1.ExportTraceServiceRequest"),
    "logs": whole("collector.logs.v1.ExportLogsServiceRequest"),
}
_ITEMS = {"traces": whole("trace.v1.Span"), "logs": whole("logs.v1.LogRecord")}
# What that reader passes over or rounds, and others refuse: a whole number with a fraction, even a tiny one, or with an
# exponent that no number of OTLP has, an enumeration that is none.
_LOOSE = re.compile(
    rb'"(?:\w*UnixNano|intValue|flags|\w*Count)"\s*:\s*"?[-+\deE]*(?:\.|[eE](?:-|\d{3}))'
    rb'|"(?:kind|code|severityNumber)"\s*:(?!\s*(?:"|-?\d+\s*[,}]))'
)
_IDS = frozenset({"traceId", "trace_id", "spanId", "span_id", "parentSpanId", "parent_span_id"})


class Expected(NamedTuple):
    """What may be answered.

    Attributes:
        statuses: Any of these.
        rejected: Of an answer with 200: how many spans or records were refused; ``None`` for what is not known.
        reason: What an answer with 200 has to say, where it is an answer to what the parser can't read.
    """

    statuses: frozenset[int]
    rejected: int | None = None
    reason: str = ""


OK = frozenset({200})
_BAD = Expected(frozenset({400}))
_EITHER = Expected(frozenset({200, 400}))


def of_body(signal: Signal, form: Form, encoding: str, body: bytes) -> Expected:
    """Return what a body has to be answered with."""
    try:
        content, has_more = _unpacked(encoding, body)
    except zlib.error:
        return _BAD
    if len(content) > MAX_BODY_SIZE:
        return Expected(frozenset({413}))
    found = _of_json(signal, content) if form == "json" else _of_protobuf(signal, content)
    return found._replace(statuses=found.statuses | {400}) if has_more else found


def _unpacked(encoding: str, body: bytes) -> tuple[bytes, bool]:
    """Return what is packed, and whether something stands behind its end."""
    if encoding == "identity":
        return body, False
    windows = [31] if encoding == "gzip" else [15, -15]
    for window in windows:
        stream = zlib.decompressobj(window)
        try:
            content = stream.decompress(body, MAX_BODY_SIZE + 1)
        except zlib.error:
            if window == windows[-1]:
                raise
            continue
        if stream.eof or len(content) > MAX_BODY_SIZE:
            return content, bool(stream.unused_data)
    message = "it has no end"
    raise zlib.error(message)


def _of_protobuf(signal: Signal, content: bytes) -> Expected:
    request = _parsed(_STRICT[signal], content)
    if request is None and signal == "metrics":  # of which no more than their number is read
        return _EITHER
    if request is None:
        request = _parsed(_WITH_ANY_TEXT[signal], content)
    if request is None and _are_read_alone(signal, content):
        return _EITHER
    return Expected(_EITHER.statuses, None, "nested") if request is None else Expected(OK, _refused(signal, request))


def _are_read_alone(signal: Signal, content: bytes) -> bool:
    """Tell whether the parser can read each span or record by itself, where the request has them too deep for it."""
    request = _parsed(shallow("Request"), content)
    if request is None:
        return False
    items = [each for of_resource in request.resources for of_scope in of_resource.scopes for each in of_scope.items]
    return all(_parsed(_ITEMS[signal], each) is not None for each in items)


def _parsed(kind: Any, content: bytes) -> Any | None:
    try:
        return kind.FromString(content)
    except DecodeError:
        return None


def _of_json(signal: Signal, content: bytes) -> Expected:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _BAD
    if signal == "metrics":
        return _EITHER
    try:
        request = strictly_read(signal, document)
    except Exception:  # noqa: BLE001  # it raises even SystemError, for names with surrogates
        return _EITHER  # a reader may take more than that one does
    return _EITHER if _LOOSE.search(content) else Expected(OK, _refused(signal, request))


def strictly_read(signal: Signal, document: Any) -> Any:
    """Return a request of OTLP JSON as protobuf's reader of JSON has it, which raises what it likes."""
    return json_format.ParseDict(_with_ids(document), _STRICT[signal](), ignore_unknown_fields=True)


def _with_ids(value: Any) -> Any:
    """Return OTLP JSON as protobuf reads JSON: ids are hexadecimal in the one and Base64 in the other."""
    if isinstance(value, list):
        return [_with_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _id(each) if key in _IDS and isinstance(each, str) else _with_ids(each) for key, each in value.items()}


def _id(text: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(text)).decode()
    except ValueError:
        return ""


def _refused(signal: Signal, request: Any) -> int:
    if signal == "metrics":
        return 0
    if signal == "logs":
        return sum(
            len(record.attributes) > MAX_ENTRIES
            for of_resource in request.resource_logs
            for of_scope in of_resource.scope_logs
            for record in of_scope.log_records
        )
    return sum(
        _is_refused(span)
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    )


def _is_refused(span: Any) -> bool:
    has_ids = len(span.trace_id) == 16 and any(span.trace_id) and len(span.span_id) == 8 and any(span.span_id)
    return not has_ids or max(len(span.attributes), len(span.events), len(span.links)) > MAX_ENTRIES
