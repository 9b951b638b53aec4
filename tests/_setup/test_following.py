"""The provider that is really used gets the plug-in, whenever and however it comes."""

from __future__ import annotations

import gc
from functools import partial

import pytest
from opentelemetry import _logs, trace
from opentelemetry._logs import LogRecord
from opentelemetry.propagate import extract
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once
from providers import Unhashable

from otel_sessions import bind_session, set_session
from otel_sessions._context.providers import AWAITED
from otel_sessions._setup import installation
from otel_sessions._setup.following import unwatch_providers, watch_providers
from otel_sessions._setup.installation import forget
from otel_sessions.sdk import ParentBasedSessionRatio, SessionSpanProcessor, instrument, uninstrument


@pytest.fixture(autouse=True)
def _nothing_is_global(monkeypatch):
    """As in a process that has just begun."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", None)
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER_SET_ONCE", Once())
    setters = trace._set_tracer_provider, _logs._internal._set_logger_provider
    yield
    forget()
    assert (trace._set_tracer_provider, _logs._internal._set_logger_provider) == setters


def made(**options):
    provider, exporter = TracerProvider(shutdown_on_exit=False, **options), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def made_logs():
    provider, exporter = LoggerProvider(shutdown_on_exit=False), InMemoryLogRecordExporter()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    return provider, exporter


def ids_of(exporter):
    found = [span.attributes.get("session.id") for span in exporter.get_finished_spans()]
    exporter.clear()
    return found


def ids_of_records(exporter):
    found = [(each.log_record.attributes or {}).get("session.id") for each in exporter.get_finished_logs()]
    exporter.clear()
    return found


def span(provider, session="a"):
    with set_session(session):
        provider.get_tracer("tests").start_span("span").end()


def emit(provider, session="a"):
    with set_session(session):
        provider.get_logger("tests").emit(LogRecord(body="hello"))


def test_a_provider_that_is_set_later_is_stamped_and_nothing_is_warned_of(warnings):
    instrument()
    provider, exporter = made()
    trace.set_tracer_provider(provider)
    span(trace.get_tracer_provider())
    assert ids_of(exporter) == ["a"]
    assert warnings() == []


@pytest.mark.warned_of("TracerProvider")
def test_one_that_is_set_inside_of_a_scope_is_stamped_there():
    instrument()
    provider, exporter = made()
    with set_session("a"):
        trace.set_tracer_provider(provider)
        trace.get_tracer("tests").start_span("span").end()
    assert ids_of(exporter) == ["a"]


def test_the_first_bind_stamps_the_spans_that_are_open():
    instrument()
    provider, exporter = made()
    trace.set_tracer_provider(provider)
    with trace.get_tracer("tests").start_as_current_span("request"):
        bind_session("a")
    assert ids_of(exporter) == ["a"]


def test_the_session_of_the_process_is_on_the_first_span():
    instrument(session_id="whole")
    provider, exporter = made()
    trace.set_tracer_provider(provider)
    trace.get_tracer("tests").start_span("span").end()
    assert ids_of(exporter) == ["whole"]


@pytest.mark.parametrize("is_first_set_before", [False, True], ids=["both later", "one later"])
def test_one_that_the_api_refuses_is_stamped_as_well(is_first_set_before):
    (first, first_exporter), (second, second_exporter) = made(), made()
    if is_first_set_before:
        trace.set_tracer_provider(first)
    instrument()
    trace.set_tracer_provider(first)
    trace.set_tracer_provider(second)
    assert trace.get_tracer_provider() is first
    for provider in (first, second):
        span(provider)
    assert (ids_of(first_exporter), ids_of(second_exporter)) == (["a"], ["a"])


def test_one_that_was_refused_takes_over_new_settings_and_ends_with_the_others():
    (first, first_exporter), (second, second_exporter) = made(), made()
    instrument()
    trace.set_tracer_provider(first)
    trace.set_tracer_provider(second)
    instrument(dialects="langfuse")
    for provider in (first, second):
        span(provider)
    assert [
        exporter.get_finished_spans()[0].attributes["langfuse.session.id"]
        for exporter in (first_exporter, second_exporter)
    ] == ["a", "a"]
    first_exporter.clear()
    second_exporter.clear()
    uninstrument()
    for provider in (first, second):
        span(provider)
    assert (ids_of(first_exporter), ids_of(second_exporter)) == ([None], [None])


def test_when_it_has_ended_nothing_is_followed():
    instrument()
    uninstrument()
    provider, exporter = made()
    trace.set_tracer_provider(provider)
    span(provider)
    assert ids_of(exporter) == [None]


@pytest.mark.warned_of("do not get its ids")
def test_who_has_named_a_provider_means_no_other():
    named, other = made(), made()
    instrument(named[0])
    trace.set_tracer_provider(other[0])
    span(other[0])
    assert ids_of(other[1]) == [None]


@pytest.mark.parametrize("order", ["spans first", "logs first"])
def test_records_are_stamped_too_and_go_by_the_sampler(order):
    instrument(logs="sampled")
    (provider, _), (logs, exporter) = made(sampler=ParentBasedSessionRatio(0.5)), made_logs()
    setters = [(trace.set_tracer_provider, provider), (_logs.set_logger_provider, logs)]
    for setter, each in setters if order == "spans first" else setters[::-1]:
        setter(each)
    names = [f"s{number}" for number in range(50)]
    for name in names:
        emit(logs, name)
    assert ids_of_records(exporter) == list(filter(provider.sampler.keeps_session, names))


def test_records_of_the_named_provider_alone_are_stamped():
    (named, _), (other, exporter) = made_logs(), made_logs()
    instrument(None, named)
    trace.set_tracer_provider(made()[0])
    _logs.set_logger_provider(other)
    emit(other)
    assert ids_of_records(exporter) == [None]


class TestExchanged:
    """What a provider holds is exchanged, as `logfire.configure()` does."""

    @pytest.fixture
    def wrapper(self):
        provider, self.exporter = made()
        wrapper = Unhashable(provider)
        trace.set_tracer_provider(wrapper)
        instrument()
        span(wrapper)
        assert ids_of(self.exporter) == ["a"]
        return wrapper

    def exchange(self, wrapper):
        wrapper.provider.shutdown()
        wrapper.provider, self.exporter = made()

    def test_the_next_session_is_on_its_spans(self, wrapper):
        for _ in range(2):
            self.exchange(wrapper)
            span(wrapper)
            assert ids_of(self.exporter) == ["a"]
            assert AWAITED == []

    @pytest.mark.warned_of("nothing is bound")
    @pytest.mark.parametrize(
        "look",
        [
            pytest.param(lambda: bind_session("other"), id="bind"),
            pytest.param(lambda: extract({}), id="request"),
            pytest.param(lambda: set_session("other").context, id="context"),
        ],
    )
    def test_whatever_comes_first_finds_it(self, wrapper, look):
        self.exchange(wrapper)
        look()
        assert AWAITED == []

    def test_without_another_it_is_given_up(self, wrapper):
        wrapper.provider.shutdown()
        for _ in range(100):
            span(wrapper)
        assert AWAITED == []

    def test_when_it_has_ended_nothing_is_looked_for(self, wrapper):
        uninstrument()
        self.exchange(wrapper)
        assert AWAITED == []
        span(wrapper)
        assert ids_of(self.exporter) == [None]

    def test_one_that_was_named_is_followed_as_well(self):
        provider, self.exporter = made()
        wrapper = Unhashable(provider)
        instrument(wrapper)
        self.exchange(wrapper)
        span(wrapper)
        assert ids_of(self.exporter) == ["a"]


def test_a_named_provider_that_is_gone_is_forgotten(warnings):
    for _ in range(3):
        instrument(made()[0])
        gc.collect()
    instrument(made()[0])
    with set_session("a"):
        pass
    assert warnings() == []


def test_one_that_comes_past_the_api_is_found_with_the_next_session(monkeypatch, warnings):
    """MLflow puts its own in place by itself, with the first span."""
    instrument()
    provider, exporter = made()
    with set_session("a"):
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    span(provider)
    assert ids_of(exporter) == ["a"]
    assert AWAITED == []
    (message,) = warnings()
    assert "nothing is stamped until one is set" in message


def test_an_api_that_sets_providers_otherwise_is_left_as_it_is(monkeypatch):
    with monkeypatch.context() as changed:
        changed.delattr(trace, "_set_tracer_provider")
        instrument()
        provider, exporter = made()
        changed.setattr(trace, "_TRACER_PROVIDER", provider)
        span(provider)
        assert ids_of(exporter) == ["a"]
        uninstrument()


def test_what_fails_does_not_break_who_sets_a_provider(warnings):
    watch_providers(lambda _provider: 1 / 0, lambda _provider: None)
    provider = made()[0]
    trace.set_tracer_provider(provider)
    unwatch_providers()
    assert trace.get_tracer_provider() is provider
    assert warnings() == ["otel_sessions: following a provider raised ZeroDivisionError"]


def test_it_is_watched_once_and_what_another_tool_puts_around_it_stays(monkeypatch):
    for _ in range(2):
        instrument()
    watched = trace._set_tracer_provider
    assert not isinstance(watched.__wrapped__, type(watched))
    with monkeypatch.context() as changed:
        changed.setattr(trace, "_set_tracer_provider", partial(watched))
        uninstrument()
        provider, exporter = made()
        trace.set_tracer_provider(provider)
        span(provider)
        assert ids_of(exporter) == [None]
    unwatch_providers()


def test_one_with_a_processor_of_ours_already_has_each_id_once():
    instrument()
    provider, exporter = made()
    provider.add_span_processor(own := SessionSpanProcessor())
    trace.set_tracer_provider(provider)
    span(provider)
    assert ids_of(exporter) == ["a"]
    assert own.stats().stamped == 1


@pytest.mark.parametrize("order", [("tracer_provider", "log"), ("log", "tracer_provider")])
def test_the_provider_may_be_given_to_the_setter_by_its_name(order):
    instrument()
    provider, exporter = made()
    given = {"tracer_provider": provider, "log": False}
    trace._set_tracer_provider(**{name: given[name] for name in order})
    with set_session("conv-42"):
        trace.get_tracer("tests").start_span("work").end()
    assert ids_of(exporter) == ["conv-42"]


@pytest.mark.parametrize("variable", ["OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_LOGGER_PROVIDER"])
def test_a_provider_of_the_environment_that_can_not_be_made_raises_nothing_and_is_not_asked_for_again(
    variable, monkeypatch, caplog
):
    monkeypatch.setenv(variable, "not_installed")
    instrument()
    with set_session("conv-42"):
        pass
    caplog.clear()
    for _ in range(3):
        with set_session("conv-42"):
            pass
    assert caplog.records == []  # the API logs it with a traceback, each time
    provider, exporter = made()
    trace.set_tracer_provider(provider)
    with set_session("conv-42"):
        trace.get_tracer("tests").start_span("work").end()
    assert ids_of(exporter) == ["conv-42"]
    uninstrument()
    caplog.clear()


@pytest.mark.warned_of("there is no SDK TracerProvider")
def test_where_there_is_no_provider_nothing_is_done_with_each_session(monkeypatch):
    instrument()
    with set_session("conv-42"):
        pass
    done = []
    monkeypatch.setattr(installation, "attempt", lambda *args: done.append(args))
    for _ in range(3):
        with set_session("conv-42"):
            pass
    assert done == []
    assert AWAITED
