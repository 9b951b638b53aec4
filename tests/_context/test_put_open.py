"""What is put on an open span by its store is on it as the SDK would have it."""

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from otel_sessions._context.attribute_store import put_open

WORDS = {"output.value": "The last one leaves at 21:40.", "output.mime_type": "text/plain"}


def span_with(attributes=None, **limits):
    provider = TracerProvider(shutdown_on_exit=False, span_limits=SpanLimits(**limits))
    return provider.get_tracer("test").start_span("open", attributes=attributes)


@pytest.mark.parametrize(
    ("attributes", "limits"),
    [
        pytest.param(None, {}, id="empty"),
        pytest.param({"k": 1}, {}, id="has others"),
        pytest.param({"output.value": "?", "k": 1}, {}, id="has one of them"),
        pytest.param({"k": 1, "l": 2}, {"max_span_attributes": 3}, id="is full"),
        pytest.param(None, {"max_span_attribute_length": 4}, id="cuts values"),
        pytest.param(None, {"max_span_attributes": 0}, id="takes none"),
    ],
)
def test_it_is_as_set_attributes_does(attributes, limits):
    ours, theirs = span_with(attributes, **limits), span_with(attributes, **limits)
    put_open(ours, WORDS)
    theirs.set_attributes(WORDS)
    assert list(ours.attributes.items()) == list(theirs.attributes.items())


def test_a_span_that_has_ended_stays_as_it_is():
    span = span_with()
    span.end()
    put_open(span, WORDS)
    assert dict(span.attributes) == {}


@pytest.mark.parametrize("store", [{"_attributes": {}}, {}], ids=["with another store", "without any"])
def test_a_span_of_another_make_is_asked_by_the_public_api(store):
    class Span:
        def __init__(self):
            self.set = {}
            self.__dict__.update(store)

        def set_attributes(self, attributes):
            self.set.update(attributes)

    span = Span()
    put_open(span, WORDS)
    assert span.set == WORDS
