"""OTLP as JSON to a `Batch`, and raw spans and records to OTLP as JSON. Pure.

What `google.protobuf.json_format` does, for the few messages of OTLP, with its ids, and in less time.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from .json_values import Codec, codec_of
from .messages import whole
from .reading import InvalidOTLPError, read_logs, read_traces, too_deep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .batch import Batch, RawLog, RawSpan, Source
    from .messages import Message, MessageType

# As many messages as the parser of the other encoding follows into each other.
_MAX_MESSAGES = 100

_ITEMS = frozenset({"opentelemetry.proto.trace.v1.Span", "opentelemetry.proto.logs.v1.LogRecord"})
_Traces = whole("collector.trace.v1.ExportTraceServiceRequest")
_Logs = whole("collector.logs.v1.ExportLogsServiceRequest")
_Span = whole("trace.v1.Span")
_LogRecord = whole("logs.v1.LogRecord")
_Resource = whole("resource.v1.Resource")
_Scope = whole("common.v1.InstrumentationScope")


class _Field(NamedTuple):
    """A field of a message: ``message`` is the descriptor of what it holds, ``codec`` is there where it holds none."""

    name: str
    json_name: str
    is_repeated: bool
    holds_items: bool
    message: Any
    codec: Codec | None


def traces_from_json(body: bytes) -> Batch:
    """Return the spans of an ``ExportTraceServiceRequest`` or a ``TracesData``.

    Args:
        body: JSON, with names in lowerCamelCase or in snake_case; unknown ones are passed over.

    Raises:
        InvalidOTLPError: It is something else.
    """
    request, refused = _from_json(body, ExportTraceServiceRequest.DESCRIPTOR, _Traces)
    return _batch(read_traces(request), body, refused, "span")


def logs_from_json(body: bytes) -> Batch:
    """Return the records of an ``ExportLogsServiceRequest`` or a ``LogsData``, likewise."""
    request, refused = _from_json(body, ExportLogsServiceRequest.DESCRIPTOR, _Logs)
    return _batch(read_logs(request), body, refused, "record")


def count_metrics_in_json(body: bytes) -> int:
    """Return how many metrics an ``ExportMetricsServiceRequest`` has, which is all that is read of them.

    Raises:
        InvalidOTLPError: It is something else.
    """
    try:
        content = json.loads(body)
        scopes = [scope for each in content.get("resourceMetrics", ()) for scope in each.get("scopeMetrics", ())]
        return sum(len(scope.get("metrics", ())) for scope in scopes)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        message = "not a request of OTLP in JSON"
        raise InvalidOTLPError(message) from error


def traces_to_json(spans: Iterable[tuple[RawSpan, Source]]) -> bytes:
    """Return spans as one ``TracesData``, on one line without its end."""
    return _to_json("Spans", ((source, span.raw) for span, source in spans), Span.DESCRIPTOR, _Span)


def logs_to_json(logs: Iterable[tuple[RawLog, Source]]) -> bytes:
    """Return records as one ``LogsData``, on one line without its end."""
    return _to_json("Logs", ((source, log.raw) for log, source in logs), LogRecord.DESCRIPTOR, _LogRecord)


def _batch(batch: Batch, body: bytes, refused: int, noun: str) -> Batch:
    reasons = (*batch.reasons, too_deep(refused, noun)) if refused else batch.reasons
    return replace(batch, size=len(body), rejected=batch.rejected + refused, reasons=reasons)


def _from_json(body: bytes, descriptor: Any, kind: MessageType) -> tuple[bytes, int]:  # noqa: ANN401  # has no type
    reading = _Reading()
    try:
        content = json.loads(body)
        request = kind(**reading.fields(descriptor, content, 1))
    except (RecursionError, _TooDeepError) as error:
        message = "the JSON is nested too deep"
        raise InvalidOTLPError(message) from error
    except (ValueError, TypeError, OverflowError) as error:
        message = f"not a request of OTLP in JSON: {error}"
        raise InvalidOTLPError(message) from error
    return request.SerializeToString(), reading.refused


class _TooDeepError(Exception):
    """More messages in each other than may be."""


class _Reading:
    """Makes what the constructor of a message takes; counts the spans and records that are nested too deep."""

    def __init__(self) -> None:
        self.refused = 0

    def fields(self, descriptor: Any, content: object, depth: int) -> dict[str, object]:  # noqa: ANN401  # has no type
        """Return the fields by their names in OTLP."""
        if depth > _MAX_MESSAGES:
            raise _TooDeepError
        if not isinstance(content, dict):
            message = "an object is expected"
            raise TypeError(message)
        known = _fields_by_json(descriptor)
        # Null is as if the name were not there.
        return {
            field.name: self._value(field, value, depth)
            for name, value in content.items()
            if value is not None and (field := known.get(name))
        }

    def _value(self, field: _Field, value: object, depth: int) -> object:
        try:
            if not field.is_repeated:
                return self._one(field, value, depth)
            if not isinstance(value, list):
                message = "a list is expected"
                raise TypeError(message)  # noqa: TRY301  # the name is added below
            return self._items(field, value) if field.holds_items else [self._one(field, v, depth) for v in value]
        except (ValueError, TypeError, OverflowError) as error:
            message = f"{field.json_name}: {error}"
            raise InvalidOTLPError(message) from error

    def _one(self, field: _Field, value: object, depth: int) -> object:
        return self.fields(field.message, value, depth + 1) if field.codec is None else field.codec.read(value)

    def _items(self, field: _Field, values: list[object]) -> list[object]:
        return [item for value in values for item in self._item(field, value)]

    def _item(self, field: _Field, value: object) -> list[object]:
        try:
            return [self._one(field, value, 0)]  # what is in an item is counted from there, as in the other encoding
        except _TooDeepError:
            self.refused += 1
            return []


@cache
def _fields(descriptor: Any) -> Mapping[str, _Field]:  # noqa: ANN401  # has no type
    """Return the fields of a message of OTLP by their names there."""
    written = DescriptorProto()
    descriptor.CopyToProto(written)  # which every release of protobuf has, unlike what tells a list in the descriptor
    repeated = {field.name for field in written.field if field.label == FieldDescriptorProto.LABEL_REPEATED}
    return {field.name: _field(field, field.name in repeated) for field in descriptor.fields}


@cache
def _fields_by_json(descriptor: Any) -> Mapping[str, _Field]:  # noqa: ANN401  # has no type
    """Return them by both names that a reader has to take."""
    fields = _fields(descriptor)
    return {**fields, **{field.json_name: field for field in fields.values()}}


def _field(field: Any, is_repeated: bool) -> _Field:  # noqa: ANN401  # has no type
    is_message = field.type == FieldDescriptorProto.TYPE_MESSAGE
    return _Field(
        name=field.name,
        json_name=field.json_name,
        is_repeated=is_repeated,
        holds_items=is_message and field.message_type.full_name in _ITEMS,
        message=field.message_type,
        codec=None if is_message else codec_of(field),
    )


def _to_json(signal: str, items: Iterable[tuple[Source, bytes]], descriptor: Any, kind: MessageType) -> bytes:  # noqa: ANN401  # has no type
    """Return items of one signal, grouped by who sent them, in the order of the first of each."""
    resources: dict[bytes, dict[bytes, list[object]]] = {}
    for source, raw in items:
        scopes = resources.setdefault(source.resource, {})
        scopes.setdefault(source.scope, []).append(_as_json(descriptor, kind.FromString(raw)))
    plural = "spans" if signal == "Spans" else "logRecords"
    content = [
        {
            "resource": _as_json(Resource.DESCRIPTOR, _Resource.FromString(resource)),
            f"scope{signal}": [
                {"scope": _as_json(InstrumentationScope.DESCRIPTOR, _Scope.FromString(scope)), plural: group}
                for scope, group in scopes.items()
            ],
        }
        for resource, scopes in resources.items()
    ]
    return json.dumps({f"resource{signal}": content}, ensure_ascii=False, separators=(",", ":")).encode()


def _as_json(descriptor: Any, message: Message) -> dict[str, object]:  # noqa: ANN401  # has no type
    fields = _fields(descriptor)
    return {
        (field := fields[own.name]).json_name: (
            [_one_as_json(field, each) for each in value] if field.is_repeated else _one_as_json(field, value)
        )
        for own, value in message.ListFields()
    }


def _one_as_json(field: _Field, value: Any) -> object:  # noqa: ANN401  # any that a message holds
    return _as_json(field.message, value) if field.codec is None else field.codec.write(value)
