"""Installing the plug-in on a pipeline that exists already."""

from __future__ import annotations

import gc
import inspect
import sys
import weakref

import pytest
from opentelemetry import _logs, propagate, trace
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NoOpTracerProvider

from otel_sessions import bind_session, get_session, set_session
from otel_sessions.sdk import ParentBasedSessionRatio, SessionPropagator, SessionSpanProcessor, instrument, uninstrument
from otel_sessions.testing import clean_slate


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


@pytest.mark.warned_of("propagators")
def test_it_adds_a_processor_to_a_provider_that_exists(existing):
    assert existing.stamped() == {}
    instrument(existing.provider)
    assert existing.stamped() == IDS


def test_it_is_idempotent(existing):
    for _ in range(3):
        instrument(tracer_provider=existing.provider)
    kinds = map(type, existing.provider._active_span_processor._span_processors)
    assert sum(issubclass(kind, SessionSpanProcessor) for kind in kinds) == 1


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


def test_without_a_provider_by_the_first_session_it_says_so_and_what_to_do(warnings):
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    instrument()
    assert warnings() == []
    for _ in range(2):
        with set_session("a"):
            pass
    uninstrument()
    (message,) = warnings()
    assert "there is no SDK TracerProvider (ProxyTracerProvider takes no span processor)" in message
    assert "set_tracer_provider" in message
    assert "test_instrument.py" in message


def test_a_provider_that_fails_does_not_break_the_application(warnings):
    class Failing(NoOpTracerProvider):
        def add_span_processor(self, _processor):
            raise ZeroDivisionError

    instrument(Failing())
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


# Logs and propagators


class Logs:
    def __init__(self):
        self.exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    def written(self, session_id="a"):
        """Return the attributes of the records that arrive of one that is written in a session."""
        self.exporter.clear()
        with set_session(session_id, user_id="ada"):
            self.provider.get_logger("tests").emit(LogRecord(body="hello"))
        return [dict(found.log_record.attributes) for found in self.exporter.get_finished_logs()]


@pytest.fixture
def logs():
    return Logs()


def test_it_stamps_logs_too_before_they_are_exported(existing, logs):
    for _ in range(2):
        instrument(existing.provider, logs.provider)
    assert logs.written() == [IDS]
    instrument(existing.provider, logs.provider, logs=False)
    assert logs.written() == [{}]
    instrument(existing.provider, logs.provider)
    uninstrument(existing.provider, logs.provider)
    assert logs.written() == [{}]


def test_the_global_logger_provider_is_found(existing, logs, monkeypatch):
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", logs.provider)
    instrument(existing.provider)
    assert logs.written() == [IDS]
    uninstrument(existing.provider)
    assert logs.written() == [{}]


def test_logs_of_sessions_that_the_sampler_drops_are_dropped_where_that_is_asked_for(logs):
    provider = TracerProvider(shutdown_on_exit=False, sampler=ParentBasedSessionRatio(0.5))
    instrument(provider, logs.provider, logs="sampled")
    kept = [f"s{number}" for number in range(100) if logs.written(f"s{number}")]
    assert kept == [f"s{number}" for number in range(100) if provider.sampler.keeps_session(f"s{number}")]
    assert 30 < len(kept) < 70
    instrument(provider, logs.provider)
    assert all(logs.written(f"s{number}") for number in range(100))


def test_it_guards_the_propagators_once_and_gives_them_back(existing):
    before = propagate.get_global_textmap()
    for _ in range(2):
        instrument(existing.provider)
    guard = propagate.get_global_textmap()
    assert isinstance(guard, SessionPropagator)
    assert guard.inner is before
    uninstrument(existing.provider)
    assert propagate.get_global_textmap() is before


def test_a_guard_of_the_application_stays(existing):
    own = SessionPropagator(propagate.get_global_textmap())
    propagate.set_global_textmap(own)
    instrument(existing.provider)
    assert propagate.get_global_textmap() is own
    uninstrument(existing.provider)
    assert propagate.get_global_textmap() is own


