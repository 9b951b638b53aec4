"""What the processor tells of itself: to the application, and as a metric, without an id."""

from __future__ import annotations

import gc
import subprocess
import sys
from dataclasses import asdict

import pytest
from openinference.instrumentation import using_session
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import bind_session, clear_session, set_session, update_session
from otel_sessions._pipeline.span_processor import guarded
from otel_sessions._pipeline.stats import COUNTED
from otel_sessions.sdk import SessionSpanProcessor, Stats, instrument, stats, uninstrument
from otel_sessions.testing import InMemoryPipeline


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
    "displaced_conversation": 0,
    "out_of_reach": 0,
}


@pytest.mark.warned_of("left out", "propagators")
def test_the_application_can_read_what_was_done():
    processor = SessionSpanProcessor()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    some_spans(provider.get_tracer("t"))
    stats = processor.stats()
    assert {name: getattr(stats, name) for name in EXPECTED} == EXPECTED
    assert stats == processor.stats() is not stats


@pytest.mark.warned_of("left out", "propagators")
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


@pytest.mark.warned_of("left out")
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


# Of the process


def asked_anew(before):
    return {name: count - asdict(before)[name] for name, count in asdict(stats()).items()}


def with_instrument():
    provider = TracerProvider(shutdown_on_exit=False)
    instrument(provider)
    return provider


def with_one_of_ours():
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(guarded(SessionSpanProcessor()))
    return provider


def with_both():
    provider = with_one_of_ours()
    instrument(provider, dialects="genai")
    return provider


def with_three():
    provider = with_both()
    provider.add_span_processor(guarded(SessionSpanProcessor(dialects="langfuse")))
    return provider


@pytest.mark.warned_of("left out")
@pytest.mark.parametrize(
    "made",
    [with_instrument, with_one_of_ours, with_both, with_three, lambda: InMemoryPipeline().tracer_provider],
    ids=["instrument", "own", "both", "three", "in memory"],
)
def test_the_numbers_of_the_process_are_there_whoever_has_added_the_processor(made):
    before = stats()
    provider = made()
    some_spans(provider.get_tracer("tests"))
    assert asked_anew(before) == EXPECTED


@pytest.mark.warned_of("left out")
def test_those_of_several_providers_are_summed_up():
    before = stats()
    for made in (with_instrument, with_one_of_ours):
        some_spans(made().get_tracer("tests"))
    assert asked_anew(before) == {name: 2 * count for name, count in EXPECTED.items()}


@pytest.mark.warned_of("left out")
def test_they_stay_when_a_processor_is_shut_down_switched_off_or_gone():
    before = stats()
    provider = with_instrument()
    some_spans(provider.get_tracer("tests"))
    uninstrument(provider)
    provider.shutdown()
    assert asked_anew(before) == EXPECTED
    del provider
    gc.collect()
    assert asked_anew(before) == EXPECTED
    assert isinstance(stats(), Stats)


def test_what_is_kept_of_processors_that_are_gone_does_not_grow():
    def many():
        for _ in range(50):
            SessionSpanProcessor()
        gc.collect()
        return len(COUNTED._counts)

    assert many() == many()


def test_a_span_without_a_session_counts_once_where_one_processor_was_added_twice(make_pipeline):
    gc.collect()  # the processors of other tests
    processor = SessionSpanProcessor()
    pipeline = make_pipeline(processor, processor)
    with pipeline.tracer.start_as_current_span("root"):
        pipeline.tracer.start_span("child").end()
    assert processor.stats().without_session == 2
    with pipeline.tracer.start_as_current_span("bound late"):
        bind_session("conv-42")
    assert processor.stats() == Stats(stamped=1, without_session=2, bound_late=1)


def test_nothing_is_said_at_the_end_of_a_process():
    program = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from otel_sessions import set_session
from otel_sessions.sdk import instrument, stats
trace.set_tracer_provider(TracerProvider())
instrument()
with set_session("conv-42"), trace.get_tracer("app").start_as_current_span("work"):
    pass
print(stats().stamped)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")
