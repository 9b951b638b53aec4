"""A processor that puts something else in place of our ids is told of (Logfire's, by default)."""

from __future__ import annotations

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor, SynchronousMultiSpanProcessor, TracerProvider

from otel_sessions import set_session
from otel_sessions.sdk import SessionSpanProcessor, instrument


class Scrubber:
    """As Logfire's: what has one of the words in its name is scrubbed."""

    def __init__(self, *words):
        self.words = words

    def scrub_value(self, _path, value):
        return {
            key: "[Scrubbed]" if any(word in key for word in self.words) else each for key, each in value.items()
        }, []


class Failing:
    def scrub_value(self, _path, _value):
        raise ZeroDivisionError


class Processor(SpanProcessor):
    def __init__(self, scrubber, processor=None):
        self.scrubber, self.processor = scrubber, processor


class LogProcessor(LogRecordProcessor):
    def __init__(self, scrubber):
        self.scrubber = scrubber

    def on_emit(self, log_record):
        pass

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=30000):  # noqa: ARG002  # the SDK's signature
        return True


def spans(provider, count=2):
    for number in range(count):
        with set_session(f"conv-{number}", user_id="ada"):
            provider.get_tracer("tests").start_span("span").end()


def provider_of(*processors):
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["session"], "replaces session.id before", id="as Logfire by default"),
        pytest.param(["session", "user"], "replaces session.id and user.id before", id="both"),
        pytest.param(["user"], "replaces user.id before", id="users alone"),
    ],
)
def test_it_is_said_once_which_ids_are_scrubbed_and_what_keeps_them(warnings, words, told):
    provider = provider_of(Processor(None, Processor(Scrubber(*words))))
    instrument(provider)
    spans(provider)
    (message,) = warnings()
    assert told in message
    assert "logfire.configure(scrubbing=" in message
    assert "conv-" not in message


@pytest.mark.parametrize("scrubber", [Scrubber("password"), Scrubber(), Failing(), object(), None])
def test_a_scrubber_that_leaves_them_alone_is_not_told_of(warnings, scrubber):
    provider = provider_of(Processor(scrubber))
    instrument(provider)
    spans(provider)
    assert warnings() == []


def test_a_processor_that_was_added_inside_of_it_tells_as_well(warnings):
    inside = SynchronousMultiSpanProcessor()
    inside.add_span_processor(SessionSpanProcessor())

    class Outside(Processor):
        def on_start(self, span, parent_context=None):
            inside.on_start(span, parent_context)

    spans(provider_of(Outside(Scrubber("session"), inside)))
    assert sum("scrubbing" in message for message in warnings()) == 1


class Copying(Processor):
    """As Logfire's: it puts baggage on spans, which it scrubs when it exports them."""

    def on_start(self, span, parent_context=None):
        span.set_attributes(baggage.get_all(parent_context))


@pytest.mark.parametrize("is_current", [True, False])
def test_where_the_plug_in_is_forgotten_and_somebody_else_stamps_and_scrubs_it_is_said_too(warnings, is_current):
    provider = provider_of(Copying(Scrubber("session")))
    with set_session("conv-42", user_id="ada"):
        span = provider.get_tracer("tests").start_span("span")
        if is_current:
            with trace.use_span(span), set_session("conv-42"):
                pass
    (message,) = warnings()
    assert "replaces session.id before" in message


def test_where_somebody_else_stamps_and_leaves_the_ids_as_they_are_nothing_is_said(warnings):
    spans(provider_of(Copying(Scrubber("password"))))
    assert warnings() == []


def test_where_there_are_records_alone_it_is_said_too(warnings):
    logs = LoggerProvider(shutdown_on_exit=False)
    logs.add_log_record_processor(LogProcessor(Scrubber("session")))
    instrument(provider_of(), logs)
    (message,) = warnings()
    assert "replaces session.id before" in message
