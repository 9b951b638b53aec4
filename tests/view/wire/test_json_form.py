"""OTLP as JSON is read as OTLP as protobuf is, and written as the Collector's file exporter does."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_sessions.view.wire.batch import Batch
from otel_sessions.view.wire.json_form import (
    count_metrics_in_json,
    logs_from_json,
    logs_to_json,
    traces_from_json,
    traces_to_json,
)
from otel_sessions.view.wire.reading import InvalidOTLPError, read_logs, read_traces
from otlp_requests import SPAN_ID, TRACE_ID, attribute, field, logs, nested, request_of, span, text, traces

IDS = {"traceId": TRACE_ID.hex(), "spanId": SPAN_ID.hex()}


def of_span(**fields) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [IDS | fields]}]}]}).encode()


def only_span(**fields) -> Span:
    [raw] = traces_from_json(of_span(**fields)).spans
    return Span.FromString(raw.raw)


def value_of(content) -> AnyValue:
    return only_span(attributes=[{"key": "k", "value": content}]).attributes[0].value


def test_the_example_of_the_specification():
    """`examples/trace.json` of opentelemetry-proto, shortened."""
    batch = traces_from_json(b"""{
      "resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
        "scopeSpans": [{
          "scope": {"name": "my.library", "version": "1.0.0",
                    "attributes": [{"key": "my.scope.attribute", "value": {"stringValue": "some scope attribute"}}]},
          "spans": [{
            "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174",
            "parentSpanId": "EEE19B7EC3C1B173", "name": "I'm a server span",
            "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000",
            "kind": 2, "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}]}]}]}]}""")
    [raw] = batch.spans
    assert raw.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert raw.parent_span_id.hex() == "eee19b7ec3c1b173"
    assert (raw.start, raw.end) == (1544712660000000000, 1544712661000000000)
    assert Span.FromString(raw.raw).kind == Span.SPAN_KIND_SERVER
    assert batch.rejected == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"startTimeUnixNano": "7"}, {"start_time_unix_nano": 7}, id="long-as-text"),
        pytest.param({"startTimeUnixNano": 7}, {"start_time_unix_nano": 7}, id="long-as-number"),
        pytest.param({"startTimeUnixNano": 7e3}, {"start_time_unix_nano": 7000}, id="long-with-exponent"),
        pytest.param({"start_time_unix_nano": 7}, {"start_time_unix_nano": 7}, id="snake-case"),
        pytest.param({"kind": 3}, {"kind": 3}, id="enum-as-number"),
        pytest.param({"kind": "SPAN_KIND_CLIENT"}, {"kind": 3}, id="enum-as-name"),
        pytest.param({"kind": "SPAN_KIND_OF_LATER"}, {"kind": 0}, id="enum-of-unknown-name"),
        pytest.param({"kind": 99}, {"kind": 99}, id="enum-of-unknown-number"),
        pytest.param({"status": {"code": 2, "message": "no"}}, {"status": Status(code=2, message="no")}, id="message"),
        pytest.param({"name": None, "events": None, "status": None}, {}, id="null"),
        pytest.param({"ofLater": [{"a": 1}], "name": "n"}, {"name": "n"}, id="unknown"),
        pytest.param({"flags": "257", "droppedEventsCount": 3}, {"flags": 257, "dropped_events_count": 3}, id="short"),
        pytest.param({"name": "\ud800x"}, {"name": "?x"}, id="half-a-character"),
    ],
)
def test_a_field_may_be_written_so(fields, expected):
    assert only_span(**fields) == span(**{"name": "", **expected})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, AnyValue()),
        ({"stringValue": ""}, AnyValue(string_value="")),
        ({"boolValue": False}, AnyValue(bool_value=False)),
        ({"intValue": "-9223372036854775808"}, AnyValue(int_value=-(2**63))),
        ({"doubleValue": 1}, AnyValue(double_value=1.0)),
        ({"doubleValue": "0.5"}, AnyValue(double_value=0.5)),
        ({"doubleValue": "-Infinity"}, AnyValue(double_value=-math.inf)),
        ({"bytesValue": "+/8="}, AnyValue(bytes_value=b"\xfb\xff")),
        ({"bytesValue": "-_8"}, AnyValue(bytes_value=b"\xfb\xff")),
        (
            {"arrayValue": {"values": [{"intValue": 1}, {}]}},
            AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])),
        ),
        ({"kvlistValue": {"values": [{"key": "a"}]}}, AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a")]))),
    ],
    ids=str,
)
def test_each_type_of_value(content, expected):
    assert value_of(content) == expected