def test_headers_of_a_request_are_read_where_it_is_received(existing):
    instrument(existing.provider, incoming_headers={"session.id": "X-Session-Id"})
    assert get_session(propagate.extract({"x-session-id": "conv-42"})).id == "conv-42"


def test_what_cannot_be_installed_does_not_keep_the_rest_from_it(logs, warnings, monkeypatch):
    monkeypatch.setattr("otel_sessions._setup.instrument.set_global_textmap", lambda _: 1 / 0)
    pipeline = Pipeline()
    instrument(pipeline.provider, logs.provider)
    assert (pipeline.stamped(), logs.written()) == (IDS, [IDS])
    assert "instrument: adding a propagator raised ZeroDivisionError" in warnings()[0]
    assert "send the session to every host" in warnings()[1]


# Dialects


def test_the_names_of_other_backends_are_stamped_beside_ours(existing):
    instrument(existing.provider, dialects="langfuse,laminar", aliases={"my.session": "session.id"})
    assert existing.stamped() == IDS | {
        "langfuse.session.id": "a",
        "langfuse.user.id": "ada",
        "lmnr.association.properties.session_id": "a",
        "lmnr.association.properties.user_id": "ada",
        "my.session": "a",
    }
    instrument(existing.provider)
    assert existing.stamped() == IDS


@pytest.mark.parametrize("when", ["start", "later"])
@pytest.mark.parametrize(
    ("key", "value", "is_genai"),
    [
        ("gen_ai.operation.name", "chat", True),
        ("openinference.span.kind", "LLM", True),
        ("http.request.method", "POST", False),
    ],
)
def test_the_name_of_a_conversation_stands_on_spans_about_a_model_alone(existing, when, key, value, is_genai):
    """On others it would make PostHog and Langfuse take them for those of a model."""
    instrument(existing.provider, dialects="genai")
    with set_session("a", user_id="ada"):
        span = existing.provider.get_tracer("tests").start_span(
            "span", attributes={key: value} if when == "start" else {}
        )
        span.set_attribute(key, value)
        span.end()
    attributes = dict(existing.exporter.get_finished_spans()[-1].attributes)
    assert attributes == IDS | {key: value} | ({"gen_ai.conversation.id": "a"} if is_genai else {})


def test_the_names_of_a_user_agree_with_the_user_that_a_span_has_started_with(existing):
    instrument(existing.provider, dialects="langfuse")
    with set_session("a", user_id="ada"):
        existing.provider.get_tracer("tests").start_span("span", attributes={"user.id": "bob"}).end()
    attributes = existing.exporter.get_finished_spans()[-1].attributes
    assert (attributes["user.id"], attributes["langfuse.user.id"]) == ("bob", "bob")


def test_a_full_span_keeps_the_names_of_its_ids_in_a_dialect_too(existing):
    instrument(existing.provider, dialects="laminar")
    with set_session("a", user_id="ada"):
        span = existing.provider.get_tracer("tests").start_span("span")
        span.set_attributes({f"message.{number}": "x" for number in range(500)})
        span.end()
    attributes = existing.exporter.get_finished_spans()[-1].attributes
    assert len(attributes) == 128
    assert {key: attributes.get(key) for key in attributes if not key.startswith("message.")} == IDS | {
        "lmnr.association.properties.session_id": "a",
        "lmnr.association.properties.user_id": "ada",
    }


@pytest.mark.warned_of("digest")
def test_ids_in_a_dialect_fit_as_ours_do(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(dialects="laminar"), span_limits=SpanLimits(max_attribute_length=40))
    with set_session("x" * 50, metadata={"k": "y" * 50}):
        pipeline.tracer.start_span("span").end()
    attributes = pipeline.attributes("span")
    assert attributes["lmnr.association.properties.session_id"] == attributes["session.id"]
    assert attributes["session.id"].startswith("sha256-")


