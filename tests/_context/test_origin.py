"""A process that was started inside a session is in it, and below the span that started it, without a line of its own."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.propagators.b3 import B3MultiFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Tracer as SDKTracer
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import INVALID_SPAN, SpanKind, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_sessions import (
    bind_session,
    clear_session,
    from_carrier,
    get_session,
    set_session,
    step,
    to_carrier,
    turn,
    update_session,
)
from otel_sessions._context.origin import ORIGIN, below, is_below
from otel_sessions._pipeline import rooting
from otel_sessions.sdk import SessionSpanProcessor, instrument, uninstrument

TRACE, CALLER = "1" * 32, "2" * 16
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
IN_IT = (TRACE, CALLER, "conv-42", "ada")
"""The trace, the parent, the session and the user of a span."""


class Application:
    """A pipeline with the plug-in, for spans and for logs, in an environment."""

    def __init__(self, make_pipeline, monkeypatch) -> None:
        pipeline = make_pipeline(SimpleSpanProcessor(InMemorySpanExporter()))
        self.provider, self.exporter, self.tracer = pipeline.provider, pipeline.exporter, pipeline.tracer
        self.logs = InMemoryLogRecordExporter()
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self.logs))
        self._monkeypatch = monkeypatch

    def begin(
        self, *, traceparent=TRACEPARENT, baggage="session.id=conv-42,user.id=ada", environ=(), **settings
    ) -> None:
        variables = {"TRACEPARENT": traceparent, "TRACESTATE": "", "BAGGAGE": baggage, **dict(environ)}
        for name, value in variables.items():
            if value is not None:
                self._monkeypatch.setenv(name, value)
        instrument(self.provider, self.logger_provider, **{"session_id": "environ"} | settings)

    def span(self, name="span", **options):
        self.tracer.start_span(name, **options).end()

    def seen(self):
        """Return of each span that has ended its trace, its parent, its session and its user."""
        return [_seen(span) for span in self.exporter.get_finished_spans()]

    def records(self):
        return [found.log_record for found in self.logs.get_finished_logs()]


def _seen(span):
    parent = None if span.parent is None else f"{span.parent.span_id:016x}"
    ids = span.attributes.get("session.id"), span.attributes.get("user.id")
    return f"{span.context.trace_id:032x}", parent, *ids


@pytest.fixture
def app(make_pipeline, monkeypatch):
    for name in ("TRACEPARENT", "TRACESTATE", "BAGGAGE"):
        monkeypatch.delenv(name, raising=False)
    app = Application(make_pipeline, monkeypatch)
    yield app
    uninstrument(app.provider, app.logger_provider)


@pytest.fixture
def child(app):
    """A program that was started inside a session."""
    app.begin()
    return app


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


# All that is started here


def test_a_root_span_is_below_the_span_that_has_started_the_process_and_in_its_session(child):
    child.span()
    assert child.seen() == [IN_IT]


def test_so_it_is_in_other_threads_pools_and_tasks(child):
    async def tasks():
        await asyncio.gather(*(asyncio.create_task(asyncio.to_thread(child.span)) for _ in range(2)))
        await asyncio.get_running_loop().run_in_executor(None, child.span)

    in_a_thread(child.span)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: child.span(), range(3)))
    asyncio.run(tasks())
    assert child.seen() == [IN_IT] * 7


def test_and_in_threads_that_take_the_context_along(child):
    ThreadingInstrumentor().instrument()
    try:
        in_a_thread(child.span)
        with child.tracer.start_as_current_span("outer") as outer:
            in_a_thread(child.span)
    finally:
        ThreadingInstrumentor().uninstrument()
    here = f"{outer.get_span_context().span_id:016x}"
    assert child.seen() == [IN_IT, (TRACE, here, "conv-42", "ada"), IN_IT]


def test_a_span_inside_another_stays_below_that(child):
    with child.tracer.start_as_current_span("outer") as outer:
        child.span()
    here = f"{outer.get_span_context().span_id:016x}"
    assert child.seen() == [(TRACE, here, "conv-42", "ada"), IN_IT]


def test_all_fields_of_the_session_come_along(app):
    members = "session.id=a,user.id=b,session.name=c,session.path=/d,session.previous_id=e"
    app.begin(baggage=members)
    app.span()
    session = get_session()
    (span,) = app.exporter.get_finished_spans()
    assert (session.id, session.user_id, session.name, session.path, session.previous_id) == ("a", "b", "c", "/d", "e")
    assert dict(span.attributes) == dict(member.split("=") for member in members.split(","))


def test_metadata_and_tags_come_along_where_they_travel(app):
    app.begin(baggage="session.id=a,session.metadata.team=x,session.tags=t", metadata_on_wire="team,session.tags")
    assert (get_session().metadata, get_session().tags) == ({"team": "x"}, ("t",))


def test_log_records_have_the_session_and_the_span_that_has_started_the_process(child):
    logger = child.logger_provider.get_logger("app")
    logger.emit(body="outside")
    in_a_thread(lambda: logger.emit(body="thread"))
    with child.tracer.start_as_current_span("span") as span:
        logger.emit(body="inside")
    here = span.get_span_context().span_id
    assert [(record.trace_id, record.span_id, record.trace_flags) for record in child.records()] == [
        (int(TRACE, 16), int(CALLER, 16), 1),
        (int(TRACE, 16), int(CALLER, 16), 1),
        (int(TRACE, 16), here, span.get_span_context().trace_flags),
    ]
    assert {record.attributes["session.id"] for record in child.records()} == {"conv-42"}


def test_bind_session_step_update_and_turn_are_of_that_session(child):
    with child.tracer.start_as_current_span("outer"):
        assert bind_session().id == "conv-42"
    with step("outline"), update_session(name="Trip"):
        child.span()
    with turn("reply", tracer=child.tracer):
        child.span()
    found = child.exporter.get_finished_spans()
    assert {_seen(span)[0] for span in found} == {TRACE}
    assert {_seen(span)[2:] for span in found} == {("conv-42", "ada")}
    assert (found[1].attributes["session.path"], found[1].attributes["session.name"]) == ("/outline", "Trip")


@pytest.mark.usefixtures("child")
def test_what_is_sent_is_below_the_caller_too_also_outside_of_any_span():
    carrier = {}
    propagate.inject(carrier)
    assert carrier == {"traceparent": TRACEPARENT, "baggage": "session.id=conv-42,user.id=ada"}
    assert to_carrier() == carrier


def test_a_child_of_this_process_gets_the_current_span_and_session(child):
    with set_session("conv-43"), child.tracer.start_as_current_span("outer") as outer:
        carrier = to_carrier(environ=True)
    assert carrier["TRACEPARENT"].startswith(f"00-{TRACE}-{outer.get_span_context().span_id:016x}-")
    assert carrier["BAGGAGE"] == "session.id=conv-43"


def test_other_entries_of_the_baggage_go_on_and_processors_of_others_see_them_on_all_spans(app):
    seen = []

    class Other(SpanProcessor):
        def on_start(self, span, parent_context=None):  # noqa: ARG002
            seen.append(baggage.get_baggage("tenant", parent_context))

    app.provider.add_span_processor(Other())
    app.begin(baggage="session.id=conv-42,tenant=acme")
    with app.tracer.start_as_current_span("outer"):
        in_a_thread(app.span)
        app.span()
        inside = to_carrier()["baggage"]
    assert seen == ["acme"] * 3
    assert inside == to_carrier()["baggage"] == "session.id=conv-42,tenant=acme"
    own = context.attach(baggage.set_baggage("tenant", "own"))
    assert to_carrier()["baggage"] == "session.id=conv-42,tenant=own"
    context.detach(own)


@pytest.mark.parametrize(
    ("members", "ids"),
    [
        ("session.id=conv-42,user.id=ada,langfuse_session_id=other", ("conv-42", "ada")),
        ("langfuse_session_id=other,langfuse_user_id=bob", ("other", "bob")),
    ],
)
def test_other_names_of_a_session_in_it_go_on_and_come_after_ours(app, members, ids):
    app.begin(baggage=members)
    with app.tracer.start_as_current_span("outer"):
        app.span()
        assert "langfuse_session_id=other" in to_carrier()["baggage"]
    assert [seen[2:] for seen in app.seen()] == [ids] * 2


def test_the_same_name_in_a_request_is_that_of_the_request(app):
    app.begin(baggage="session.id=conv-42,langfuse_session_id=other")
    received = propagate.extract({"baggage": "langfuse_session_id=other"})
    app.span(context=received, kind=SpanKind.SERVER)
    assert [seen[2:] for seen in app.seen()] == [("other", None)]


def test_other_names_that_are_set_here_go_before_the_session_of_the_caller(app):
    app.begin(baggage="session.id=conv-42,langfuse_session_id=other")
    app.span(context=baggage.set_baggage("langfuse_session_id", "here"))
    assert app.seen() == [(TRACE, CALLER, "here", None)]


def test_a_request_whose_header_names_a_session_is_its_callers(app):
    app.begin(incoming_headers={"session.id": "x-session-id"})
    app.span(context=propagate.extract({"x-session-id": "theirs"}), kind=SpanKind.SERVER)
    [(trace_id, parent, *ids)] = app.seen()
    assert (trace_id == TRACE, parent, ids) == (False, None, ["theirs", None])


@pytest.mark.usefixtures("child")
def test_a_provider_that_has_none_of_our_processors_is_below_the_caller_as_well():
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("other").start_span("span").end()
    assert _seen(exporter.get_finished_spans()[0]) == (TRACE, CALLER, None, None)


def test_a_processor_that_is_added_by_hand_does_it_as_well(make_pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_ID", "Environ")
    monkeypatch.setenv("TRACEPARENT", TRACEPARENT)
    monkeypatch.setenv("BAGGAGE", "session.id=conv-42,user.id=ada")
    pipeline = make_pipeline(SessionSpanProcessor())
    pipeline.tracer.start_span("span").end()
    assert _seen(pipeline.spans()["span"]) == IN_IT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_in_it_as_well(child):
    def work(pipe):
        child.span()
        pipe.send(child.seen())

    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=work, args=(theirs,))
    process.start()
    assert ours.recv() == [IN_IT]
    process.join()


# What goes before it


def test_a_scope_goes_before_it_and_keeps_the_trace_and_does_not_get_its_user(child):
    with set_session("conv-43"):
        child.span()
    with set_session("conv-42"):
        child.span()
    assert child.seen() == [(TRACE, CALLER, "conv-43", None), IN_IT]


def test_the_user_of_the_process_is_that_of_what_is_opened_here_and_not_of_the_callers_session(app):
    app.begin(baggage="session.id=conv-42", user_id="bob")
    app.span()
    with set_session("conv-43"):
        app.span()
    app.span(context=Context())
    users = [seen[2:] for seen in app.seen()]
    assert users == [("conv-42", None), ("conv-43", "bob"), (None, "bob")]


def test_clear_session_ends_the_session_and_not_the_trace(child):
    with clear_session():
        child.span()
        assert (get_session(), to_carrier()) == (None, {"traceparent": TRACEPARENT})
    assert child.seen() == [(TRACE, CALLER, None, None)]


def test_an_explicitly_empty_context_is_below_nothing(child):
    with child.tracer.start_as_current_span("root", context=Context()):
        child.span()
        child.logger_provider.get_logger("app").emit(body="said")
        assert (get_session(), "baggage" in to_carrier()) == (None, False)
    with set_session(Context(), "conv-43"):
        child.span("opened")
    token = context.attach(Context())
    child.span("attached")
    context.detach(token)
    spans = child.exporter.get_finished_spans()
    assert len({TRACE, *(span.context.trace_id for span in spans)}) == 4
    ids = [(span.name, *_seen(span)[2:]) for span in spans]
    assert ids == [("span", None, None), ("root", None, None), ("opened", "conv-43", None), ("attached", None, None)]
    assert "session.id" not in (child.records()[0].attributes or {})


def test_a_turn_with_a_trace_of_its_own_has_one_and_is_in_the_session(child):
    with turn("reply", new_trace=True, tracer=child.tracer):
        child.span()
    spans = child.exporter.get_finished_spans()
    assert spans[1].parent is None
    assert [_seen(span)[2:] for span in spans] == [("conv-42", "ada")] * 2


def test_a_span_that_is_not_valid_is_no_parent(child):
    child.span(context=set_span_in_context(INVALID_SPAN))
    child.span(context=baggage.set_baggage("tenant", "acme"))
    child.span(context=set_session("conv-42").context)
    assert child.seen() == [IN_IT] * 3


@pytest.mark.parametrize(
    ("headers", "trace_id", "session_id"),
    [
        pytest.param({}, None, None, id="nothing"),
        pytest.param({"baggage": "tenant=acme"}, None, None, id="the baggage of another tool"),
        pytest.param({"baggage": "session.id=theirs"}, None, "theirs", id="a session"),
        pytest.param({"traceparent": f"00-{'3' * 32}-{'4' * 16}-01"}, "3" * 32, None, id="a trace"),
        pytest.param(
            {"traceparent": f"00-{'3' * 32}-{'4' * 16}-01", "baggage": "session.id=theirs"},
            "3" * 32,
            "theirs",
            id="both",
        ),
    ],
)
def test_a_request_is_its_callers_and_not_of_this_process(child, headers, trace_id, session_id):
    received = propagate.extract(headers)
    token = context.attach(received)
    with child.tracer.start_as_current_span("request", context=received, kind=SpanKind.SERVER):
        child.span()
    context.detach(token)
    for seen, _parent, *ids in child.seen():
        assert ids == [session_id, None]
        assert seen == trace_id if trace_id else seen != TRACE


@pytest.mark.parametrize(
    "of", [[], [W3CBaggagePropagator()], [W3CBaggagePropagator(), TraceContextTextMapPropagator()]]
)
def test_so_it_is_with_propagators_that_hand_back_what_is_current(app, of):
    """As with ``OTEL_PROPAGATORS=none``, where there are none."""
    propagate.set_global_textmap(CompositePropagator(of))
    app.begin()
    received = propagate.extract({})
    with app.tracer.start_as_current_span("request", context=received, kind=SpanKind.SERVER):
        app.span()
    app.span("own")
    inside, request, own = app.seen()
    assert TRACE not in {request[0], inside[0]}
    assert [request[2:], inside[2:], own] == [(None, None), (None, None), IN_IT]


def test_a_request_that_names_nothing_and_whose_server_says_so_is_below_the_caller(child):
    """As a tool over standard input: there is nobody else whose request it could be."""
    with child.tracer.start_as_current_span("tools/call", kind=SpanKind.SERVER):
        child.span()
    assert [seen[2:] for seen in child.seen()] == [("conv-42", "ada")] * 2
    assert {seen[0] for seen in child.seen()} == {TRACE}


def test_a_message_that_names_nothing_is_its_senders_and_not_of_this_process(child):
    """As a job of a worker that was started inside a session: it is of anybody."""
    with child.tracer.start_as_current_span("run", kind=SpanKind.CONSUMER), child.tracer.start_as_current_span("work"):
        child.span("inside")
    with set_session("conv-43"):
        child.span("in a scope", kind=SpanKind.CONSUMER)
    with child.tracer.start_as_current_span("outer"):
        child.span("below a span", kind=SpanKind.CONSUMER)
    ids = {span.name: (_seen(span)[0] == TRACE, *_seen(span)[2:]) for span in child.exporter.get_finished_spans()}
    assert ids == {
        **dict.fromkeys(("run", "work", "inside"), (False, None, None)),
        "in a scope": (False, "conv-43", None),
        **dict.fromkeys(("below a span", "outer"), (True, "conv-42", "ada")),
    }


def test_what_is_bound_in_one_thread_is_not_in_another(child):
    other = child.provider.get_tracer("other")
    with child.tracer.start_as_current_span("one", kind=SpanKind.SERVER):
        bind_session("conv-43")
        # In no context, which a thread has by itself where none is inherited.
        in_a_thread(lambda: contextvars.Context().run(lambda: other.start_span("two").end()))
    assert [seen[2] for seen in child.seen()] == ["conv-42", "conv-43"]


def test_a_message_of_another_trace_without_a_session_has_none(child):
    with from_carrier({"traceparent": f"00-{'3' * 32}-{'4' * 16}-01"}):
        child.span()
        assert get_session() is None
    assert child.seen() == [("3" * 32, "4" * 16, None, None)]


@pytest.mark.warned_of("is left out")
@pytest.mark.parametrize(
    ("carrier", "ids"),
    [
        (None, (None, None)),
        ({}, (None, None)),
        ([], (None, None)),
        ({"traceparent": "", "baggage": ""}, (None, None)),
        ({"traceparent": f"ff-{TRACE}-{CALLER}-01"}, (None, None)),
        ({"baggage": "tenant=acme"}, (None, None)),
        ({"baggage": "session.id=theirs"}, ("theirs", None)),
        ({"baggage": "user.id=bob"}, (None, "bob")),
    ],
)
def test_a_message_without_a_trace_is_in_one_of_its_own_and_has_what_it_brings(child, carrier, ids):
    """As a job of anybody, in a worker that was started inside a session."""
    with from_carrier(carrier) as session:
        assert (session.id, session.user_id, "traceparent" in to_carrier()) == (*ids, False)
        child.span("of the job")
        with step("a"), turn("turn", new_trace=True):
            pass
    child.span("after it")
    *job, after = child.seen()
    assert [seen[2:] for seen in job] == [ids] * 2
    assert TRACE not in {seen[0] for seen in job}
    assert after == IN_IT


def test_below_a_span_that_is_current_a_message_without_a_trace_stays(child):
    with child.tracer.start_as_current_span("outer") as outer, from_carrier({}):
        child.span()
    assert child.seen() == [(TRACE, f"{outer.get_span_context().span_id:016x}", None, None), IN_IT]


def test_a_message_of_this_trace_whose_sender_had_no_session_has_none(child):
    with child.tracer.start_as_current_span("sender") as sender, clear_session():
        sent = to_carrier()
    with from_carrier(sent):
        child.span()
        assert get_session() is None
    assert child.seen() == [IN_IT, (TRACE, f"{sender.get_span_context().span_id:016x}", None, None)]


def test_in_a_message_that_brings_nothing_the_user_of_the_process_is_that_of_what_is_opened_there(app):
    app.begin(user_id="grace")
    with from_carrier({}):
        app.span()
        with set_session("conv-43"):
            app.span()
    assert [seen[2:] for seen in app.seen()] == [(None, "grace"), ("conv-43", "grace")]


def test_the_carrier_of_the_environment_by_hand_changes_nothing(child):
    with from_carrier(os.environ):
        child.span()
    assert child.seen() == [IN_IT]


# What the environment may hold


def test_names_in_upper_case_that_are_empty_say_that_there_is_nothing(app):
    """As `to_carrier` writes them, so that a child does not get what its parent was given in lower case."""
    app.begin(baggage="", environ={"baggage": "session.id=old", "traceparent": f"00-{'3' * 32}-{'4' * 16}-01"})
    app.span()
    assert app.seen() == [(TRACE, CALLER, None, None)]


def test_a_caller_that_is_not_sampled_has_no_spans_below_it(make_pipeline, monkeypatch):
    monkeypatch.setenv("TRACEPARENT", f"{TRACEPARENT[:-1]}0")
    monkeypatch.setenv("BAGGAGE", "session.id=conv-42")
    pipeline = make_pipeline(sampler=ParentBased(ALWAYS_ON))
    instrument(pipeline.provider, session_id="environ")
    with pipeline.tracer.start_as_current_span("span") as span:
        assert (span.is_recording(), get_session().id) == (False, "conv-42")
    assert not pipeline.spans()


def test_baggage_alone_is_a_session_without_a_parent(app):
    app.begin(traceparent=None)
    app.span()
    ((_trace, parent, *ids),) = app.seen()
    assert (parent, ids) == (None, ["conv-42", "ada"])


def test_a_span_alone_is_a_parent_without_a_session(app):
    app.begin(baggage=None)
    app.span()
    assert (app.seen(), get_session()) == ([(TRACE, CALLER, None, None)], None)


def test_nothing_at_all_is_as_if_it_was_not_set_and_said_at_info(app, caplog):
    caplog.set_level(logging.INFO, "otel_sessions")
    start = SDKTracer.start_span
    app.begin(traceparent="", baggage="")
    app.span()
    ((_trace, parent, *ids),) = app.seen()
    assert (parent, ids, get_session()) == (None, [None, None], None)
    assert SDKTracer.start_span is start
    assert [record.getMessage()[:58] for record in caplog.records] == [
        "otel_sessions: session_id is environ, and there is neither"
    ]


def test_names_in_lower_case_count_where_there_are_none_in_upper_case(app):
    lower = {"traceparent": f"00-{'3' * 32}-{'4' * 16}-01", "baggage": "session.id=lower"}
    app.begin(traceparent=None, environ=lower)
    app.span()
    assert app.seen() == [("3" * 32, "4" * 16, "conv-42", "ada")]


@pytest.mark.parametrize(
    "traceparent", ["none", f"00-{'0' * 32}-{CALLER}-01", f"{TRACEPARENT}-more", "\udcff", "9" * 9000]
)
@pytest.mark.parametrize(
    "members", ["session.id", f"session.id={'x' * 201}", "session.id=a%0Ab", "\udcff=1", "=" * 99999]
)
def test_what_is_not_well_formed_is_left_out_and_said_without_it(app, warnings, traceparent, members):
    app.begin(traceparent=traceparent, baggage=members)
    app.span()
    ((_trace, parent, *ids),) = app.seen()
    assert (parent, ids, get_session()) == (None, [None, None], None)
    assert 1 <= len(warnings()) <= 3
    assert not [text for text in warnings() if members in text or traceparent in text]


@given(st.dictionaries(st.sampled_from(["TRACEPARENT", "TRACESTATE", "BAGGAGE", "B3"]), st.text(max_size=300)))
@pytest.mark.warned_of
def test_whatever_is_in_the_environment_nothing_is_raised(given):
    provider = TracerProvider(shutdown_on_exit=False)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value.encode("utf-8", "replace").decode().replace("\0", ""))
        instrument(provider, session_id="environ")
        try:
            provider.get_tracer("app").start_span("span").end()
            propagate.inject({})
            assert to_carrier() is not None
        finally:
            uninstrument(provider)


@pytest.mark.parametrize(
    ("propagator", "variable", "value"),
    [
        pytest.param(B3MultiFormat(), "X_B3_TRACEID", TRACE, id="b3 in several"),
        pytest.param(JaegerPropagator(), "UBER_TRACE_ID", f"{TRACE}:{CALLER}:0:1", id="jaeger"),
    ],
)
def test_the_span_of_other_propagators_is_taken_up_where_there_is_none_of_w3c(app, propagator, variable, value):
    propagate.set_global_textmap(propagator)
    app.begin(traceparent=None, environ={variable: value, "X_B3_SPANID": CALLER, "X_B3_SAMPLED": "1"})
    app.span()
    assert app.seen() == [IN_IT]


def test_a_propagator_that_raises_is_a_warning(app, warnings):
    class Bad(B3MultiFormat):
        def extract(self, *args, **options):  # noqa: ARG002
            raise RuntimeError

    propagate.set_global_textmap(Bad())
    app.begin(traceparent=None)
    assert get_session().id == "conv-42"
    assert "in the environment of this process what raised RuntimeError was found, and is left out" in warnings()[0]


def test_where_callers_are_not_trusted_the_trace_is_taken_up_and_no_session(app, caplog):
    caplog.set_level(logging.INFO, "otel_sessions")
    app.begin(baggage="session.id=conv-42,user.id=ada,tenant=acme", trust_incoming=False)
    app.span()
    assert (app.seen(), get_session()) == ([(TRACE, CALLER, None, None)], None)
    assert to_carrier() == {"traceparent": TRACEPARENT, "baggage": "tenant=acme"}
    assert "OTEL_SESSION_TRUST_INCOMING" in caplog.records[0].getMessage()


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_the_user_appears_as_the_settings_say(app, mode):
    app.begin(user_privacy=mode, user_hash_key="sixteen characters")
    app.span()
    (seen,) = app.seen()
    assert seen[:3] == IN_IT[:3]
    assert (seen[3] is None) == (mode == "drop")
    assert "ada" not in str(seen)
    assert "ada" not in to_carrier()["baggage"]


# Its beginning and its end


def test_the_environment_is_read_once(child, monkeypatch):
    monkeypatch.setenv("BAGGAGE", "session.id=of-a-child")
    child.begin(traceparent=None, baggage=None)
    assert get_session().id == "conv-42"


def test_uninstrument_ends_it(child):
    uninstrument(child.provider, child.logger_provider)
    child.span()
    ((_trace, parent, *ids),) = child.seen()
    assert (parent, ids, get_session(), ORIGIN.span) == (None, [None, None], None, None)
    assert not is_below(Context())


def test_another_setting_ends_it(child):
    child.begin(session_id="run-7")
    child.span()
    ((_trace, parent, *ids),) = child.seen()
    assert (parent, ids) == (None, ["run-7", None])


def test_disabled_it_is_off(app):
    app.begin(disabled=True)
    app.span()
    assert (get_session(), app.seen()[0][1:]) == (None, (None, None, None))


def test_tracers_are_left_as_they_are_where_nobody_asks(app):
    start = SDKTracer.start_span
    app.begin(session_id="run-7")
    assert SDKTracer.start_span is start
    app.begin()
    assert SDKTracer.start_span is not start
    uninstrument(app.provider, app.logger_provider)
    assert SDKTracer.start_span is start


def test_what_somebody_else_puts_over_the_tracers_since_stays(app, monkeypatch):
    monkeypatch.setattr(SDKTracer, "start_span", SDKTracer.start_span)  # so it is what it was when this has ended
    app.begin()
    ours, names = SDKTracer.start_span, []

    @functools.wraps(ours)
    def theirs(tracer, name, *args, **options):
        names.append(name)
        return ours(tracer, name, *args, **options)

    SDKTracer.start_span = theirs
    uninstrument(app.provider, app.logger_provider)
    assert SDKTracer.start_span is theirs
    app.span("nobody's")
    app.begin()
    app.span("the caller's")
    uninstrument(app.provider, app.logger_provider)
    assert (SDKTracer.start_span, names) == (theirs, ["nobody's", "the caller's"])
    assert [seen[:2] == (TRACE, CALLER) for seen in app.seen()] == [False, True]


def test_finding_the_parent_never_raises(child, monkeypatch, warnings):
    def fail(_context):
        raise RuntimeError

    monkeypatch.setattr(rooting, "below", fail)
    child.span()
    assert child.seen()[0][1] is None
    assert "finding the parent of a span raised RuntimeError" in warnings()[0]


@pytest.mark.usefixtures("child")
def test_with_another_keeper_of_the_context_all_that_is_empty_is_where_a_thread_begins(monkeypatch):
    monkeypatch.setattr(ORIGIN, "first", None)
    assert trace.get_current_span(below(Context())).get_span_context().trace_id == int(TRACE, 16)