def test_a_number_that_is_none_is_one():
    assert math.isnan(value_of({"doubleValue": "NaN"}).double_value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe\xfd", "not a request of OTLP in JSON"),
        (b"[]", "an object is expected"),
        (b'{"resourceSpans": {}}', "resourceSpans: a list is expected"),
        (b'{"resourceSpans": [null]}', "resourceSpans: an object is expected"),
        (b"[" * 100_000, "nested too deep"),
        (of_span(traceId=5), "resourceSpans: scopeSpans: spans: traceId: a text is expected"),
        (of_span(name=5), "name: a text is expected"),
        (of_span(kind=[]), "kind: a number is expected"),
        (of_span(kind=True), "kind: a number is expected"),
        (of_span(startTimeUnixNano=-1), "not a request of OTLP in JSON"),
        (of_span(startTimeUnixNano=2**64), "not a request of OTLP in JSON"),
        (of_span(startTimeUnixNano=0.5), "startTimeUnixNano: a whole number is expected"),
        (of_span(startTimeUnixNano="soon"), "startTimeUnixNano: a whole number is expected"),
        (of_span(startTimeUnixNano="1.5"), "startTimeUnixNano: a whole number is expected"),
        (of_span(startTimeUnixNano="1e999999999"), "startTimeUnixNano: a whole number is expected"),
        (of_span(startTimeUnixNano="1e-400"), "startTimeUnixNano: a whole number is expected"),
        (of_span(startTimeUnixNano="1.00000000000000000001"), "startTimeUnixNano: a whole number is expected"),
        (of_span(startTimeUnixNano="0e99999999999999999999"), "startTimeUnixNano: a whole number is expected"),
        (of_span(startTimeUnixNano="1e-400000000000000000000"), "startTimeUnixNano: a whole number is expected"),
        (of_span(startTimeUnixNano=math.inf), "startTimeUnixNano: a whole number is expected"),
        (of_span(attributes=[{"value": {"boolValue": 1}}]), "boolValue: true or false is expected"),
        (of_span(attributes=[{"value": {"doubleValue": True}}]), "doubleValue: a number is expected"),
        (of_span(attributes=[{"value": {"doubleValue": 10**400}}]), "doubleValue: int too large"),
        (of_span(attributes=[{"value": {"bytesValue": "?"}}]), "bytesValue: "),
    ],
    ids=range(25),
)
def test_what_is_no_otlp_is_refused_with_the_place(body, reason):
    with pytest.raises(InvalidOTLPError, match=reason):
        traces_from_json(body)


@pytest.mark.parametrize("trace_id", ["no hex at all", "AQIDBAUGBwgJCgsMDQ4PEA==", "0102", ""])
def test_an_id_that_is_not_hexadecimal_refuses_its_span_alone(trace_id):
    batch = traces_from_json(of_span(traceId=trace_id))
    assert (batch.spans, batch.reasons) == ([], ("1 span has no valid trace id",))


def test_what_is_nested_too_deep_is_refused_alone():
    def deep(depth: int) -> dict:
        value: dict = {}
        for _ in range(depth):
            value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
        return IDS | {"attributes": [{"key": "k", "value": value}]}

    spans = [deep(32), deep(33), deep(90), {"traceId": "00"}]
    batch = traces_from_json(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode())
    assert (len(batch.spans), batch.rejected) == (1, 3)
    assert batch.reasons == ("1 span has no valid trace id", "2 spans have values nested more than 32 deep")


def test_a_value_as_deep_as_is_kept_comes_back_from_what_was_written():
    raw = field(1, TRACE_ID) + field(2, SPAN_ID) + field(9, attribute(nested(32, in_maps=True)))
    kept = read_traces(request_of([raw]))
    again = traces_from_json(traces_to_json([(kept.spans[0], kept.sources[0])]))
    assert (len(kept.spans), again.spans) == (1, kept.spans)


def test_a_number_may_have_an_exponent():
    # As Protocol Buffers have it: https://protobuf.dev/programming-guides/json/
    [span] = traces_from_json(
        of_span(startTimeUnixNano="179000000489E7", endTimeUnixNano="1790000004890000001.0")
    ).spans
    assert (span.start, span.end) == (1_790_000_004_890_000_000, 1_790_000_004_890_000_001)


def test_sizes_are_those_of_the_request():
    assert traces_from_json(b'{"resourceSpans": []} ') == Batch(spans=[], size=22)
    assert logs_from_json(b"{}") == Batch(logs=[], size=2)


