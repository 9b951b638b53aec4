"""Whatever comes, nothing raises, and what is read depends on what is said and not on the order of it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from otlp_shapes import TRACE_ID, facts_of, facts_of_raw, log_facts_of, record_of, source_of, span_of

from otel_sessions.view.shapes import content_names
from otel_sessions.view.shapes.plans import WANTED
from otel_sessions.view.shapes.reading import facts_of_logs
from otel_sessions.view.shapes.words import words_of, words_of_log
from otel_sessions.view.wire.batch import RawLog, Source

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
FIELDS = st.sampled_from(
    [
        "role",
        "content",
        "parts",
        "type",
        "text",
        "messages",
        "tool_calls",
        "function",
        "name",
        "kwargs",
        "input",
        "output",
        "data",
    ]
)
NODES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | TEXTS
    | st.sampled_from(["user", "tool", "text"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS | TEXTS, inner, max_size=4),
    max_leaves=20,
)
VALUES = NODES | NODES.map(json.dumps) | st.binary(max_size=20)
KEYS = (
    st.sampled_from(WANTED) | st.sampled_from(["llm.input_messages.7.message.content", "gen_ai.prompt.3.role"]) | TEXTS
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=8)
EVENTS = st.lists(
    st.tuples(st.sampled_from([*content_names.EVENTS, "exception", "gen_ai.evaluation.result"]) | TEXTS, ATTRIBUTES),
    max_size=3,
)


@given(ATTRIBUTES, ATTRIBUTES, EVENTS, st.integers(0, 5), st.sampled_from([None, 0, 1, 2]))
def test_nothing_raises_on_any_values(attributes, resource, events, kind, status):
    facts = facts_of(attributes, resource=resource, events=events, kind=kind, status=status)
    words = words_of(span_of(attributes, events=events).SerializeToString())
    for text in (facts.name, facts.error, facts.model, facts.service, *facts[12:16], words.input, words.output):
        assert text.encode() is not None
    for message in words.messages:
        assert f"{message.role}{message.text}{message.tools}".encode() is not None
    for judgement in facts.judgements:
        assert f"{judgement.name}{judgement.label}{judgement.explanation}".encode() is not None
    assert all(count is None or 0 <= count < 2**53 for count in facts.tokens)


@given(NODES, ATTRIBUTES, st.sampled_from([*content_names.EVENTS, *content_names.LOGS]) | TEXTS)
def test_nothing_raises_on_any_record(body, attributes, event):
    facts = log_facts_of(body, attributes, event=event)
    assert facts.event == event or not event
    assert words_of_log(record_of(body, attributes, event=event)).input.encode() is not None


@given(st.binary(max_size=200), st.binary(max_size=60), st.binary(max_size=60))
def test_nothing_raises_on_any_bytes(raw, resource, scope):
    facts_of_raw(raw, Source(resource, scope))
    words_of(raw)
    words_of_log(raw)
    facts_of_logs([RawLog(TRACE_ID, b"", 0, 0, raw)], [Source(resource, scope)])


@given(ATTRIBUTES, st.data())
def test_nothing_raises_where_bytes_were_changed(attributes, data):
    raw = bytearray(span_of(attributes).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    facts_of_raw(bytes(raw))
    words_of(bytes(raw))


@given(ATTRIBUTES, EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_attributes_does_not_matter(attributes, events, random):
    shuffled = list(attributes.items())
    random.shuffle(shuffled)
    # By their repr: NaN is not equal to itself.
    assert repr(facts_of(dict(shuffled), events=events)) == repr(facts_of(attributes, events=events))
    one, other = (span_of(each, events=events).SerializeToString() for each in (attributes, dict(shuffled)))
    assert words_of(one) == words_of(other)


@given(ATTRIBUTES)
def test_a_span_is_read_alike_whatever_was_read_before(attributes):
    first = repr(facts_of(attributes))
    facts_of({f"other {key}": value for key, value in attributes.items()})
    assert repr(facts_of(attributes)) == first


def test_many_spans_are_read_in_their_order_and_memory_is_bounded():
    from otel_sessions.view.shapes.plans import CODES, OUTLINES

    for number in range(10_000):
        assert facts_of({f"key.{number}": 1, "session.id": f"conv-{number}"}).session.id == f"conv-{number}"
    assert len(CODES) <= 4096
    assert len(OUTLINES) <= 4096
    assert facts_of({"session.id": "conv-1"}, resource=None).session.id == "conv-1"
    assert source_of() == source_of()
