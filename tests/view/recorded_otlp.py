"""The recordings of real programs (tests/view/recorded) as raw spans and records, as a store has them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_sessions.view.wire.batch import RawLog, RawSpan, Source

HERE = Path(__file__).parent / "recorded"
EXPECTED = sorted(HERE.rglob("*.expected.json"))
_IDS = {"traceId", "spanId", "parentSpanId"}


def recorded_otlp(path: Path) -> tuple[list[RawSpan], list[RawLog], list[Source]]:
    """Return what was recorded of the program of which ``path`` tells what is expected."""
    name = path.name.removesuffix(".expected.json")
    spans: list[RawSpan] = []
    logs: list[RawLog] = []
    sources: list[Source] = []
    for of_resource in _parsed(path.with_name(f"{name}.json"), TracesData()).resource_spans:
        for of_scope in of_resource.scope_spans:
            sources.append(Source(of_resource.resource.SerializeToString(), of_scope.scope.SerializeToString()))
            spans += [
                RawSpan(
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    len(sources) - 1,
                    span.SerializeToString(),
                )
                for span in of_scope.spans
            ]
    for of_resource in _parsed(path.with_name(f"{name}.logs.json"), LogsData()).resource_logs:
        for of_scope in of_resource.scope_logs:
            sources.append(Source(of_resource.resource.SerializeToString(), of_scope.scope.SerializeToString()))
            logs += [
                RawLog(log.trace_id, log.span_id, log.time_unix_nano, len(sources) - 1, log.SerializeToString())
                for log in of_scope.log_records
            ]
    return spans, logs, sources


def _as_protobuf(value: Any) -> Any:
    """Return OTLP JSON as protobuf reads JSON: ids are hex digits in the one and Base64 in the other."""
    if isinstance(value, list):
        return [_as_protobuf(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(each)).decode() if key in _IDS else _as_protobuf(each)
        for key, each in value.items()
    }


def _parsed(path: Path, message: Any) -> Any:
    text = path.read_text() if path.exists() else "{}"
    return ParseDict(_as_protobuf(json.loads(text)), message)
