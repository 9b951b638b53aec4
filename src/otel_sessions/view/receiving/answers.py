"""What OTLP has a receiver answer, as bytes in both encodings. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from google.protobuf.descriptor_pb2 import FieldDescriptorProto  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_sessions.view.wire.messages import made

if TYPE_CHECKING:
    from otel_sessions.view.wire.batch import Batch

Form: TypeAlias = Literal["protobuf", "json"]
Signal: TypeAlias = Literal["traces", "logs", "metrics"]

MEDIA_TYPES: dict[Form, str] = {"protobuf": "application/x-protobuf", "json": "application/json"}

# The path of what answers below /v1/ where nothing else does.
NOWHERE = "/v1/{rest:path}"

# When to come again: the writer has worked off what waits long before.
RETRY_SECONDS = 1

# Of google.rpc.Code, which are gRPC's.
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16

# googleapis' own modules are not installed with OTLP's: the messages of `google/rpc/status.proto`, `error_details.proto`
# and those that they hold.
_TYPES = made(
    "otel_sessions.rpc",
    {
        "Any": (
            ("type_url", 1, FieldDescriptorProto.TYPE_STRING, False),
            ("value", 2, FieldDescriptorProto.TYPE_BYTES, False),
        ),
        "Status": (
            ("code", 1, FieldDescriptorProto.TYPE_INT32, False),
            ("message", 2, FieldDescriptorProto.TYPE_STRING, False),
            ("details", 3, "Any", True),
        ),
        "Duration": (("seconds", 1, FieldDescriptorProto.TYPE_INT64, False),),
        "RetryInfo": (("retry_delay", 1, "Duration", False),),
    },
)
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


@dataclass(frozen=True, slots=True)
class Rejected:
    """How many spans or records were refused of a request that was taken otherwise, and why."""

    count: int
    reason: str


def rejected_of(batch: Batch) -> Rejected | None:
    """Return what the sender has to be told, ``None`` for nothing."""
    return Rejected(batch.rejected, "; ".join(batch.reasons)) if batch.rejected else None


def success(signal: Signal, form: Form, rejected: Rejected | None = None) -> bytes:
    """Return an ``Export…ServiceResponse``, partial where something was refused."""
    if rejected is None:
        return b"" if form == "protobuf" else b"{}"
    if form == "protobuf":
        return _partial_success(signal, rejected)
    name = "rejectedSpans" if signal == "traces" else "rejectedLogRecords"
    partial = {name: str(rejected.count), "errorMessage": rejected.reason}  # 64-bit numbers are texts in JSON
    return json.dumps({"partialSuccess": partial}).encode()


def _partial_success(signal: Signal, rejected: Rejected) -> bytes:
    if signal == "traces":
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = rejected.count
        response.partial_success.error_message = rejected.reason
        return bytes(response.SerializeToString())
    response_of_logs = ExportLogsServiceResponse()
    response_of_logs.partial_success.rejected_log_records = rejected.count
    response_of_logs.partial_success.error_message = rejected.reason
    return bytes(response_of_logs.SerializeToString())


def status(code: int, message: str, form: Form = "protobuf", retry_seconds: int | None = None) -> bytes:
    """Return a ``google.rpc.Status``; in protobuf with a ``RetryInfo`` where ``retry_seconds`` are given."""
    if form == "json":
        return json.dumps({"code": code, "message": message}).encode()
    made_status = _TYPES["Status"](code=code, message=message)
    if retry_seconds is not None:
        info = _TYPES["RetryInfo"](retry_delay={"seconds": retry_seconds})
        made_status.details.add(type_url=_RETRY_INFO, value=info.SerializeToString())
    return bytes(made_status.SerializeToString())
