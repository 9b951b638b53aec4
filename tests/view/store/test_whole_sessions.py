"""One session with all of its traces, page by page; and sessions as OTLP JSON lines, out and in."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from store_cases import EPOCH, SECOND, batch, log, log_batch, request, snapshot, span, trace_id, turn

from otel_sessions.view.store.interface import Filter
from otel_sessions.view.store.sqlite import SQLiteStore
from otel_sessions.view.wire.json_form import traces_to_json


def ids(stored) -> list[bytes]:
    return [each.trace_id for each in stored.traces]


def test_a_session_page_by_page(store):
    for number in range(5):
        store.write(batch(turn(f"t{number}", "A", at=10 * number)))
    # One without words while the second turn is under way, one in none.
    store.write(batch([span("during", "query", at=10.5, lasts=0.1, session__id="A")]))
    store.write(batch([span("after", "query", at=100, session__id="A")]))
    store.write(log_batch([log("beside", session__id="A")]))
    first = store.session("A", 2)
    assert [each.start - EPOCH for each in first.turns] == [0, 10 * SECOND]
    assert ids(first) == [trace_id(each) for each in ("t0", "t1", "during")]
    assert (first.logs, len(first.summary.turns)) == ((), 5)
    second = store.session("A", 2, first.next)
    assert ids(second) == [trace_id("t2"), trace_id("t3")]
    third = store.session("A", 2, second.next)
    assert ids(third) == [trace_id("t4"), trace_id("after")]
    assert (third.next, len(third.logs)) == (None, 1)
    assert store.session("A", 0).turns == first.turns[:1]
    assert [each.first for each in (first, second, third)] == [0, 2, 4]
    assert first.apart == [(trace_id("after"), EPOCH + 100 * SECOND, EPOCH + 101 * SECOND, 0)]
    for turn_, starts in ((second.turns[1].span_id, 3), (b"none", 0)):
        assert store.session("A", 2, turn=turn_).first == starts
    assert store.session("A", 2, first.next, turn=second.turns[1].span_id).first == 2


def test_a_page_goes_on_where_a_turn_was_that_is_none_any_more(store):
    store.write(batch(turn("t1", "A") + turn("t3", "A", at=20)))
    store.write(batch([span("t2", "turn", at=10, session__id="A", input__value="then")]))
    page = store.session("A", 2)
    assert page.turns[-1].trace_id == trace_id("t2")
    store.write(batch([span("t2", "turn", at=10, lasts=2, session__id="B", input__value="then")]))
    assert [each.trace_id for each in store.session("A", 2, page.next).turns] == [trace_id("t3")]


def test_a_session_without_turns_shows_its_traces(store):
    store.write(batch([span("t1", "query", session__id="A")]))
    found = store.session("A")
    assert (found.turns, ids(found), found.next) == ((), [trace_id("t1")], None)


def test_what_is_not_there(store):
    assert (store.session("nobody"), store.trace(bytes(16)), store.export("nobody")) == (None, None, None)


def test_each_span_of_a_trace_is_there_once_with_its_sender(store):
    store.write(batch(turn("t1", "A")[:2], service="one"))
    store.write(batch(turn("t1", "A")[1:], service="two"))
    found = store.trace(trace_id("t1"))
    assert len(found.spans) == 3
    senders = [source.resource for _, source in found.spans]
    # Of two equal spans of two senders the larger sender counts.
    assert [b"two" in each for each in senders] == [False, True, True]


def test_coverage_by_who_sends_and_why(store):
    torn = turn("t3", "A")
    torn[2].attributes[1].value.string_value = "B"
    other = turn("t4", None)
    other[0].attributes.add(key="gen_ai.conversation.id").value.string_value = "C"
    other[0].attributes.add(key="session.displaced_id").value.string_value = "D"
    store.write(batch(turn("t1", None) + turn("t2", "A") + torn + other))
    store.write(batch([span("t5", "query")], service="worker"))
    found = store.coverage()
    assert (found.spans, found.without_session, found.llm_spans, found.llm_without_session) == (13, 4, 4, 1)
    assert [(each.service, each.spans, each.llm_spans) for each in found.groups] == [("api", 3, 1), ("worker", 1, 0)]
    assert found.torn == [(trace_id("t3"), ("A", "B"))]
    assert found.other_keys == [("gen_ai.conversation.id", 1)]
    assert found.displaced == 1


def test_what_has_gone_before_it_was_exported_is_left_out(store):
    store.write(batch(turn("t1", "A") + turn("t2", "A", at=5)))
    lines = store.export("A")
    assert trace_id("t1").hex().encode() in next(lines)
    store.clear()
    assert list(lines) == []


def test_torn_traces_are_told_newest_first_in_whatever_order_they_came(store):
    for name, at in (("t1", 20), ("t2", 0), ("t3", 10)):
        torn = turn(name, "A", at=at)
        torn[2].attributes[1].value.string_value = "B"
        store.write(batch(torn))
    assert [each for each, _ in store.coverage().torn] == [trace_id("t1"), trace_id("t3"), trace_id("t2")]


def test_what_is_exported_can_be_loaded(store):
    for number in range(3):
        store.write(batch(turn(f"t{number}", "A", at=number, said="hello ü\u2028 \x00")))
    store.write(batch(turn("other", "B")))
    store.write(log_batch([log("in it", trace="t1", parent="turn"), log("beside", session__id="A")]))
    lines = list(store.export("A"))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert {next(iter(json.loads(line))) for line in lines} == {"resourceSpans", "resourceLogs"}
    other = SQLiteStore.open(None)
    assert other.load(lines) == (11, [])
    assert other.session("A", 100) == store.session("A", 100)
    assert other.load(lines) == (11, [])
    assert other.session("A", 100) == store.session("A", 100)
    assert [row.id for row in other.sessions(Filter()).rows] == ["A"]
    other.close()


def test_bad_lines_are_said_by_number_and_the_good_ones_are_taken(store):
    good = traces_to_json(
        [
            (each, batch([]).sources[0] if batch([]).sources else batch(turn("t1")).sources[0])
            for each in batch(turn("t1", "A")).spans
        ]
    )
    bad_span = json.loads(good)
    bad_span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = ""
    lines = [
        b"",
        b"no json\n",
        good + b"\r\n",
        b"{}\n",
        b"[1, 2]",
        b'{"resourceMetrics": []}',
        b'{"resourceSpans": 5}\n',
        json.dumps(bad_span).encode(),
        b"[" * 100_000,
        b"   \n",
    ]
    taken, problems = store.load(lines)
    assert taken == 5
    assert [each.split(":")[0] for each in problems] == [f"line {number}" for number in (2, 4, 5, 6, 7, 8, 9)]
    assert "trace id" in problems[5]
    assert [row.spans for row in store.sessions(Filter()).rows] == [3]


def test_a_file_of_another_kind_is_not_told_line_by_line(store):
    taken, problems = store.load([b"text\n"] * 1000)
    assert (taken, len(problems), problems[-1]) == (0, 101, "900 more lines")


@given(
    st.lists(
        st.binary(max_size=30)
        | st.sampled_from([b'{"resourceSpans":', b'{"resourceLogs": [{}]}', b'{"resource_spans": [null]}']),
        max_size=5,
    )
)
def test_no_line_is_an_exception(lines):
    store = SQLiteStore.open(None)
    store.load(lines)
    store.close()


def test_requests_of_the_wire_are_loaded_as_they_are_written(store):
    """What the Collector's file exporter writes has several resources on a line."""
    sent = batch(turn("t1", "A"))
    line = traces_to_json([(each, sent.sources[0]) for each in sent.spans])
    assert store.load([line + b"\n"]) == (3, [])
    before = snapshot(store)
    store.write(sent)
    assert snapshot(store) == before
    assert request(turn("t1", "A"))
