"""What the processor tells of itself: to the application, and as a metric, without an id."""

from __future__ import annotations

import gc

import pytest
from openinference.instrumentation import using_session
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import bind_session, clear_session, set_session, update_session
from otel_sessions.sdk import SessionSpanProcessor, instrument


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def meter_provider(reader):
    provider = MeterProvider([reader], shutdown_on_exit=False)
    yield provider
    provider.shutdown()


def some_spans(tracer):
    tracer.start_span("none").end()
    with clear_session():
        tracer.start_span("none on purpose").end()
    with set_session(""):
        tracer.start_span("a bad id").end()
    with update_session(user_id="ada"):
        tracer.start_span("a user").end()
    with set_session("a"), using_session("b"):
        tracer.start_span("displaced", attributes={"session.id": "invented"}).end()
        with tracer.start_as_current_span("full") as span:
            for number in range(200):
                span.set_attribute(f"key-{number}", number)
    with tracer.start_as_current_span("root"):
        bind_session("late")


EXPECTED = {
    "stamped": 4,
    "without_session": 3,
    "displaced": 1,
    "evicted": 1,
    "overwritten": 0,
    "bound_late": 1,
    "from_call": 0,
}


def test_the_application_can_read_what_was_done():
    processor = SessionSpanProcessor()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    some_spans(provider.get_tracer("t"))
    stats = processor.stats()
    assert {name: getattr(stats, name) for name in EXPECTED} == EXPECTED
    assert stats == processor.stats() is not stats


def test_the_same_is_a_metric_where_a_meter_provider_is_given(reader, meter_provider):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor(meter_provider=meter_provider))
    some_spans(provider.get_tracer("t"))
    [metric] = [
        metric
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]
    found = {point.attributes["otel_sessions.outcome"]: point.value for point in metric.data.data_points}
    assert (metric.name, metric.unit, found) == ("otel_sessions.spans", "{span}", EXPECTED)
    assert {key for point in metric.data.data_points for key in point.attributes} == {"otel_sessions.outcome"}


def test_instrument_takes_a_meter_provider_too(reader, meter_provider):
    provider = TracerProvider(shutdown_on_exit=False)
    instrument(provider, meter_provider=meter_provider)
    some_spans(provider.get_tracer("t"))
    assert reader.get_metrics_data() is not None


def test_the_metric_does_not_keep_the_processor(reader, meter_provider):
    SessionSpanProcessor(meter_provider=meter_provider)
    gc.collect()
    assert reader.get_metrics_data() is None


def test_a_meter_provider_that_fails_costs_the_metric_only(warnings):
    class Broken:
        def get_meter(self, *_):
            raise ZeroDivisionError

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor(meter_provider=Broken()))
    with set_session("a"), provider.get_tracer("t").start_as_current_span("span") as span:
        assert span.attributes == {"session.id": "a"}
    assert "ZeroDivisionError" in warnings()[0]
