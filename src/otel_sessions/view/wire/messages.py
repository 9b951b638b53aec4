"""Message types of OTLP made for this reader, at run time: what is not looked at stays bytes.

*Whole* types are those of OTLP with every text as bytes: text that is not UTF-8, as some SDKs send it, is no error.
*Shallow* ones end where a message is kept as it came: the parser skips what it holds, in a tenth of the time. In those a
field that holds a message is repeated, since a message may come in several pieces on the wire, which joined are the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto  # type: ignore[import-untyped]
from google.protobuf.descriptor_pool import DescriptorPool  # type: ignore[import-untyped]
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

# Classes and objects whose fields are made at run time: no type checker knows them.
MessageType: TypeAlias = Any
Message: TypeAlias = Any

# Name, number, type or name of a message, whether repeated.
FieldShape: TypeAlias = "tuple[str, int, int | str, bool]"

_BYTES = FieldDescriptorProto.TYPE_BYTES

_SHALLOW: dict[str, tuple[FieldShape, ...]] = {
    "Value": (("lists", 5, _BYTES, True), ("maps", 6, _BYTES, True)),
    "Attribute": (("value", 2, "Value", True),),
    "List": (("values", 1, "Value", True),),
    # An event or a link.
    "Attributed": (("event_attributes", 3, _BYTES, True), ("link_attributes", 4, _BYTES, True)),
    "Map": (("values", 1, "Attribute", True),),
    # The same for all signals: items are spans, log records or metrics.
    "Scope": (("scope", 1, _BYTES, True), ("items", 2, _BYTES, True)),
    "Resource": (("resource", 1, _BYTES, True), ("scopes", 2, "Scope", True)),
    "Request": (("resources", 1, "Resource", True),),
    "Span": (("attributes", 9, _BYTES, True), ("events", 11, _BYTES, True), ("links", 13, _BYTES, True)),
    "LogRecord": (("bodies", 5, "Value", True), ("attributes", 6, _BYTES, True)),
}


def whole(name: str) -> MessageType:
    """Return a type of OTLP, all of it, with texts as bytes; ``name`` as in ``trace.v1.Span``."""
    return GetMessageClass(_WHOLE.FindMessageTypeByName(f"opentelemetry.proto.{name}"))


def shallow(name: str) -> MessageType:
    """Return a shallow type."""
    return _SHALLOW_TYPES[name]


def made(package: str, shapes: Mapping[str, tuple[FieldShape, ...]]) -> dict[str, MessageType]:
    """Return types of protobuf by the names of their messages."""
    file = FileDescriptorProto(name=f"otel_sessions/{package}.proto", package=package, syntax="proto3")
    for name, fields in shapes.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, is_repeated in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = FieldDescriptorProto.LABEL_REPEATED if is_repeated else FieldDescriptorProto.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = kind  # pyright: ignore[reportAttributeAccessIssue]  # an int, as at run time
    pool = DescriptorPool()
    pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in shapes}


def _whole_pool() -> DescriptorPool:
    pool = DescriptorPool()
    # Each after those that it imports.
    for module in (common_pb2, resource_pb2, trace_pb2, logs_pb2, trace_service_pb2, logs_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            _read_texts_as_bytes(message)
        pool.Add(file)
    return pool


def _read_texts_as_bytes(message: Message) -> None:
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING:
            field.type = _BYTES
    for nested in message.nested_type:
        _read_texts_as_bytes(nested)


_WHOLE = _whole_pool()
_SHALLOW_TYPES = made("otel_sessions.shallow", _SHALLOW)
