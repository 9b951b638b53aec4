"""Is what the parser refuses nested too deep, or is it no OTLP at all? Level by level, so that no depth is too much. Pure."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from .messages import shallow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .messages import Message

# Of maps in maps: each takes three of the hundred messages that protobuf follows into each other. Of lists it takes 48.
MAX_DEPTH = 32

_Span = shallow("Span")
_LogRecord = shallow("LogRecord")
_Attribute = shallow("Attribute")
_Attributed = shallow("Attributed")
_List = shallow("List")
_Map = shallow("Map")


def is_span_too_deep(raw: bytes) -> bool:
    """Tell whether a value of a span, of its events or links is nested too deep, in what is well formed so far."""
    try:
        return _are_too_deep(_values_of_span(_Span.FromString(raw)))
    except DecodeError:
        return False


def is_log_too_deep(raw: bytes) -> bool:
    """Tell the same of a log record."""
    try:
        record = _LogRecord.FromString(raw)
        return _are_too_deep([*record.bodies, *_values(map(_Attribute.FromString, record.attributes))])
    except DecodeError:
        return False


def _values_of_span(span: Message) -> list[Message]:
    of_events = chain.from_iterable(_Attributed.FromString(raw).event_attributes for raw in span.events)
    of_links = chain.from_iterable(_Attributed.FromString(raw).link_attributes for raw in span.links)
    return _values(map(_Attribute.FromString, chain(span.attributes, of_events, of_links)))


def _are_too_deep(values: list[Message]) -> bool:
    for _ in range(MAX_DEPTH):
        lists = [_List.FromString(raw) for value in values for raw in value.lists]
        maps = [_Map.FromString(raw) for value in values for raw in value.maps]
        values = [each for part in lists for each in part.values] + _values(
            each for part in maps for each in part.values
        )
    return bool(values)


def _values(attributes: Iterable[Message]) -> list[Message]:
    return [value for attribute in attributes for value in attribute.value]
