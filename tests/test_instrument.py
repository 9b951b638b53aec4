"""Installing the plug-in on a pipeline that exists already."""

from __future__ import annotations

import gc
import weakref

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import set_session
from otel_sessions.sdk import SessionSpanProcessor, instrument, uninstrument


class Pipeline:
    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def stamped(self):
        """Return the attributes of a span that starts and ends in a session."""
        with set_session("a", user_id="ada"):
            self.provider.get_tracer("tests").start_span("span").end()
        return dict(self.exporter.get_finished_spans()[-1].attributes)


IDS = {"session.id": "a", "user.id": "ada"}


@pytest.fixture
def existing():
    return Pipeline()


def test_it_adds_a_processor_to_a_provider_that_exists(existing):
    assert existing.stamped() == {}
    instrument(existing.provider)
    assert existing.stamped() == IDS


def test_it_is_idempotent(existing, monkeypatch):
    added = []
    monkeypatch.setattr(existing.provider, "add_span_processor", added.append)
    for _ in range(3):
        instrument(tracer_provider=existing.provider)
    assert [type(processor) for processor in added] == [SessionSpanProcessor]


def test_it_takes_over_the_settings_of_the_newest_call(existing):
    instrument(existing.provider)
    instrument(existing.provider, conflict="span")
    with set_session("a"):
        existing.provider.get_tracer("tests").start_span("span", attributes={"session.id": "theirs"}).end()
    assert existing.exporter.get_finished_spans()[-1].attributes["session.id"] == "theirs"


def test_uninstrument_stops_it_and_instrument_starts_it_again(existing):
    uninstrument(existing.provider)
    instrument(existing.provider)
    uninstrument(existing.provider)
    assert existing.stamped() == {}
    instrument(existing.provider)
    assert existing.stamped() == IDS


def test_beside_a_processor_added_by_hand_it_changes_nothing(existing):
    existing.provider.add_span_processor(SessionSpanProcessor())
    instrument(existing.provider)
    assert existing.stamped() == IDS


def test_without_an_argument_it_is_the_global_provider(existing, monkeypatch):
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: existing.provider)
    instrument()
    assert existing.stamped() == IDS
    uninstrument()
    assert existing.stamped() == {}


def test_without_a_provider_it_says_so_and_what_to_do(warnings):
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    instrument()
    uninstrument()
    (message,) = warnings()
    assert "there is no SDK TracerProvider (ProxyTracerProvider takes no span processor)" in message
    assert "set_tracer_provider" in message
    assert "test_instrument.py" in message


def test_a_provider_that_fails_does_not_break_the_application(warnings):
    class Failing(TracerProvider):
        def add_span_processor(self, _processor):
            raise ZeroDivisionError

    instrument(Failing(shutdown_on_exit=False))
    assert "instrument: adding a span processor raised ZeroDivisionError" in warnings()[0]


@pytest.mark.parametrize("odd", [5, [], "provider"])
def test_something_else_than_a_provider_is_a_warning(odd, warnings):
    instrument(odd)
    uninstrument(odd)
    assert len(warnings()) >= 1


def test_it_does_not_keep_a_provider_alive():
    provider = TracerProvider(shutdown_on_exit=False)
    instrument(provider)
    reference = weakref.ref(provider)
    del provider
    gc.collect()
    assert reference() is None


def test_a_disabled_sdk_is_left_alone(monkeypatch, warnings):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    pipeline = Pipeline()
    instrument(pipeline.provider)
    with set_session("a"):
        assert not pipeline.provider.get_tracer("tests").start_span("span").is_recording()
    assert warnings() == []