def test_records_are_read():
    record = IDS | {"timeUnixNano": "3", "severityNumber": "SEVERITY_NUMBER_INFO", "body": {"stringValue": "hello"}}
    [raw] = logs_from_json(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()).logs
    assert (raw.trace_id, raw.span_id, raw.time) == (TRACE_ID, SPAN_ID, 3)
    assert LogRecord.FromString(raw.raw).severity_number == 9


def test_metrics_are_counted():
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{}, {}]}, {}]}, {}]}
    assert count_metrics_in_json(json.dumps(body).encode()) == 2
    for wrong in (b"", b"[]", b'{"resourceMetrics": 1}', b'{"resourceMetrics": [1]}', b"[" * 100_000):
        with pytest.raises(InvalidOTLPError):
            count_metrics_in_json(wrong)


values = st.recursive(
    st.one_of(
        st.builds(AnyValue, string_value=st.text(max_size=9)),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
        st.builds(AnyValue, double_value=st.floats(allow_nan=False)),
        st.builds(AnyValue, bytes_value=st.binary(max_size=9)),
        st.just(AnyValue()),
    ),
    lambda inner: (
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3)))
        | st.builds(
            AnyValue,
            kvlist_value=st.builds(
                KeyValueList, values=st.lists(st.builds(KeyValue, key=st.text(max_size=3), value=inner))
            ),
        )
    ),
    max_leaves=5,
)
attributes = st.lists(st.builds(KeyValue, key=st.text(max_size=5), value=values), max_size=3)
spans = st.builds(
    span,
    name=st.text(max_size=9),
    kind=st.integers(0, 9),
    flags=st.integers(0, 2**32 - 1),
    start_time_unix_nano=st.integers(0, 2**64 - 1),
    attributes=attributes,
    events=st.lists(st.builds(Span.Event, name=st.text(max_size=5), attributes=attributes), max_size=2),
    status=st.builds(Status, code=st.integers(0, 2), message=st.text(max_size=5)),
)


@given(st.lists(spans, min_size=1, max_size=4))
def test_what_is_written_is_read_as_it_was(given_spans):
    batch = read_traces(traces(*given_spans).SerializeToString())
    line = traces_to_json((raw, batch.sources[raw.source]) for raw in batch.spans)
    again = traces_from_json(line)
    assert b"\n" not in line
    assert (again.spans, again.sources) == (batch.spans, batch.sources)


@given(spans)
def test_what_is_written_is_what_protobuf_writes_but_for_the_ids(each):
    batch = read_traces(traces(each).SerializeToString())
    written = json.loads(traces_to_json((raw, batch.sources[raw.source]) for raw in batch.spans))
    [own] = written["resourceSpans"][0]["scopeSpans"][0]["spans"]
    expected = json_format.MessageToDict(each, use_integers_for_enums=True)
    assert {**own, **IDS} == {**expected, **IDS}
    assert {name: own[name] for name in IDS} == IDS


def test_records_are_written_by_who_sent_them():
    request = logs(LogRecord(trace_id=TRACE_ID, body=AnyValue(string_value="é")), service="a")
    request.MergeFrom(logs(LogRecord(event_name="e"), service="b"))
    batch = read_logs(request.SerializeToString())
    line = logs_to_json((raw, batch.sources[raw.source]) for raw in [*batch.logs, batch.logs[0]])
    assert [len(each["scopeLogs"][0]["logRecords"]) for each in json.loads(line)["resourceLogs"]] == [2, 1]
    assert '"é"' in line.decode()
    assert sorted(logs_from_json(line).logs) == sorted([*batch.logs, batch.logs[0]])


def test_numbers_that_json_has_not_are_written_as_texts():
    numbers = [math.nan, math.inf, -math.inf]
    given_span = span(attributes=[KeyValue(key="k", value=AnyValue(double_value=each)) for each in numbers])
    batch = read_traces(traces(given_span).SerializeToString())
    line = traces_to_json((raw, batch.sources[raw.source]) for raw in batch.spans)
    own = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    assert [each["value"]["doubleValue"] for each in own] == ["NaN", "Infinity", "-Infinity"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceSpans", "scopeSpans", "spans", "traceId", "attributes", "key", "value", "intValue", "kind"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_any_json_raises_nothing_else(content):
    for body in (json.dumps(content).encode(), str(content).encode("utf-8", "replace")):
        for read in (traces_from_json, logs_from_json, count_metrics_in_json):
            with suppress(InvalidOTLPError):
                read(body)


def test_text_attribute_survives_the_round_trip_of_the_file():
    batch = read_traces(traces(span(attributes=[text("a\nb", "\u2028")])).SerializeToString())
    line = traces_to_json((raw, batch.sources[raw.source]) for raw in batch.spans)
    assert traces_from_json(line).spans == batch.spans
