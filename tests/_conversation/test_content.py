"""Any value, and any item of a stream, as a text: never raises, and is bounded."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from otel_sessions._conversation.content import MAX_LENGTH, Collected, content_of, piece_of

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
KEYS = st.text() | st.sampled_from(["choices", "delta", "content", "type", "text", "message", "output_text"])
VALUES = st.recursive(
    PLAIN | st.sampled_from(["response.output_text.delta", "content_block_delta", "response.done"]),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner) | st.builds(object),
    max_leaves=20,
)


@given(VALUES)
def test_any_value_is_a_text_and_what_says_that_it_is_json_is_json(value):
    text, mime_type = content_of(value)
    assert isinstance(text, str)
    assert len(text) <= MAX_LENGTH
    assert mime_type == "text/plain" or json.loads(text) is not Ellipsis


@given(st.lists(VALUES.filter(lambda item: not isinstance(item, bytes))))
def test_any_items_are_collected_as_one_text_or_as_a_list(items):
    collected = Collected()
    for item in items:
        collected.add(item)
    found = collected.content()
    texts = [piece for piece in map(piece_of, items) if piece is not None]
    if found is None:
        assert "".join(texts) == ""
        assert len(texts) == len(items)
    elif found.mime_type == "text/plain":
        assert found.text == "".join(texts)
    else:
        assert len(json.loads(found.text)) == len(items) - len(texts)


@given(st.lists(st.text(max_size=3).map(lambda text: text * 50_000), max_size=12))
def test_what_is_collected_is_bounded(items):
    collected = Collected()
    for item in items:
        collected.add(item)
    found = collected.content()
    whole = "".join(items)
    assert ("" if found is None else found.text.rstrip("…")) == whole[:MAX_LENGTH].rstrip("…")
