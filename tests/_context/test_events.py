"""``session.start`` and ``session.end``: what the events tell, where they go, and that they are off unless asked for."""

from __future__ import annotations

import pytest
from opentelemetry import _logs as api_logs
from opentelemetry import context
from opentelemetry._logs import NoOpLoggerProvider, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import (
    Session,
    bind_session,
    clear_session,
    end_session,
    get_session,
    set_session,
    step,
    update_session,
)
from otel_sessions._context.events import EVENTS, emit_end, emit_start, ended
from otel_sessions._context.providers import PROVIDERS
from otel_sessions._pipeline.log_processor import SessionLogRecordProcessor
from otel_sessions.sdk import instrument

ALL = Session("ours", "ada", "n", "/p", "before", {"k": "v"}, ("t",))


class Destination:
    """A logger provider, with our log processor or without, and what it was given."""

    def __init__(self, *processors) -> None:
        self.exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider(shutdown_on_exit=False)
        for processor in (*processors, SimpleLogRecordProcessor(self.exporter)):
            self.provider.add_log_record_processor(processor)

    def records(self):
        return [found.log_record for found in self.exporter.get_finished_logs()]

    def told(self):
        return [(record.event_name, dict(record.attributes)) for record in self.records()]


@pytest.fixture(params=[(), (SessionLogRecordProcessor,)], ids=["alone", "stamped"])
def events(request):
    destination = Destination(*(processor() for processor in request.param))
    PROVIDERS.use(None, destination.provider)
    EVENTS.is_on = True
    return destination


@pytest.fixture
def tracer():
    return TracerProvider(shutdown_on_exit=False).get_tracer("tests")


def test_a_start_tells_the_session_and_the_one_before(events):
    emit_start(Session("ours", previous_id="before"))
    assert events.told() == [("session.start", {"session.id": "ours", "session.previous_id": "before"})]


def test_without_a_session_before_none_is_told(events):
    emit_start(Session("ours"))
    assert events.told() == [("session.start", {"session.id": "ours"})]


def test_an_end_tells_all_that_spans_show(events):
    emit_end(ALL)
    assert events.told() == [
        (
            "session.end",
            {
                "session.id": "ours",
                "user.id": "ada",
                "session.name": "n",
                "session.path": "/p",
                "session.previous_id": "before",
                "session.metadata.k": "v",
                "session.tags": ("t",),
            },
        )
    ]


def test_an_event_is_a_record_of_its_moment_without_a_body(events):
    emit_start(Session("ours"))
    (record,) = events.records()
    assert (record.severity_number, record.body) == (SeverityNumber.INFO, None)
    assert 0 < record.timestamp <= record.observed_timestamp
    (found,) = events.exporter.get_finished_logs()
    assert (found.instrumentation_scope.name, bool(found.instrumentation_scope.version)) == ("otel_sessions", True)


def test_an_event_is_of_the_span_it_happens_in(events, tracer):
    with tracer.start_as_current_span("turn") as span:
        emit_start(Session("ours"))
        inside = context.get_current()
    emit_end(Session("ours"), inside)
    emit_end(Session("ours"))
    turn = span.get_span_context().span_id
    assert [record.span_id for record in events.records()] == [turn, turn, 0]


@pytest.mark.warned_of("propagators")
def test_what_is_current_is_not_mixed_into_the_event_of_another_session(events, tracer):
    with tracer.start_as_current_span("turn"), set_session("current", user_id="eve", name="n"):
        bind_session("bound", user_id="mallory")
        emit_start(Session("ours"))
        ended(Session("before", "bob"))
    assert events.told() == [
        ("session.start", {"session.id": "ours"}),
        ("session.end", {"session.id": "before", "user.id": "bob"}),
    ]


@pytest.mark.warned_of("shorter than 16")
@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        pytest.param("drop", {}, id="drop"),
        pytest.param("hash", {"user.id": "hmac-sha256-"}, id="hash"),
    ],
)
def test_the_user_is_shown_as_the_settings_say(events, monkeypatch, mode, shown):
    monkeypatch.setenv("OTEL_SESSION_USER_PRIVACY", mode)
    monkeypatch.setenv("OTEL_SESSION_USER_HASH_KEY", "key")
    emit_start(Session("ours", "ada"))
    with set_session("ours", user_id="ada"):
        ended()
    users = [{key: value[:12] for key, value in told.items() if key == "user.id"} for _, told in events.told()]
    assert users == [shown, shown]


def test_the_current_session_is_ended(events):
    with set_session("ours", user_id="ada"):
        ended()
    assert events.told() == [("session.end", {"session.id": "ours", "user.id": "ada"})]


@pytest.mark.warned_of("propagators")
def test_what_a_trace_is_bound_to_is_the_current_session(events, tracer):
    with tracer.start_as_current_span("turn"):
        bind_session("ours")
        ended()
    assert events.told() == [("session.end", {"session.id": "ours"})]


def test_a_session_that_is_given_is_ended_wherever_that_is(events):
    with clear_session():
        ended(Session("ours"))
    assert events.told() == [("session.end", {"session.id": "ours"})]


def test_without_a_current_session_nothing_ends_and_that_is_said_once(events, warnings):
    for _ in range(2):
        ended()
    with clear_session(), update_session(user_id="ada"):
        for _ in range(2):
            ended()
    assert events.told() == []
    assert len(warnings()) == 2
    assert all("end_session: there is no current session, so nothing ends" in said for said in warnings())
    assert __file__ in warnings()[0]


