"""A span with more attributes than its limit keeps both ids, in the exported bytes, in every set-up."""

from __future__ import annotations

import logging
import threading

import pytest
from openai import OpenAI
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from local_receiver import OTLPReceiver
from otel_sessions import bind_session, set_session
from otel_sessions.demo import StandIn
from otel_sessions.sdk import SessionSpanProcessor, instrument
from wire import spans_of

DEFAULT_LIMIT = 128


@pytest.fixture(autouse=True)
def _the_sdk_need_not_say_what_it_drops():
    """It logs a warning for each attribute."""
    logger = logging.getLogger("opentelemetry.attributes")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@pytest.fixture(scope="module")
def api():
    with StandIn(seconds_per_word=0) as api:
        yield api


def set_up(provider, exporters, order, export):
    processors = [export(exporter) for exporter in exporters]
    if order == "before":
        provider.add_span_processor(SessionSpanProcessor())
    for processor in processors:
        provider.add_span_processor(processor)
    if order == "after":
        provider.add_span_processor(SessionSpanProcessor())
    if order == "instrument":
        instrument(provider)


def chat(count):
    return [{"role": ("user", "assistant")[number % 2], "content": f"Message {number}."} for number in range(count)]


@pytest.mark.warned_of("propagators")
@pytest.mark.parametrize("exporters", [1, 2])
@pytest.mark.parametrize("export", [SimpleSpanProcessor, BatchSpanProcessor])
@pytest.mark.parametrize("order", ["before", "after", "instrument"])
def test_a_chat_of_500_messages_keeps_both_ids_in_the_exported_bytes(api, order, export, exporters):
    with OTLPReceiver() as first, OTLPReceiver() as second:
        receivers = [first, second][:exporters]
        provider = TracerProvider(shutdown_on_exit=False)
        set_up(provider, [OTLPSpanExporter(endpoint=receiver.endpoint) for receiver in receivers], order, export)
        instrumentor = OpenAIInstrumentor()
        instrumentor.instrument(tracer_provider=provider)
        try:
            with OpenAI(base_url=api.base_url, api_key="none") as client, set_session("conv-1", user_id="ada"):
                client.chat.completions.create(model="m", messages=chat(500))
        finally:
            instrumentor.uninstrument()
            provider.shutdown()
        for receiver in receivers:
            [span] = spans_of(receiver)
            assert (span.attributes["session.id"], span.attributes["user.id"]) == ("conv-1", "ada")
            assert len(span.attributes) == DEFAULT_LIMIT


def full_span(pipeline, count=200, **attributes):
    span = pipeline.tracer.start_span("full", attributes=attributes)
    for number in range(count):
        span.set_attribute(f"key-{number}", number)
    span.end()
    return pipeline.spans()["full"]


@pytest.mark.parametrize("limit", [2, 3, 10, 128])
def test_a_span_never_has_more_than_its_limit_and_the_newest_stay(make_pipeline, limit):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attributes=limit))
    with set_session("a", user_id="ada"):
        span = full_span(pipeline)
    newest = {f"key-{number}": number for number in range(200 - limit + 2, 200)}
    assert dict(span.attributes) == {"session.id": "a", "user.id": "ada", **newest}
    assert span.dropped_attributes == 200 + 2 - limit


@pytest.mark.parametrize("limit", [0, 1])
def test_a_span_that_cannot_hold_two_attributes_is_left_as_it_is(make_pipeline, limit):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attributes=limit))
    with set_session("a", user_id="ada"):
        span = full_span(pipeline)
    assert dict(span.attributes) == ({"key-199": 199} if limit else {})


def test_without_a_limit_nothing_is_lost(make_pipeline):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attributes=SpanLimits.UNSET))
    with set_session("a"):
        assert len(full_span(pipeline, 1000).attributes) == 1001


def test_the_limit_of_the_environment_counts(make_pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "10")
    pipeline = make_pipeline()
    with set_session("a", user_id="ada"):
        span = full_span(pipeline)
    assert (span.attributes["session.id"], span.attributes["user.id"], len(span.attributes)) == ("a", "ada", 10)


@pytest.mark.warned_of("digest")
def test_other_limits_of_the_user_stay_in_force(make_pipeline):
    limits = SpanLimits(max_span_attributes=10, max_span_attribute_length=8, max_events=1)
    pipeline = make_pipeline(span_limits=limits)
    with set_session("an id that is longer than the limit", user_id="ada"):
        span = pipeline.tracer.start_span("full")
        for number in range(50):
            span.set_attribute(f"key-{number}", "a long value")
            span.add_event("event")
        span.end()
    span = pipeline.spans()["full"]
    assert {len(value) for key, value in span.attributes.items() if key != "user.id"} == {8}
    assert (len(span.attributes), span.attributes["user.id"], len(span.events)) == (10, "ada", 1)


