"""OTLP bytes to spans; the one module that knows the wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from ._model import Span, arrange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from ._model import Value, View

_KINDS = {
    WireSpan.SPAN_KIND_SERVER: "SERVER",
    WireSpan.SPAN_KIND_CLIENT: "CLIENT",
    WireSpan.SPAN_KIND_PRODUCER: "PRODUCER",
    WireSpan.SPAN_KIND_CONSUMER: "CONSUMER",
}


class InvalidOTLPError(ValueError):
    """The bytes are not an OTLP ``ExportTraceServiceRequest``."""


def decode(bodies: Iterable[bytes]) -> View:
    """Return what a receiver got, arranged for reading.

    Args:
        bodies: Serialized ``ExportTraceServiceRequest`` messages (OTLP 1.x, protobuf), uncompressed.

    Raises:
        InvalidOTLPError: One of them is something else.
    """
    return arrange(span for body in bodies for span in decode_spans(body))


def decode_spans(body: bytes) -> list[Span]:
    """Return the spans of one request, in the order of the wire.

    Raises:
        InvalidOTLPError: ``body`` is something else.
    """
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        message = "not an OTLP trace request"
        raise InvalidOTLPError(message) from error
    return list(_spans(request))


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for of_resource in request.resource_spans:
        resource = _mapping(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            yield from (_span(span, resource) for span in of_scope.spans)


def _span(wire: WireSpan, resource: Mapping[str, Value]) -> Span:
    attributes = _mapping(wire.attributes)
    kind = attributes.get("openinference.span.kind")
    return Span(
        trace_id=wire.trace_id.hex(),
        span_id=wire.span_id.hex(),
        parent_id=wire.parent_span_id.hex(),
        name=wire.name,
        kind=kind if isinstance(kind, str) else _KINDS.get(wire.kind, ""),
        start_ns=wire.start_time_unix_nano,
        end_ns=wire.end_time_unix_nano,
        attributes=attributes,
        resource=resource,
        error=_error(wire),
    )


def _error(wire: WireSpan) -> str | None:
    """Return what went wrong: the message of the status, else the last exception, else just that something did."""
    if wire.status.code != Status.STATUS_CODE_ERROR:
        return None
    exceptions = [_mapping(event.attributes) for event in wire.events if event.name == "exception"]
    last = exceptions[-1] if exceptions else {}
    parts = (last.get("exception.type"), last.get("exception.message"))
    return wire.status.message or ": ".join(str(part) for part in parts if part) or "error"


def _mapping(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(wire: AnyValue) -> Value:
    """Return the Python value; the parser has bounded the nesting."""
    which = wire.WhichOneof("value")
    if which == "array_value":
        return [_value(item) for item in wire.array_value.values]
    if which == "kvlist_value":
        return dict(_mapping(wire.kvlist_value.values))
    value: Value = None if which is None else getattr(wire, which)
    return value