@pytest.mark.parametrize("given", [Session(user_id="ada"), "conv-42", 42])
def test_what_is_no_session_does_not_end_and_is_not_named(events, warnings, given):
    ended(given)
    assert events.told() == []
    assert len(warnings()) == 1
    assert f"end_session: {type(given).__name__} is no session with an id" in warnings()[0]
    assert "conv-42" not in warnings()[0]


def test_a_start_without_an_id_is_none(events):
    emit_start(Session(user_id="ada"))
    assert events.told() == []


def test_they_are_off_unless_asked_for(warnings):
    assert EVENTS.is_on is False
    destination = Destination()
    PROVIDERS.use(None, destination.provider)
    emit_start(Session("ours"))
    emit_end(Session("ours"))
    ended()
    ended("conv-42")
    assert destination.told() == []
    assert warnings() == []


def test_switched_off_again_there_are_none(events):
    EVENTS.is_on = False
    emit_start(Session("ours"))
    ended()
    assert events.told() == []


def test_they_go_to_the_global_provider_of_the_moment_unless_another_is_chosen(events, monkeypatch):
    PROVIDERS.use(None, None)
    emit_start(Session("nowhere"))
    monkeypatch.setattr(api_logs._internal, "_LOGGER_PROVIDER", events.provider)
    emit_start(Session("ours"))
    assert events.told() == [("session.start", {"session.id": "ours"})]


def test_an_exporter_that_starts_sessions_makes_no_events_of_its_own(events):
    suppressed = context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True)
    emit_start(Session("ours"), suppressed)
    assert events.told() == []


def test_an_api_without_an_sdk_takes_them():
    EVENTS.is_on, provider = True, NoOpLoggerProvider()
    PROVIDERS.use(None, provider)
    emit_start(Session("ours"))


class NoProvider:
    """It is one by its name alone."""

    def get_logger(self, *_):
        raise AttributeError


def test_they_never_raise(events, warnings):
    provider = NoProvider()
    PROVIDERS.use(None, provider)
    for _ in range(2):
        emit_start(Session("ours"))
        with set_session("ours"):
            ended()
    assert [said.split(": ")[1] for said in warnings()] == [
        "writing the event session.start raised AttributeError",
        "writing the event session.end raised AttributeError",
    ]
    assert events.told() == []


def test_looking_for_the_current_session_never_raises(events, warnings, monkeypatch):
    monkeypatch.setattr("otel_sessions._context.events.get_current", lambda: 1 / 0)
    ended()
    assert warnings() == ["otel_sessions: writing the event session.end raised ZeroDivisionError"]
    assert events.told() == []


# By the public calls


def started(events):
    return [attributes["session.id"] for name, attributes in events.told() if name == "session.start"]


def test_each_entry_into_a_new_session_starts_one(events):
    scope = set_session(user_id="ada", previous_id="before")
    with scope as first:
        pass
    with scope as second:
        pass
    assert events.told() == [
        ("session.start", {"session.id": session.id, "user.id": "ada", "session.previous_id": "before"})
        for session in (first, second)
    ]


def test_a_session_that_is_resumed_does_not_start(events):
    with set_session("conv-42"), update_session(user_id="ada"), step("outline"):
        pass
    with set_session(lambda: "conv-42"):
        pass
    assert events.told() == []


def test_a_session_that_was_made_for_later_starts_once(events):
    scope = set_session()
    session, _ = scope.session, scope.context
    for _ in range(2):
        with scope:
            pass
    assert started(events) == [session.id]


def test_a_callable_that_names_no_session_starts_one(events):
    @set_session(session_id=lambda given: given)
    def called(given):  # noqa: ARG001  # by the callable
        return get_session().id

    assert called("conv-42") == "conv-42"
    assert started(events) == []
    assert [called(None)] == started(events)


def test_a_decorated_generator_and_a_wrapped_stream_start_one_each(events):
    @set_session()
    def generator():
        for _ in range(3):
            yield get_session().id

    seen = set(generator())
    assert started(events) == [*seen]
    list(set_session().wrap(iter([1, 2])))
    assert len(started(events)) == 2


def test_a_trace_that_is_bound_to_a_new_session_starts_it_inside_of_its_span(events, pipeline):
    with pipeline.tracer.start_as_current_span("POST /chat") as span:
        session = bind_session()
        bind_session()
    assert started(events) == [session.id]
    (record,) = events.exporter.get_finished_logs()
    assert record.log_record.span_id == span.get_span_context().span_id


def test_a_session_ends_where_the_application_says_so_and_nowhere_else(events):
    with set_session("conv-42", user_id="ada") as session:
        end_session()
    end_session(session)
    assert events.told() == [("session.end", {"session.id": "conv-42", "user.id": "ada"})] * 2


@pytest.mark.warned_of("TracerProvider")
def test_instrument_and_the_environment_switch_events_on(monkeypatch):
    destination = Destination()
    instrument(logger_provider=destination.provider)
    with set_session():
        pass
    assert destination.told() == []
    monkeypatch.setenv("OTEL_SESSION_EVENTS", "true")
    instrument(logger_provider=destination.provider, user_privacy="drop")
    with set_session(user_id="ada") as session:
        pass
    assert destination.told() == [("session.start", {"session.id": session.id})]
    instrument(logger_provider=destination.provider, disabled=True)
    with set_session():
        end_session()
    assert len(destination.told()) == 1
