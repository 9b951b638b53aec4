"""All that OTLP says of a span, a record and who sent it becomes Python values."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_sessions.view.wire.reading import InvalidOTLPError
from otel_sessions.view.wire.whole import (
    WholeEvent,
    WholeLink,
    WholeLog,
    WholeSpan,
    whole_log,
    whole_resource,
    whole_scope,
    whole_span,
)
from otlp_requests import SPAN_ID, TRACE_ID, attribute, field, nested, span, text


def test_all_of_a_span():
    raw = Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id=b"87654321",
        trace_state="a=b",
        flags=1,
        name="chat",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=1,
        end_time_unix_nano=2,
        attributes=[text("k", "v")],
        dropped_attributes_count=3,
        events=[Span.Event(name="e", time_unix_nano=4, attributes=[text("a", "b")], dropped_attributes_count=5)],
        dropped_events_count=6,
        links=[Span.Link(trace_id=TRACE_ID, span_id=SPAN_ID, trace_state="c=d", dropped_attributes_count=7)],
        dropped_links_count=8,
        status=Status(code=Status.STATUS_CODE_ERROR, message="no"),
    ).SerializeToString()
    assert whole_span(raw) == WholeSpan(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id=b"87654321",
        name="chat",
        span_kind=3,
        start=1,
        end=2,
        status_code=2,
        status_message="no",
        attributes={"k": "v"},
        events=[WholeEvent("e", 4, {"a": "b"}, 5)],
        links=[WholeLink(TRACE_ID, SPAN_ID, {}, "c=d", 7)],
        trace_state="a=b",
        flags=1,
        dropped_attributes=3,
        dropped_events=6,
        dropped_links=8,
    )


def test_all_of_a_record():
    raw = LogRecord(
        time_unix_nano=1,
        observed_time_unix_nano=2,
        severity_number=9,
        severity_text="INFO",
        body=AnyValue(string_value="hello"),
        attributes=[text("k", "v")],
        dropped_attributes_count=3,
        flags=1,
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        event_name="e",
    ).SerializeToString()
    assert whole_log(raw) == WholeLog(TRACE_ID, SPAN_ID, 1, 2, 9, "INFO", "e", "hello", {"k": "v"}, 1, 3)


def test_all_of_a_source():
    assert whole_resource(Resource(attributes=[text("service.name", "shop")]).SerializeToString()) == {
        "service.name": "shop"
    }
    scope = InstrumentationScope(name="n", version="1", attributes=[text("k", "v")])
    assert whole_scope(scope.SerializeToString()) == ("n", "1", {"k": "v"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (AnyValue(), None),
        (AnyValue(string_value=""), ""),
        (AnyValue(bool_value=False), False),
        (AnyValue(int_value=-(2**63)), -(2**63)),
        (AnyValue(double_value=0.5), 0.5),
        (AnyValue(bytes_value=b"\xff"), b"\xff"),
        (AnyValue(array_value=ArrayValue()), []),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])), [1, None]),
        (AnyValue(kvlist_value=KeyValueList(values=[text("k", "v")])), {"k": "v"}),
    ],
    ids=str,
)
def test_each_type_of_value(value, expected):
    raw = span(attributes=[KeyValue(key="key", value=value)]).SerializeToString()
    assert whole_span(raw).attributes == {"key": expected}


def test_text_that_is_not_utf8_is_shown_with_a_replacement():
    assert whole_span(field(5, b"caf\xe9")).name == "caf\N{REPLACEMENT CHARACTER}"


def test_a_value_before_its_key_is_one_as_any():
    raw = field(9, field(2, field(1, b"value")) + field(1, b"key"))
    assert whole_span(raw).attributes == {"key": "value"}


def test_the_deepest_value_that_is_kept_is_shown():
    value = whole_span(field(9, attribute(nested(32, in_maps=False)))).attributes["key"]
    for _ in range(32):
        [value] = value
    assert value == "x"


@pytest.mark.parametrize("read", [whole_span, whole_log, whole_resource, whole_scope])
def test_what_is_none_is_said(read):
    with pytest.raises(InvalidOTLPError, match="of OTLP"):
        read(b"\x0a\xff")


@pytest.mark.parametrize(
    "number", [pytest.param(9, id="attribute"), pytest.param(11, id="event"), pytest.param(13, id="link")]
)
def test_what_can_not_be_read_within_a_span_is_said(number):
    with pytest.raises(InvalidOTLPError, match="of OTLP"):
        whole_span(field(number, b"\x0a\xff"))


@pytest.mark.parametrize("value", [pytest.param("v", id="short"), pytest.param("v" * 5_000, id="long")])
def test_an_attribute_that_several_spans_have_is_read_in_each(value):
    ones = [span(name=name, attributes=[text("k", value), text("name", name)]) for name in ("a", "b")]
    assert [whole_span(each.SerializeToString()).attributes for each in ones] == [
        {"k": value, "name": "a"},
        {"k": value, "name": "b"},
    ]


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(raw):
    for read in (whole_span, whole_log, whole_resource, whole_scope):
        with suppress(InvalidOTLPError):
            read(raw)
