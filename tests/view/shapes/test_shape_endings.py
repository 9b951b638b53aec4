"""What is kept of a span for those that end as it does, and left out of plain words, changes nothing of what is read."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_shapes import PARENT_ID, SPAN_ID, TRACE_ID, facts_of_raw, source_of, span_of

from otel_sessions.view.shapes import raw as wire
from otel_sessions.view.shapes import senders, words
from otel_sessions.view.shapes.facts import Words
from otel_sessions.view.shapes.reading import facts_of_spans
from otel_sessions.view.wire.batch import RawSpan
from view.otlp_cases import raw_spans
from view.recorded_otlp import EXPECTED, recorded_otlp
from view.shape_cases import CASES

TEXTS = [
    "",
    "Hello",
    " ",
    "[REDACTED]",
    "{",
    '["a", "b"]',
    '{"messages": [{"role": "user", "content": "Hi"}]}',
    '"quoted"',
]
KEYS = [
    "input.value",
    "output.value",
    "input.mime_type",
    "output.mime_type",
    "session.id",
    "user.id",
    "llm.model_name",
    "llm.token_count.prompt",
    "openinference.span.kind",
    "http.request.method",
    "url.full",
    "tool.name",
    "llm.input_messages.7.message.content",
    "gen_ai.system_instructions",
    "gen_ai.evaluation.name",
    "langfuse.observation.level",
    "operation.cost",
    "app.number",
    "k" * 200,
    "",
]
VALUES = st.sampled_from(
    [*TEXTS, "text/plain", "application/json", "LLM", "CHAIN", "POST", "s-1", 7, 0.5, True, None, ["a"]]
)
ATTRIBUTES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8)
EVENTS = st.sampled_from(
    [()] * 4 + [(("gen_ai.choice", {"content": "Good."}),), (("exception", {"exception.type": "E"}),)]
)
OF_ALL = [
    *(pytest.param(lambda case=case: raw_spans(case.spans), id=case.name) for case in CASES),
    *(pytest.param(lambda path=path: recorded(path), id=path.name) for path in EXPECTED),
]


def recorded(path):
    spans, _, sources = recorded_otlp(path)
    return spans, sources


def turned(raw):
    """Return the same span with the name behind all else, which has to be read as a whole."""
    span = Span.FromString(raw)
    name = Span(name=span.name, kind=span.kind).SerializeToString()
    span.ClearField("name")
    span.ClearField("kind")
    return span.SerializeToString() + name


@given(
    ATTRIBUTES,
    EVENTS,
    st.sampled_from([None, 0, 1, 2]),
    st.sampled_from(["work", "call_llm", "", "n" * 200]),
    st.integers(0, 5),
)
def test_a_span_is_read_alike_the_first_time_and_again_and_in_any_form(attributes, events, status, name, kind):
    raw = span_of(attributes, events=events, status=status, name=name, kind=kind).SerializeToString()
    senders.forget()
    first = facts_of_raw(raw)
    # By their repr: NaN is not equal to itself.
    assert repr(facts_of_raw(raw)) == repr(first)
    assert repr(facts_of_raw(turned(raw))) == repr(first)
    assert (first.name, first.span_kind) == (name, kind)


@pytest.mark.parametrize("given_", OF_ALL)
def test_so_it_is_with_spans_as_they_really_are(given_):
    spans, sources = given_()
    senders.forget()
    first = facts_of_spans(spans, sources)
    assert repr(facts_of_spans(spans, sources)) == repr(first)
    assert repr(facts_of_spans([span._replace(raw=turned(span.raw)) for span in spans], sources)) == repr(first)


@given(ATTRIBUTES, EVENTS)
def test_plain_words_are_those_that_are_found_by_looking_for_any(attributes, events):
    shuffled = list(attributes.items())
    random.Random(len(shuffled)).shuffle(shuffled)  # noqa: S311  # the same in each run
    raw = span_of(dict(shuffled), events=events).SerializeToString()
    span = wire.parsed(wire.Span, raw)
    expected = words._words_in(raw, span.attributes, span.last_event)
    assert words.words_of(raw) == expected


@pytest.mark.parametrize("given_", OF_ALL)
def test_so_it_is_with_the_words_of_spans_as_they_really_are(given_):
    spans, _ = given_()
    found = [wire.parsed(wire.Span, span.raw) for span in spans]
    expected = [words._words_in(span.raw, of.attributes, of.last_event) for span, of in zip(spans, found, strict=True)]
    assert [words.words_of(span.raw) for span in spans] == expected


def test_an_attribute_without_a_key_is_no_word():
    span = span_of({"input.value": "Hi", "output.value": "Hello"})
    odd = b"\x4a\x00"  # an attribute of no bytes
    assert words.words_of(span.SerializeToString() + odd) == Words("Hi", "Hello")
    assert facts_of_raw(span.SerializeToString() + odd).has_input


def test_a_name_that_is_there_twice_is_the_last_one():
    raw = span_of({"session.id": "s-1"}, name="first").SerializeToString() + Span(name="second").SerializeToString()
    for _ in range(2):
        facts = facts_of_raw(raw)
        assert (facts.name, facts.span_kind, facts.session.id) == ("second", 1, "s-1")


def test_a_kind_that_is_there_twice_is_the_last_one():
    raw = span_of(name="work").SerializeToString() + Span(kind=3).SerializeToString()
    assert (facts_of_raw(raw).name, facts_of_raw(raw).span_kind) == ("work", 3)


def test_what_stands_in_the_place_of_the_kind_is_not_taken_for_it():
    raw = span_of({"session.id": "s-1"}, name="work", kind=3).SerializeToString()
    assert b"work\x30\x03" in raw
    facts = facts_of_raw(raw.replace(b"work\x30\x03", b"work\x50\x03"))  # a number of attributes that were left out
    assert (facts.name, facts.span_kind, facts.session.id) == ("work", 0, "s-1")


@pytest.mark.parametrize("size", range(0, 120, 7))
def test_whatever_is_cut_is_read(size):
    raw = span_of({"session.id": "s-1"}).SerializeToString()[:size]
    assert facts_of_raw(raw).span_id == SPAN_ID


def test_a_span_keeps_its_own_ids_and_times():
    raws = []
    for number in (1, 2):
        span = span_of({"session.id": "s-1"}, status=2, message="boom")
        span.span_id, span.parent_span_id = bytes([number] * 8), b"" if number == 1 else PARENT_ID
        span.start_time_unix_nano, span.end_time_unix_nano = number, number + 1
        raws.append(
            RawSpan(TRACE_ID, span.span_id, span.parent_span_id, number, number + 1, 0, span.SerializeToString())
        )
    one, other = facts_of_spans(raws, [source_of()])
    assert (one.span_id, one.parent_span_id, one.start, one.end, one.error) == (bytes([1] * 8), b"", 1, 2, "boom")
    assert (other.span_id, other.parent_span_id, other.start, other.end) == (bytes([2] * 8), PARENT_ID, 2, 3)
    assert one[7:] == other[7:]


def test_what_holds_of_a_source_does_not_hold_of_another():
    raw = span_of({"openinference.span.kind": "CHAIN"}).SerializeToString()
    services = [facts_of_raw(raw, source_of({"service.name": name, "session.id": name})) for name in ("a", "b", "a")]
    assert [(each.service, each.session.id) for each in services] == [("a", "a"), ("b", "b"), ("a", "a")]


def group_of(raw):
    """Return the group in which a span of the usual source, with a parent, is."""
    end = 40 + raw[39] + 2
    return senders.sender_of(source_of()).groups[raw[38:end]]


def test_endings_that_do_not_repeat_are_not_kept():
    senders.forget()
    for number in range(200):
        raw = span_of({"input.value": f"question {number}"}, name="asked").SerializeToString()
        assert facts_of_raw(raw).has_input
    assert not group_of(raw).endings


def test_endings_that_repeat_are_kept():
    senders.forget()
    for number in range(1000):
        raw = span_of({"tool.name": f"tool-{number // 5}"}, name="used").SerializeToString()
        facts_of_raw(raw)
    assert len(group_of(raw).endings) == 200
    assert group_of(raw).hits == 800


def test_long_spans_are_not_kept():
    senders.forget()
    raw = span_of({"input.value": "w" * 2000, "session.id": "s" * 2000}, name="long").SerializeToString()
    assert facts_of_raw(raw) == facts_of_raw(raw)
    assert not group_of(raw).endings
    assert not group_of(raw).sayings


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(senders, "MOST_BYTES", 20_000)
    senders.forget()
    sizes = []
    for number in range(500):
        raw = span_of(
            {"session.id": f"s-{number % 9}", "tool.name": f"tool-{number}"}, name=f"n-{number}"
        ).SerializeToString()
        assert facts_of_raw(raw).session.id == f"s-{number % 9}"
        sizes.append(len(senders.sender_of(source_of()).groups))
    assert max(sizes) <= 20_000 / 500 + 1


def test_so_are_senders(monkeypatch):
    monkeypatch.setattr(senders, "_MOST_SENDERS", 4)
    for number in range(20):
        assert (
            facts_of_raw(span_of().SerializeToString(), source_of({"service.name": f"s-{number}"})).service
            == f"s-{number}"
        )
    assert len(senders._SENDERS) <= 4


def test_an_error_without_a_time_of_the_end_is_read():
    span = span_of({"session.id": "s-1"}, status=2)
    span.ClearField("end_time_unix_nano")
    assert facts_of_raw(span.SerializeToString()).error == "error"