def test_an_id_of_the_span_itself_that_stays_is_kept_too(pipeline):
    """A user that it has started with, or the same session id, is not ours to set, and may be lost as well."""
    with set_session("a", user_id="ada"):
        span = full_span(pipeline, **{"session.id": "a", "user.id": "bob"})
    assert (span.attributes["session.id"], span.attributes["user.id"]) == ("a", "bob")


def test_an_id_of_openinference_that_agrees_with_the_scope_is_kept_too(api, pipeline):
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=pipeline.provider)
    try:
        with OpenAI(base_url=api.base_url, api_key="none") as client, set_session("conv-1", user_id="ada"):
            with using_attributes(session_id="conv-1", user_id="ada"):
                client.chat.completions.create(model="m", messages=chat(100))
            with using_attributes(session_id="other"):
                client.chat.completions.create(model="m", messages=chat(100))
    finally:
        instrumentor.uninstrument()
    spans = pipeline.exporter.get_finished_spans()
    assert [(span.attributes["session.id"], span.attributes["user.id"]) for span in spans] == [("conv-1", "ada")] * 2


def test_what_code_sets_last_stays(pipeline):
    with set_session("a", user_id="ada"), pipeline.tracer.start_as_current_span("full") as span:
        for number in range(200):
            span.set_attribute(f"key-{number}", number)
        span.set_attribute("user.id", "bob")
    assert pipeline.attributes("full")["session.id"] == "a"
    assert pipeline.attributes("full")["user.id"] == "bob"


def test_a_session_that_was_bound_late_is_kept(pipeline):
    with pipeline.tracer.start_as_current_span("full") as span:
        bind_session("late", user_id="ada")
        for number in range(200):
            span.set_attribute(f"key-{number}", number)
    assert pipeline.attributes("full")["session.id"] == "late"
    assert pipeline.attributes("full")["user.id"] == "ada"


def test_only_the_ids_are_kept(pipeline):
    """Sixty-four metadata put back would cost sixty-four attributes of the application."""
    with set_session("a", name="n", metadata={"plan": "pro"}):
        span = full_span(pipeline)
    assert {key for key in span.attributes if not key.startswith("key-")} == {"session.id"}


def test_a_span_without_a_session_loses_what_it_loses(pipeline):
    span = full_span(pipeline, **{"session.id": "its own"})
    assert "session.id" not in span.attributes


def test_attributes_set_in_other_threads_while_it_ends_do_not_cost_the_ids(pipeline):
    def fill(span):
        for number in range(500):
            span.set_attribute(f"{threading.get_ident()}-{number}", number)

    with set_session("a", user_id="ada"):
        span = pipeline.tracer.start_span("full")
    threads = [threading.Thread(target=fill, args=(span,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    span.end()
    assert pipeline.attributes("full").items() >= {"session.id": "a", "user.id": "ada"}.items()


@pytest.mark.warned_of("propagators")
def test_the_repairs_are_counted():
    processor = SessionSpanProcessor()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    with set_session("a"), provider.get_tracer("t").start_as_current_span("full") as span:
        for number in range(200):
            span.set_attribute(f"key-{number}", number)
    assert processor.stats().evicted == 1


class StoreOfTomorrow(BoundedAttributes):
    """A store that we don't know, and leave to the SDK."""

    seen = ()

    def __setitem__(self, key, value):
        self.seen = (*self.seen, key)
        super().__setitem__(key, value)

    def _set_items(self, attributes):
        self.seen = (*self.seen, *attributes)
        super()._set_items(attributes)


def test_a_store_that_is_not_known_is_filled_by_the_sdk(make_pipeline):
    class Replacing(SpanProcessor):
        def on_start(self, span, parent_context=None):  # noqa: ARG002  # the signature of the SDK
            span._attributes = StoreOfTomorrow(immutable=False)

    pipeline = make_pipeline(Replacing(), SessionSpanProcessor())
    with set_session("conv-42", user_id="ada"):
        span = pipeline.tracer.start_span("span")
    assert set(span._attributes.seen) == {"session.id", "user.id"}
    span.end()
    assert pipeline.attributes("span") == {"session.id": "conv-42", "user.id": "ada"}


@pytest.mark.parametrize("own", [0, 1, 2, 3, 4, 5])
def test_what_a_span_holds_is_what_the_sdk_would_let_it_hold(make_pipeline, own):
    pipeline = make_pipeline(span_limits=SpanLimits(max_span_attributes=4))
    with set_session("conv-42", user_id="ada", tags=["a", "b"]):
        span = pipeline.tracer.start_span("span", attributes={f"own-{n}": n for n in range(own)})
    span.end()
    found = pipeline.attributes("span")
    assert (found["session.id"], found["user.id"], len(found)) == ("conv-42", "ada", min(own + 3, 4))
    assert pipeline.spans()["span"].dropped_attributes == max(own + 3 - 4, 0)