def test_a_session_that_is_bound_late_changes_its_names_in_a_dialect(existing):
    instrument(existing.provider, dialects="laminar")
    with set_session("a"), existing.provider.get_tracer("tests").start_as_current_span("span"):
        bind_session("b", user_id="ada")
    attributes = dict(existing.exporter.get_finished_spans()[-1].attributes)
    assert attributes == {
        "session.id": "b",
        "user.id": "ada",
        "lmnr.association.properties.session_id": "b",
        "lmnr.association.properties.user_id": "ada",
    }


def test_settings_that_were_given_stay_where_a_test_begins_anew(existing):
    instrument(existing.provider, user_privacy="drop")
    clean_slate()
    assert existing.stamped() == {"session.id": "a"}


def test_without_grpc_there_is_nothing_to_watch(existing, warnings, monkeypatch):
    def find_spec(_name):
        raise ModuleNotFoundError

    monkeypatch.setattr("otel_sessions._setup.instrument.find_spec", find_spec)
    instrument(existing.provider)
    monkeypatch.setattr("otel_sessions._setup.instrument.find_spec", lambda _name: None)
    monkeypatch.delitem(sys.modules, "otel_sessions._propagation.grpc_target", raising=False)
    instrument(existing.provider)
    uninstrument(existing.provider)
    assert warnings() == []


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("session_ratio", "TracerProvider(sampler=otel_sessions.sdk.SessionRatioSampler(0.1))"),
        ("parentbased_session_ratio", "TracerProvider(sampler=otel_sessions.sdk.ParentBasedSessionRatio(0.1))"),
    ],
)
def test_that_a_sampler_of_the_environment_is_not_taken_by_a_provider_of_the_program_is_told_once(
    monkeypatch, warnings, name, remedy
):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.1")
    provider = TracerProvider(shutdown_on_exit=False)
    line = inspect.currentframe().f_lineno + 2
    for _ in range(2):
        instrument(provider)
    said = [text for text in warnings() if "OTEL_TRACES_SAMPLER" in text]
    assert len(said) == 1
    assert said[0].endswith(f"{remedy} ({__file__}:{line})")


@pytest.mark.parametrize(
    ("variables", "sampler"),
    [
        pytest.param({}, None, id="none in the environment"),
        pytest.param({"OTEL_TRACES_SAMPLER": "always_on"}, None, id="another one"),
        pytest.param({"OTEL_TRACES_SAMPLER": "session_ratio"}, ParentBasedSessionRatio(0.1), id="it is there"),
        pytest.param({"OTEL_TRACES_SAMPLER": "session_ratio"}, ALWAYS_ON, id="the program has said another one"),
        pytest.param({"OTEL_TRACES_SAMPLER": "session_ratio", "OTEL_CONFIG_FILE": "a.yaml"}, None, id="by a file"),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "session_ratio", "OTEL_SESSION_DISABLED": "true"}, None, id="switched off"
        ),
    ],
)
def test_of_a_sampler_that_is_taken_or_not_asked_for_nothing_is_told(monkeypatch, warnings, variables, sampler):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    instrument(TracerProvider(sampler=sampler, shutdown_on_exit=False))
    assert not [text for text in warnings() if "SAMPLER" in text]


def test_of_a_provider_without_a_sampler_nothing_is_told_of_samplers(monkeypatch, warnings):
    class Provider(NoOpTracerProvider):
        def add_span_processor(self, processor):
            pass

    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "session_ratio")
    instrument(Provider())
    assert warnings() == []


class NobodyThere:
    """A proxy with nothing behind it, as outside of a request."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    @property
    def __class__(self):
        raise RuntimeError


@pytest.mark.parametrize("argument", ["tracer_provider", "logger_provider"])
def test_a_proxy_with_nothing_behind_it_is_no_provider_and_does_not_keep_another_from_being_one(
    existing, warnings, argument
):
    instrument(**{argument: NobodyThere()})
    assert [text for text in warnings() if text.startswith("otel_sessions: instrument: adding")]
    uninstrument(**{argument: NobodyThere()})
    instrument(existing.provider)
    assert existing.stamped() == IDS
