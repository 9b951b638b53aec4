"""Installing the plug-in on providers of other makes: wrappers, and what is neither hashable nor referred to weakly."""

from __future__ import annotations

import pytest
from opentelemetry import _logs, trace
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider
from providers import (
    Delegating,
    Equal,
    EqualLogs,
    Nested,
    Replacing,
    Slotted,
    SlottedLogs,
    Unhashable,
    UnhashableLogs,
    itself,
)

from otel_sessions import set_session, turn
from otel_sessions._setup.pipelines import ByPipeline
from otel_sessions.sdk import ParentBasedSessionRatio, SessionSpanProcessor, instrument, uninstrument


class Spans:
    """A provider of the SDK, another one around it, and what comes out."""

    def __init__(self, around, kind=TracerProvider, **options):
        self.exporter = InMemorySpanExporter()
        self.inside = kind(shutdown_on_exit=False, **options)
        self.inside.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.around = around
        self.provider = around(self.inside)

    def seen(self, session="a"):
        self.exporter.clear()
        with set_session(session):
            self.provider.get_tracer("tests").start_span("span").end()
        return [span.attributes.get("session.id") for span in self.exporter.get_finished_spans()]

    def ours(self):
        kinds = map(type, self.inside._active_span_processor._span_processors)
        return sum(issubclass(kind, SessionSpanProcessor) for kind in kinds)


class Logs:
    def __init__(self, around, kind=LoggerProvider):
        self.exporter = InMemoryLogRecordExporter()
        self.inside = kind(shutdown_on_exit=False)
        self.inside.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.provider = around(self.inside)

    def seen(self, session="a"):
        self.exporter.clear()
        with set_session(session):
            self.provider.get_logger("tests").emit(LogRecord(body="hello"))
        return [(found.log_record.attributes or {}).get("session.id") for found in self.exporter.get_finished_logs()]


KINDS = [
    pytest.param(Unhashable, TracerProvider, id="unhashable wrapper"),
    pytest.param(Slotted, TracerProvider, id="wrapper of slots"),
    pytest.param(Delegating, TracerProvider, id="wrapper that delegates"),
    pytest.param(Nested, TracerProvider, id="wrapper of a wrapper"),
    pytest.param(itself, Equal, id="unhashable provider of the SDK"),
    pytest.param(itself, Replacing, id="provider that replaces its exporter's processor"),
]
LOG_KINDS = [
    pytest.param(UnhashableLogs, LoggerProvider, id="unhashable wrapper"),
    pytest.param(SlottedLogs, LoggerProvider, id="wrapper of slots"),
    pytest.param(Delegating, LoggerProvider, id="wrapper that delegates"),
    pytest.param(itself, EqualLogs, id="unhashable provider of the SDK"),
]


@pytest.fixture(params=["argument", "global", "another wrapper each time"])
def installing(request, monkeypatch):
    """Return how to call `instrument` and `uninstrument` for a provider, given in one way or another."""

    def start(spans, logs=None):
        if request.param == "argument":
            given = (spans.provider, None if logs is None else logs.provider)
            return lambda: instrument(*given), lambda: uninstrument(*given)
        anew = request.param == "another wrapper each time"
        monkeypatch.setattr(
            trace, "get_tracer_provider", lambda: spans.around(spans.inside) if anew else spans.provider
        )
        if logs is not None:
            monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", logs.provider)
        return instrument, uninstrument

    return start


@pytest.mark.parametrize(("around", "kind"), KINDS)
def test_spans_of_any_provider_are_stamped_once_until_it_is_ended(around, kind, installing, warnings):
    spans = Spans(around, kind)
    start, end = installing(spans)
    for _ in range(3):
        start()
    assert (spans.ours(), spans.seen()) == (1, ["a"])
    end()
    assert spans.seen() == [None]
    start()
    assert (spans.ours(), spans.seen()) == (1, ["a"])
    assert warnings() == []


@pytest.mark.parametrize(("around", "kind"), LOG_KINDS)
def test_records_of_any_provider_are_stamped_until_it_is_ended(around, kind, installing, warnings):
    spans, logs = Spans(itself), Logs(around, kind)
    start, end = installing(spans, logs)
    for _ in range(2):
        start()
    assert logs.seen() == ["a"]
    end()
    assert logs.seen() == [None]
    start()
    assert logs.seen() == ["a"]
    assert warnings() == []


@pytest.mark.warned_of("do not get its ids")
def test_two_providers_that_are_equal_are_two():
    one, other = Spans(itself, Equal), Spans(itself, Equal)
    instrument(one.provider)
    assert (one.seen(), other.seen()) == (["a"], [None])
    instrument(other.provider)
    uninstrument(one.provider)
    assert (one.seen(), other.seen()) == ([None], ["a"])


@pytest.mark.parametrize("around", [Unhashable, Slotted, Delegating])
def test_a_turn_goes_to_the_provider_that_was_given(around):
    spans = Spans(around)
    instrument(spans.provider)
    with set_session("a"), turn("reply"):
        pass
    assert [span.name for span in spans.exporter.get_finished_spans()] == ["reply"]


def test_records_go_by_the_sampler_of_the_provider_inside():
    spans, logs = Spans(Unhashable, sampler=ParentBasedSessionRatio(0.5)), Logs(UnhashableLogs)
    instrument(spans.provider, logs.provider, logs="sampled")
    names = [f"s{number}" for number in range(50)]
    assert [bool(logs.seen(name)) for name in names] == list(map(spans.inside.sampler.keeps_session, names))


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(lambda: Unhashable(NoOpTracerProvider()), id="of one that records nothing"),
        pytest.param(lambda: Unhashable(None), id="of nothing"),
    ],
)
def test_a_wrapper_of_no_provider_of_the_sdk_stands_for_itself(odd):
    kept, one, other = ByPipeline(), odd(), odd()
    kept.put(one, "one")
    assert (kept.get(one), kept.get(other)) == ("one", None)


def test_wrappers_without_end_are_given_up():
    loop = Unhashable(None)
    loop.provider = loop
    kept = ByPipeline()
    kept.put(loop, "loop")
    assert kept.get(loop) == "loop"


def test_what_is_kept_goes_with_its_pipeline():
    kept = ByPipeline()
    kept.put(TracerProvider(shutdown_on_exit=False), "gone")
    provider = TracerProvider(shutdown_on_exit=False)
    kept.put(provider, "there")
    assert kept.values() == ["there"]
