"""Whether an answer is the one that was to be given, and can be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

if TYPE_CHECKING:
    from .asked import Asked
    from .oracle import Expected
    from .real_bodies import Form, Signal

_RESPONSES: dict[Signal, tuple[Any, str, str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
}
_MEDIA_TYPES = {"protobuf": b"application/x-protobuf", "json": b"application/json"}


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


def fault_of(asked: Asked, answer: Answer) -> str | None:
    """Return what is wrong with an answer, ``None`` for nothing."""
    if answer.status not in asked.expected.statuses:
        return f"status {answer.status} instead of {sorted(asked.expected.statuses)}: {answer.body[:200]!r}"
    if int(answer.headers.get(b"content-length", len(answer.body))) != len(answer.body) and asked.method != "HEAD":
        return "the length is another one"
    if any(b"\r" in value or b"\n" in value for value in answer.headers.values()):
        return "a header has the end of a line in it"
    has_body = answer.status != 204 and (answer.body or asked.method != "HEAD")  # HTTP leaves it out there
    if asked.form is None or not has_body:
        return _fault_of_page(asked, answer)
    if answer.headers.get(b"content-type") != _MEDIA_TYPES[asked.form]:
        return f"answered as {answer.headers.get(b'content-type')!r}"
    return fault_of_export(asked.signal, asked.form, asked.expected, answer.status, answer.body)


def fault_of_export(signal: Signal, form: Form, expected: Expected, status: int, body: bytes) -> str | None:
    """Return what is wrong with the body of an answer to what was exported."""
    try:
        if status != 200:
            return None if _message(form, body) else "no message"
        rejected, reason = _rejected(signal, form, body)
    except (DecodeError, ValueError, AttributeError, TypeError) as error:
        return f"the answer can't be read: {error!r}"
    if expected.rejected is not None and rejected != expected.rejected:
        return f"{rejected} rejected instead of {expected.rejected}: {reason}"
    if bool(rejected) != bool(reason):
        return f"{rejected} rejected, with the reason {reason!r}"
    if expected.reason and expected.reason not in reason:
        return f"taken, with the reason {reason!r}: protobuf can't read it"
    return None


def _fault_of_page(asked: Asked, answer: Answer) -> str | None:
    is_json = answer.headers.get(b"content-type", b"").startswith(b"application/json")
    try:
        if is_json and asked.method != "HEAD":
            json.loads(answer.body, parse_constant=_refuse)
        elif asked.form is None and not asked.path.startswith("/v1/"):
            answer.body.decode()
    except ValueError as error:
        return f"the answer can't be read: {error!r}"
    return None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _message(form: Form, body: bytes) -> str:
    return str(json.loads(body)["message"] if form == "json" else Status.FromString(body).message)


def _rejected(signal: Signal, form: Form, body: bytes) -> tuple[int, str]:
    kind, name, json_name = _RESPONSES[signal]
    if form == "json":
        partial = json.loads(body).get("partialSuccess", {})
        return int(partial.get(json_name, "0")), partial.get("errorMessage", "")
    partial = kind.FromString(body).partial_success
    return getattr(partial, name), partial.error_message
