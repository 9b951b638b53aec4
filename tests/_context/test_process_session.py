"""One session for the whole process, where somebody asks for it: of all that has no other, and of nothing that was cleared."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID

import pytest
from openinference.instrumentation import using_session, using_user
from opentelemetry import baggage, context, propagate
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, set_span_in_context

from local_receiver import OTLPReceiver
from otel_sessions import (
    bind_session,
    clear_session,
    end_session,
    from_carrier,
    get_session,
    session_headers,
    set_session,
    step,
    to_carrier,
    update_session,
)
from otel_sessions._context.process_session import HELD, follow
from otel_sessions._settings.settings import Settings, in_process
from otel_sessions.sdk import ParentBasedSessionRatio, SessionSpanProcessor, instrument, uninstrument
from wire import spans_of
from without_code import all_but

BIN = Path(sys.executable).parent
SECONDS = 240


class Application:
    """A pipeline with the plug-in, for spans and for logs."""

    def __init__(self, pipeline) -> None:
        self.provider, self.exporter, self.tracer = pipeline.provider, pipeline.exporter, pipeline.tracer
        self.logs = InMemoryLogRecordExporter()
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self.logs))

    def instrument(self, **settings) -> None:
        instrument(self.provider, self.logger_provider, **settings)

    def uninstrument(self) -> None:
        uninstrument(self.provider, self.logger_provider)

    def records(self):
        return [found.log_record for found in self.logs.get_finished_logs()]


@pytest.fixture
def app(make_pipeline):
    app = Application(make_pipeline(SimpleSpanProcessor(InMemorySpanExporter())))  # no processor of ours yet
    yield app
    app.uninstrument()


@pytest.fixture
def run(app):
    """An application whose process has the session ``run-7``."""
    app.instrument(session_id="run-7")
    return app


def seen(app, key="session.id"):
    return [span.attributes.get(key) for span in app.exporter.get_finished_spans()]


def span(app, name="span", **options):
    app.tracer.start_span(name, **options).end()


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


# Whose it is


def test_by_default_the_process_has_none(app):
    app.instrument()
    span(app)
    assert (seen(app), get_session()) == ([None], None)


def test_an_id_that_is_made_is_one_for_spans_logs_calls_and_get_session(app):
    app.instrument(session_id="auto", propagate_to="all")
    session = get_session()
    span(app)
    in_a_thread(lambda: span(app))
    asyncio.run(_in_a_task(lambda: span(app)))
    app.logger_provider.get_logger("app").emit(body="said")
    carrier = {}
    with app.tracer.start_as_current_span("call", kind=SpanKind.CLIENT):
        propagate.inject(carrier)
    assert UUID(session.id).version == 4
    assert seen(app) == [session.id] * 4
    assert [record.attributes["session.id"] for record in app.records()] == [session.id]
    assert carrier["baggage"] == to_carrier()["baggage"] == f"session.id={session.id}"
    assert session_headers("helicone")["Helicone-Session-Id"] == session.id


async def _in_a_task(work):
    await asyncio.create_task(asyncio.to_thread(work))


def test_an_id_that_is_given_is_that_of_the_process(run):
    span(run)
    assert (seen(run), get_session().id) == (["run-7"], "run-7")


def test_the_environment_may_say_so(app, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_ID", "nightly-7")
    app.instrument()
    span(app)
    assert seen(app) == ["nightly-7"]


def test_the_environment_holds_for_a_processor_that_is_added_by_hand(make_pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_ID", "nightly-7")
    pipeline = make_pipeline(SessionSpanProcessor())
    pipeline.tracer.start_span("span").end()
    assert pipeline.attributes("span")["session.id"] == "nightly-7"


def test_an_argument_beats_the_environment_also_for_the_processors_of_others(app, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_ID", "nightly-7")
    app.instrument(session_id="run-7")
    SessionSpanProcessor()
    assert get_session().id == "run-7"


@pytest.mark.parametrize("session_id", [True, b"x"])
def test_what_is_no_id_is_a_warning_and_no_session(app, warnings, session_id):
    app.instrument(session_id=session_id)
    assert get_session() is None
    assert "session_id: expected auto, environ, or an id" in warnings()[0]


def test_where_the_plug_in_is_off_there_is_none(app):
    app.instrument(session_id="run-7", disabled=True)
    span(app)
    assert (seen(app), get_session()) == ([None], None)


# Who goes before it


def test_scopes_binds_baggage_parents_and_other_tools_go_before_it(run):
    with set_session("scope"):
        span(run)
    with run.tracer.start_as_current_span("turn"):
        bind_session("bound")
        span(run)
    with run.tracer.start_as_current_span("turn") as root:
        pass
    caller = propagate.extract({"baggage": "session.id=callers"}, context.Context())
    span(run, context=caller)
    with using_session("theirs"):
        span(run)
    with set_session("lost"):
        parent = run.tracer.start_span("parent")
    span(run, context=set_span_in_context(parent, context.Context()))
    assert seen(run) == ["scope", "bound", "bound", "run-7", "callers", "theirs", "lost"]
    assert root.attributes["session.id"] == "run-7"


def test_an_id_that_cannot_be_used_is_none_inside_its_scope_and_not_that_of_the_process(run, warnings):
    with set_session(""):
        span(run)
    assert seen(run) == [None]
    assert "session_id: an empty string was given" in warnings()[0]


def test_a_user_alone_from_anywhere_joins_it(run):
    with using_user("bob"):
        span(run)
    span(run, context=propagate.extract({"baggage": "user.id=eve"}, context.Context()))
    span(run, context=baggage.set_baggage("tenant", "acme", context.Context()))
    assert list(zip(seen(run), seen(run, "user.id"), strict=True)) == [
        ("run-7", "bob"),
        ("run-7", "eve"),
        ("run-7", None),
    ]


def test_an_empty_context_is_that_of_any_new_thread_and_has_it(run):
    span(run, context=context.Context())
    assert seen(run) == ["run-7"]
    assert get_session(context.Context()).id == "run-7"


def test_inside_a_cleared_session_there_is_none(run):
    carrier = {}
    with clear_session():
        with run.tracer.start_as_current_span("cleared") as cleared:
            span(run)
            propagate.inject(carrier)
        assert get_session() is None
        assert session_headers("helicone") == {}
    assert (seen(run), "baggage" in carrier) == ([None, None], False)
    lost = set_span_in_context(cleared, context.Context())
    child = run.tracer.start_span("child with a lost context", lost)
    span(run, context=set_span_in_context(child, context.Context()))
    child.end()
    assert seen(run) == [None] * 4
    assert get_session(lost) is None


def test_a_parent_that_nobody_has_looked_at_takes_it_from_no_child(run):
    other = TracerProvider(shutdown_on_exit=False).get_tracer("other")
    with other.start_as_current_span("foreign"):
        span(run)
        span(run)
    assert seen(run) == ["run-7"] * 2


def test_an_own_session_may_begin_inside_it_and_has_nothing_of_it(run, warnings):
    with set_session() as session:
        assert session.id != "run-7"
        span(run)
    assert seen(run) == [session.id]
    assert warnings() == []


def test_more_fields_are_added_to_it(run):
    with update_session(user_id="ada", metadata={"tier": "gold"}) as session, step("outline") as deeper:
        span(run)
    assert (session.id, session.user_id, deeper.path) == ("run-7", "ada", "/outline")
    (exported,) = run.exporter.get_finished_spans()
    assert dict(exported.attributes) == {
        "session.id": "run-7",
        "user.id": "ada",
        "session.path": "/outline",
        "session.metadata.tier": "gold",
    }


def test_fields_that_were_added_before_it_began_join_it(app):
    with update_session(user_id="ada"):
        app.instrument(session_id="run-7")
        span(app)
    assert (seen(app), seen(app, "user.id")) == (["run-7"], ["ada"])


def test_a_bind_without_an_id_binds_it(run):
    with run.tracer.start_as_current_span("turn"):
        assert bind_session(user_id="ada").id == "run-7"
    assert (seen(run), seen(run, "user.id")) == (["run-7"], ["ada"])


def test_a_carrier_with_a_session_goes_before_it_and_one_without_does_not(run):
    with from_carrier({"baggage": "session.id=callers"}):
        span(run)
    with from_carrier({}) as session:
        span(run)
    assert seen(run) == ["callers", "run-7"]
    assert session.id == "run-7"


def test_a_carrier_of_a_caller_that_is_not_trusted_leaves_it(app):
    app.instrument(session_id="run-7", trust_incoming=False)
    with from_carrier({"baggage": "session.id=callers"}):
        span(app)
    assert seen(app) == ["run-7"]


@pytest.mark.usefixtures("run")
def test_baggage_that_can_not_be_read_leaves_it(warnings):
    class Baggage(dict):
        def get(self, _key, _default=None):
            raise ZeroDivisionError

    broken = Baggage({"session.id": "x"})
    key = next(iter(baggage.set_baggage("a", "b", context.Context())))
    assert get_session(context.Context({key: broken})).id == "run-7"
    assert "looking for a session raised ZeroDivisionError" in warnings()[0]


def test_whole_sessions_are_sampled_by_it(make_pipeline):
    sampler = ParentBasedSessionRatio(0.5)
    kept = [name for name in map(str, range(40)) if sampler.keeps_session(name)]
    for name in map(str, range(40)):
        pipeline = make_pipeline(sampler=sampler)
        instrument(pipeline.provider, session_id=name)
        pipeline.tracer.start_span("root").end()
        assert (len(pipeline.exporter.get_finished_spans()) == 1) == (name in kept)
        uninstrument(pipeline.provider)


# When it begins and ends


def test_asked_for_again_an_id_that_was_made_stays(app, make_pipeline):
    app.instrument(session_id="auto")
    first = get_session()
    app.instrument(session_id="auto", user_privacy="drop")
    other = make_pipeline()
    instrument(other.provider, session_id="auto")
    assert get_session() == first
    uninstrument(other.provider)
    assert get_session() == first


def test_it_shows_what_the_settings_show_that_hold_now(app):
    app.instrument(session_id="auto")
    app.instrument(session_id="auto", user_privacy="drop")
    assert HELD.state.settings is in_process()


def test_after_uninstrument_there_is_none_and_the_next_one_is_another(app):
    app.instrument(session_id="auto")
    first = get_session()
    app.uninstrument()
    assert get_session() is None
    span(app)
    app.instrument(session_id="auto")
    assert get_session() not in {first, None}
    assert seen(app) == [None]


def test_a_call_that_does_not_ask_for_it_ends_it(run):
    run.instrument()
    assert get_session() is None


def test_a_thread_that_reads_while_it_ends_finds_it_or_nothing(app):
    app.instrument(session_id="run-7")
    done = threading.Event()
    found = set()

    def read():
        while not done.is_set():
            with update_session(user_id="ada"):
                found.add(getattr(get_session(), "id", None))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(300):
        follow(Settings(session_id="run-7"))
        follow(None)
    done.set()
    reader.join()
    assert found <= {"run-7", None}


def test_it_keeps_no_provider_alive(app):
    app.instrument(session_id="auto")
    gc.collect()
    assert HELD.state is not None
    assert not [each for each in gc.get_referents(HELD) if isinstance(each, TracerProvider)]


# Events


def test_an_id_that_is_made_starts_a_session_and_end_session_ends_it(app):
    app.instrument(session_id="auto", events=True)
    app.instrument(session_id="auto", events=True)
    end_session()
    told = [(record.event_name, record.attributes["session.id"]) for record in app.records()]
    assert told == [("session.start", get_session().id), ("session.end", get_session().id)]


def test_an_id_that_is_given_resumes_a_session_and_starts_none(app):
    app.instrument(session_id="run-7", events=True)
    assert app.records() == []
    end_session()
    assert [record.event_name for record in app.records()] == ["session.end"]


# Other processes


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_keeps_it(app):
    app.instrument(session_id="auto")
    receiving, sending = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=lambda: sending.send(get_session()))
    child.start()
    assert receiving.poll(SECONDS)
    assert receiving.recv() == get_session()
    child.join()


PROGRAM = """
import logging, threading
from opentelemetry import trace
from otel_sessions import get_session
tracer = trace.get_tracer("app")
tracer.start_span("main").end()
thread = threading.Thread(target=lambda: tracer.start_span("thread").end())
thread.start()
thread.join()
print(get_session().id)
"""


@pytest.mark.parametrize("session_id", ["auto", "nightly-7"])
def test_a_program_has_it_without_code(tmp_path, session_id):
    program = tmp_path / "x.py"
    program.write_text(PROGRAM)
    with OTLPReceiver() as receiver:
        environment = {
            **os.environ,
            "OTEL_SESSION_ID": session_id,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            **all_but("otel_sessions", "logging", "threading"),
        }
        command = [str(BIN / "opentelemetry-instrument"), str(BIN / "python"), str(program)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
        spans = {span.name: span.attributes.get("session.id") for span in spans_of(receiver)}
    assert result.returncode == 0, result.stderr
    printed = result.stdout.strip()
    assert spans == {"main": printed, "thread": printed}
    assert printed == session_id or UUID(printed)
    assert logging.getLogger("otel_sessions").propagate
