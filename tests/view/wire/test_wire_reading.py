"""Spans and records are read out of any OTLP that there is, and what is none is refused, with the reason."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord as SDKRecord
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from otel_sessions.view.wire.batch import Batch, RawLog, RawSpan, Source
from otel_sessions.view.wire.reading import (
    MAX_ENTRIES,
    InvalidOTLPError,
    count_metrics,
    read_logs,
    read_traces,
)
from otlp_requests import (
    SPAN_ID,
    TRACE_ID,
    attribute,
    field,
    logs,
    metrics,
    nested,
    request_of,
    span,
    text,
    traces,
    varint,
)

HEAD = field(1, TRACE_ID) + field(2, SPAN_ID)


def read(*spans: Span) -> Batch:
    return read_traces(traces(*spans).SerializeToString())


def test_what_the_sdk_encodes_is_read(pipeline):
    with pipeline.tracer.start_as_current_span("turn"), pipeline.tracer.start_as_current_span("call"):
        pass
    request = encode_spans(pipeline.exporter.get_finished_spans())
    body = request.SerializeToString()
    of_scope = request.resource_spans[0].scope_spans[0]
    assert read_traces(body) == Batch(
        sources=(Source(request.resource_spans[0].resource.SerializeToString(), of_scope.scope.SerializeToString()),),
        spans=[
            RawSpan(
                each.trace_id,
                each.span_id,
                each.parent_span_id,
                each.start_time_unix_nano,
                each.end_time_unix_nano,
                0,
                each.SerializeToString(),
            )
            for each in of_scope.spans
        ],
        size=len(body),
    )


def test_what_the_sdk_encodes_of_logs_is_read(pipeline):
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    with pipeline.tracer.start_as_current_span("turn") as current:
        provider.get_logger("tests").emit(SDKRecord(timestamp=5, body="hello"))
    context = current.get_span_context()
    [record] = read_logs(encode_logs(exporter.get_finished_logs()).SerializeToString()).logs
    assert (record.trace_id, record.span_id) == (
        context.trace_id.to_bytes(16, "big"),
        context.span_id.to_bytes(8, "big"),
    )
    assert record.time == 5


def test_an_empty_request_is_one_of_nothing():
    assert read_traces(b"") == Batch(spans=[])
    assert read_logs(b"") == Batch(logs=[])


@pytest.mark.parametrize("body", [b"\x0a", b"\xff\xff", b"not OTLP", b"{}"])
def test_what_is_no_otlp_is_refused_as_a_whole(body):
    with pytest.raises(InvalidOTLPError, match="not a request of OTLP"):
        read_traces(body)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"trace_id": b""}, "1 span has no valid trace id", id="no-trace-id"),
        pytest.param({"trace_id": bytes(16)}, "1 span has no valid trace id", id="zero-trace-id"),
        pytest.param({"trace_id": TRACE_ID[:8]}, "1 span has no valid trace id", id="short-trace-id"),
        pytest.param({"span_id": b""}, "1 span has no valid span id", id="no-span-id"),
        pytest.param({"span_id": bytes(8)}, "1 span has no valid span id", id="zero-span-id"),
        pytest.param({"span_id": TRACE_ID}, "1 span has no valid span id", id="long-span-id"),
        pytest.param(
            {"attributes": [text("k", "v")] * (MAX_ENTRIES + 1)},
            "1 span has more than 10,000 attributes, events or links",
            id="too-many-attributes",
        ),
        pytest.param(
            {"events": [Span.Event()] * (MAX_ENTRIES + 1)},
            "1 span has more than 10,000 attributes, events or links",
            id="too-many-events",
        ),
        pytest.param(
            {"links": [Span.Link()] * (MAX_ENTRIES + 1)},
            "1 span has more than 10,000 attributes, events or links",
            id="too-many-links",
        ),
    ],
)
def test_a_span_that_is_wrong_is_refused_alone(fields, reason):
    batch = read(span(name="good"), span(**fields))
    assert [Span.FromString(each.raw).name for each in batch.spans] == ["good"]
    assert (batch.rejected, batch.reasons) == (1, (reason,))


def test_reasons_are_counted_the_most_frequent_first():
    batch = read(span(span_id=b""), span(trace_id=b""), span(trace_id=b"x"))
    assert batch.spans == []
    assert batch.reasons == ("2 spans have no valid trace id", "1 span has no valid span id")


@pytest.mark.parametrize("parent_id", [b"", bytes(8), b"short", TRACE_ID])
def test_a_parent_that_is_none_makes_a_root(parent_id):
    [root] = read(span(parent_span_id=parent_id)).spans
    assert root.parent_span_id == b""


def test_a_span_that_ends_before_it_starts_and_one_without_times_are_kept():
    batch = read(span(start_time_unix_nano=9, end_time_unix_nano=4), span())
    assert [(each.start, each.end) for each in batch.spans] == [(9, 4), (0, 0)]


def test_as_many_attributes_as_may_be_are_kept():
    assert len(read(span(attributes=[text("key", "value")] * MAX_ENTRIES)).spans) == 1


def test_equal_sources_are_one():
    request = traces(span(), service="a")
    request.MergeFrom(traces(span(), service="b"))
    request.MergeFrom(traces(span(), service="a"))
    batch = read_traces(request.SerializeToString())
    assert [each.source for each in batch.spans] == [0, 1, 0]
    assert len(batch.sources) == 2


@pytest.mark.parametrize("in_maps", [True, False], ids=["maps", "lists"])
@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda value: field(9, attribute(value)), id="attribute"),
        pytest.param(lambda value: field(11, field(3, attribute(value))), id="event"),
        pytest.param(lambda value: field(13, field(4, attribute(value))), id="link"),
    ],
)
def test_a_span_that_is_nested_too_deep_is_refused_alone(place, in_maps):
    good = HEAD + place(nested(32, in_maps=in_maps))
    for depth in (33 if in_maps else 50, 20_000):
        batch = read_traces(request_of([good, HEAD + place(nested(depth, in_maps=in_maps))]))
        assert [each.raw for each in batch.spans] == [good]
        assert batch.reasons == ("1 span has values nested more than 32 deep",)


@pytest.mark.parametrize("number", [5, 6], ids=["body", "attribute"])
def test_a_record_that_is_nested_too_deep_is_refused_alone(number):
    value = nested(3_000, in_maps=True)
    bad = field(5, value) if number == 5 else field(6, attribute(value))
    batch = read_logs(request_of([b"", bad]))
    assert len(batch.logs) == 1
    assert batch.reasons == ("1 record has values nested more than 32 deep",)


@pytest.mark.parametrize("raw", [field(9, b"\x0a\xff"), field(11, b"\x0a\xff"), field(15, b"\x12\xff")])
def test_a_span_that_is_broken_inside_makes_the_request_none(raw):
    with pytest.raises(InvalidOTLPError, match="not one of OTLP"):
        read_traces(request_of([HEAD, HEAD + raw]))


def test_a_record_that_is_broken_inside_makes_the_request_none():
    with pytest.raises(InvalidOTLPError, match="not one of OTLP"):
        read_logs(request_of([field(6, b"\x0a\xff")]))


@pytest.mark.parametrize(
    "sources",
    [
        pytest.param({"resource": field(1, b"\x0a\xff")}, id="broken-resource"),
        pytest.param({"scope": field(1, b"x") + b"\x12\xff"}, id="broken-scope"),
        pytest.param({"resource": field(1, attribute(nested(99, in_maps=True)))}, id="deep-resource"),
    ],
)
def test_a_source_that_is_broken_makes_the_request_none(sources):
    with pytest.raises(InvalidOTLPError, match="a resource or a scope"):
        read_traces(request_of([HEAD], **sources))


@pytest.mark.parametrize("body", [
    pytest.param(field(1, field(1, field(1, b"\x0a\xff"))), id="of-nothing"),
    pytest.param(field(1, field(1, b"\x0a\x03") + field(2, b"") + field(1, b"\x0a\x01x")), id="in-pieces"),
])  # fmt: skip
def test_a_broken_source_is_found_where_no_span_is_its_own(body):
    with pytest.raises(InvalidOTLPError, match="a resource or a scope"):
        read_traces(body)


def test_text_that_is_not_utf8_is_kept_as_it_came():
    raw = HEAD + field(5, b"caf\xe9")
    assert [each.raw for each in read_traces(request_of([raw])).spans] == [raw]


def test_a_message_in_pieces_is_one():
    """Protobuf lets a writer send a message in parts: joined, they are the message."""
    first, second = field(1, attribute(field(1, b"a"))), field(1, attribute(field(1, b"b")))
    body = field(1, field(1, first) + field(1, second) + field(2, field(2, HEAD)))
    [source] = read_traces(body).sources
    assert source == Source(first + second, b"")


def test_a_field_that_comes_twice_counts_as_it_came_last():
    [raw] = read_traces(request_of([field(1, b"other") + HEAD])).spans
    assert raw.trace_id == TRACE_ID


def test_fields_of_later_versions_and_other_orders_are_no_error():
    raw = field(99, b"later") + varint(77 << 3) + b"\x01" + field(2, SPAN_ID) + field(1, TRACE_ID)
    assert [each.span_id for each in read_traces(request_of([raw])).spans] == [SPAN_ID]


def test_ids_of_a_record_that_are_none_put_it_outside_of_any_trace():
    batch = read_logs(
        logs(
            LogRecord(trace_id=TRACE_ID, span_id=SPAN_ID, time_unix_nano=3, observed_time_unix_nano=4),
            LogRecord(trace_id=TRACE_ID, span_id=b"short", observed_time_unix_nano=4),
            LogRecord(trace_id=bytes(16), span_id=SPAN_ID),
            LogRecord(),
        ).SerializeToString()
    )
    assert [each[:3] for each in batch.logs] == [
        (TRACE_ID, SPAN_ID, 3),
        (TRACE_ID, b"", 4),
        (b"", b"", 0),
        (b"", b"", 0),
    ]
    assert all(isinstance(each, RawLog) for each in batch.logs)


def test_a_record_with_too_many_attributes_is_refused():
    bad = LogRecord(attributes=[text("k", "v")] * (MAX_ENTRIES + 1))
    batch = read_logs(logs(LogRecord(body=AnyValue(string_value="good")), bad).SerializeToString())
    assert (len(batch.logs), batch.reasons) == (1, ("1 record has more than 10,000 attributes",))


def test_metrics_are_counted_and_nothing_more():
    assert count_metrics(metrics("a", "b").SerializeToString()) == 2
    with pytest.raises(InvalidOTLPError):
        count_metrics(b"\xff")


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(body):
    for reader in (read_traces, read_logs, count_metrics):
        with suppress(InvalidOTLPError):
            reader(body)


SAMPLE = traces(
    span(attributes=[text("session.id", "s-1"), text("input.value", "hello")], events=[Span.Event(name="e")]),
    span(span_id=b"12345678", parent_span_id=SPAN_ID, links=[Span.Link(trace_id=TRACE_ID)]),
).SerializeToString()


@given(
    st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=6),
    st.integers(0, len(SAMPLE)),
)
def test_a_request_that_was_changed_on_its_way_gives_spans_or_an_error(changes, end):
    body = bytearray(SAMPLE)
    for place, value in changes:
        body[place] = value
    try:
        batch = read_traces(bytes(body[:end]))
    except InvalidOTLPError:
        return
    for each in batch.spans:
        assert (len(each.trace_id), len(each.span_id), len(each.parent_span_id)) in {(16, 8, 0), (16, 8, 8)}
        assert each.source in range(len(batch.sources))


@given(
    st.lists(
        st.builds(span, name=st.text(max_size=5), trace_id=st.sampled_from([TRACE_ID, b"", bytes(16)])), max_size=9
    )
)
def test_each_span_is_kept_or_counted(spans):
    batch = read_traces(ExportTraceServiceRequest.FromString(traces(*spans).SerializeToString()).SerializeToString())
    assert len(batch.spans) + batch.rejected == len(spans)
    assert [each.raw for each in batch.spans] == [
        each.SerializeToString() for each in spans if each.trace_id == TRACE_ID
    ]
