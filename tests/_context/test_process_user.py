"""One user for the whole process: of all that is recorded here, and of nothing that is a caller's, or was cleared."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading

import pytest
from openinference.instrumentation import using_session, using_user
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, set_span_in_context

from otel_sessions import (
    Session,
    bind_session,
    check,
    clear_session,
    from_carrier,
    get_session,
    log,
    session_headers,
    set_session,
    step,
    to_carrier,
    turn,
    update_session,
)
from otel_sessions._context.process_session import HELD
from otel_sessions._session.user_ids import hashed
from otel_sessions.sdk import SessionSpanProcessor, instrument, uninstrument

SECONDS = 240
KEY = "key-of-sixteen-c"


class Application:
    """A pipeline with the plug-in, for spans and for logs."""

    def __init__(self, pipeline) -> None:
        self.pipeline, self.tracer = pipeline, pipeline.tracer
        self.logs = InMemoryLogRecordExporter()
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self.logs))

    def instrument(self, **settings) -> None:
        instrument(self.pipeline.provider, self.logger_provider, **settings)

    def uninstrument(self) -> None:
        uninstrument(self.pipeline.provider, self.logger_provider)

    def records(self):
        return [found.log_record for found in self.logs.get_finished_logs()]

    def span(self, at=None, **options):
        """Return the session and the user of a real span, that starts here or in the Context ``at``."""
        span = self.tracer.start_span("span", at, **options)
        span.end()
        return span.attributes.get("session.id"), span.attributes.get("user.id")


@pytest.fixture
def app(make_pipeline):
    app = Application(make_pipeline(SimpleSpanProcessor(InMemorySpanExporter())))  # no processor of ours yet
    yield app
    app.uninstrument()


@pytest.fixture(params=["nightly-7", None], ids=["session and user", "user alone"])
def job(request, app):
    """An application whose process has the user ``ada``, with a session (``job.session_id``) and without one."""
    app.session_id = request.param
    app.instrument(session_id=request.param, user_id="ada")
    return app


def received(header):
    return propagate.extract({"baggage": header}, context.Context())


# Whose it is


def test_what_has_no_session_has_it(job):
    own = (job.session_id, "ada")
    assert job.span() == own
    assert job.span(context.Context()) == own
    assert job.span(baggage.set_baggage("tenant", "acme", context.Context())) == own
    with job.tracer.start_as_current_span("root"):
        assert job.span() == own
    found = []
    thread = threading.Thread(target=lambda: found.append(job.span()))
    thread.start()
    thread.join()
    assert [*found, asyncio.run(in_a_task(job))] == [own, own]
    assert get_session() == Session(job.session_id, "ada")


async def in_a_task(job):
    return await asyncio.create_task(asyncio.to_thread(job.span))


def test_logs_headers_carriers_and_calls_have_it(app):
    app.instrument(user_id="ada", propagate_to="all")
    app.logger_provider.get_logger("app").emit(body="said")
    carrier = {}
    with app.tracer.start_as_current_span("call", kind=SpanKind.CLIENT):
        propagate.inject(carrier)
    assert [dict(record.attributes) for record in app.records()] == [{"user.id": "ada"}]
    assert carrier["baggage"] == to_carrier()["baggage"] == "user.id=ada"
    assert session_headers("helicone")["Helicone-User-Id"] == "ada"


def test_a_session_that_is_opened_here_has_it_unless_it_names_another(job):
    for number in (1, 2):  # the second time from what was made once
        with set_session("conv-42") as session:
            assert (job.span(), session.user_id) == (("conv-42", "ada"), "ada"), number
        with set_session("conv-42", user_id="bob"):
            assert job.span() == ("conv-42", "bob"), number
    with set_session(name="Trip planning") as new:
        assert job.span() == (new.id, "ada")
    with set_session("conv-42", user_id="bob"), set_session("conv-43"):
        assert job.span() == ("conv-43", "bob")
    assert job.span(set_session("conv-42").context) == ("conv-42", "ada")


def test_an_id_that_is_computed_and_one_of_a_given_context_have_it(job):
    @set_session(session_id=lambda number: f"conv-{number}")
    def decorated(_number):
        return job.span()

    assert decorated(42) == ("conv-42", "ada")
    with set_session(context.Context(), "conv-42"):
        assert job.span() == ("conv-42", "ada")


def test_a_user_that_cannot_be_used_is_none_inside_its_scope_and_not_that_of_the_process(job, warnings):
    with set_session("conv-42", user_id=""):
        assert job.span() == ("conv-42", None)
        with set_session("conv-43"):
            assert job.span() == ("conv-43", None)
    with update_session(user_id=""):
        assert job.span() == (job.session_id, None)
    assert len(warnings()) == 2


@pytest.mark.warned_of("left out")
def test_an_id_that_cannot_be_used_leaves_the_user(job):
    with set_session(""):
        assert job.span() == (None, "ada")


def test_more_fields_are_added_to_it_and_another_user_goes_before_it(job):
    with step("outline"), update_session(name="Trip") as session:
        assert (job.span(), session.user_id, session.path) == ((job.session_id, "ada"), "ada", "/outline")
        with update_session(user_id="bob"):
            assert job.span() == (job.session_id, "bob")
        with set_session("conv-42"):
            assert job.span() == ("conv-42", "ada")


def test_a_turn_has_it_and_all_inside(job):
    for is_new in (False, True):
        with turn("chat", new_trace=is_new, tracer=job.tracer):
            assert job.span() == (job.session_id, "ada")
    assert [dict(span.attributes).get("user.id") for span in job.pipeline.exporter.get_finished_spans()] == ["ada"] * 4


@pytest.mark.parametrize("is_before", [False, True])
def test_a_bind_has_it_unless_it_names_another(job, is_before):
    for given, expected in ((None, "ada"), ("bob", "bob")):
        with job.tracer.start_as_current_span("turn") as root:
            if is_before:
                with step("early"):  # entered before the bind, which goes before it
                    bind_session("conv-42", user_id=given)
                    assert job.span() == ("conv-42", expected)
            else:
                bind_session("conv-42", user_id=given)
            assert job.span() == ("conv-42", expected)
        assert (root.attributes["session.id"], root.attributes["user.id"]) == ("conv-42", expected)


def test_a_bind_without_an_id_binds_the_session_of_the_process_or_a_new_one_of_its_user(job):
    with job.tracer.start_as_current_span("turn"):
        bound = bind_session()
        assert job.span() == (bound.id, "ada")
    assert bound.id == (job.session_id or bound.id)


def test_what_openinference_opens_here_has_it_unless_it_names_another(job):
    with using_session("theirs"):
        assert job.span() == ("theirs", "ada")
    with using_session("theirs"), using_user("bob"):
        assert job.span() == ("theirs", "bob")
    with using_user("bob"):
        assert job.span() == (job.session_id, "bob")


def test_a_span_that_names_a_user_itself_keeps_that_one_and_so_do_its_children(job):
    with job.tracer.start_as_current_span("carols", attributes={"user.id": "carol"}) as parent:
        assert job.span() == (job.session_id, "carol")
    assert parent.attributes["user.id"] == "carol"


def test_a_child_that_has_lost_its_context_has_the_user_of_its_parent(job):
    with update_session(user_id="bob"):
        parent = job.tracer.start_span("parent")
    assert job.span(set_span_in_context(parent, context.Context())) == (job.session_id, "bob")


# Of callers it is not


CALLERS = ["session.id=callers", "session.id=callers,session.name=Trip"]


@pytest.mark.warned_of("nothing is bound")
@pytest.mark.parametrize("header", CALLERS)
def test_a_session_of_a_caller_that_names_no_user_has_none(job, header):
    request = received(header)
    assert job.span(request) == ("callers", None)
    with from_carrier({"baggage": header}):
        assert (job.span(), get_session().user_id) == (("callers", None), None)
        with step("work"), job.tracer.start_as_current_span("root") as root:
            assert job.span() == ("callers", None)
        assert bind_session().user_id is None
    assert job.span(set_span_in_context(root, context.Context())) == ("callers", None)
    token = context.attach(request)
    with set_session("callers"), update_session(name="Trip"):
        assert job.span() == ("callers", None)
    with job.tracer.start_as_current_span("root"):
        bind_session()
        assert job.span() == ("callers", None)
    with turn("chat", tracer=job.tracer):
        assert job.span() == ("callers", None)
    context.detach(token)


@pytest.mark.parametrize(("headers", "user"), [({}, None), ({"x-user": "eve"}, "eve")])
def test_a_session_of_the_headers_of_a_request_has_the_user_that_they_name(app, headers, user):
    app.instrument(session_id="nightly-7", user_id="ada", incoming_headers="session.id=x-session,user.id=x-user")
    request = propagate.extract({"x-session": "callers", **headers}, context.Context())
    assert app.span(request) == ("callers", user)


@pytest.mark.parametrize("header", ["session.id=callers", "session.id=callers,user.id=eve", "user.id=eve"])
def test_a_turn_that_is_not_recorded_leaves_a_caller_what_is_the_callers(app, header):
    app.instrument(user_id="ada", propagate_to="all")
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("app")
    token = context.attach(received(header))
    with tracer.start_as_current_span("server"), turn("chat", tracer=tracer):
        sent = {}
        propagate.inject(sent)
        app.logger_provider.get_logger("app").emit(body="said")
        assert sent["baggage"] == to_carrier()["baggage"] == header
    context.detach(token)
    assert ",".join(f"{key}={value}" for key, value in sorted(app.records()[0].attributes.items())) == header


def test_a_turn_that_is_not_recorded_leaves_what_openinference_has_set(app):
    app.instrument(session_id="nightly-7", user_id="ada")
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("app")
    with using_session("theirs"), using_user("gina"), turn("chat", tracer=tracer):
        assert get_session() == Session("theirs", "gina")
        with set_session("conv-42", user_id="bob"):
            assert get_session() == Session("conv-42", "bob")


@pytest.mark.parametrize("header", CALLERS)
@pytest.mark.parametrize("scope", [step("work"), update_session(name="Batch")], ids=["step", "update"])
def test_what_a_caller_sends_into_a_step_of_this_process_has_no_user_of_it(app, header, scope):
    app.instrument(user_id="ada", propagate_to="all")
    with scope:
        request = propagate.extract({"baggage": header}, context.get_current())
        assert (app.span(request), get_session(request).user_id) == (("callers", None), None)
        sent, token = {}, context.attach(request)
        propagate.inject(sent)
        assert "ada" not in sent["baggage"] + to_carrier()["baggage"]
        context.detach(token)
        assert baggage.get_baggage("user.id", request) is None
        assert (app.span(), to_carrier()["baggage"].split(",")[0]) == ((None, "ada"), "user.id=ada")
        with set_session("conv-42"):
            assert baggage.get_baggage("user.id") == "ada"


def test_a_message_without_a_session_puts_the_user_of_the_process_into_no_baggage(app):
    app.instrument(user_id="ada")
    with from_carrier({}):
        assert (app.span(), to_carrier(), baggage.get_all()) == ((None, "ada"), {"baggage": "user.id=ada"}, {})


def test_below_the_span_of_a_caller_a_step_of_this_process_brings_no_user(app):
    app.instrument(user_id="ada")
    root = app.tracer.start_span("root", received("session.id=callers"))
    with step("work"), trace.use_span(root):
        assert app.span() == ("callers", None)


def test_below_the_span_of_another_user_a_step_of_this_process_leaves_that_user(app):
    app.instrument(user_id="ada")
    with set_session("conv-42", user_id="bob"):
        root = app.tracer.start_span("root")
    with step("work"), trace.use_span(root):
        assert app.span() == ("conv-42", "bob")
        with update_session(user_id="carol"):
            assert app.span() == ("conv-42", "carol")


def test_a_session_of_a_caller_has_its_own_user(job):
    assert job.span(received("session.id=callers,user.id=eve")) == ("callers", "eve")
    assert job.span(received("user.id=eve")) == (job.session_id, "eve")


def test_a_session_that_is_opened_here_for_a_caller_has_it(job):
    for header in (*CALLERS, "session.id=callers,user.id=eve"):
        with from_carrier({"baggage": header}), set_session("conv-42"):
            assert job.span() == ("conv-42", "ada")
        token = context.attach(received(header))
        with job.tracer.start_as_current_span("root"):
            bind_session("conv-42")
            assert job.span() == ("conv-42", "ada")
        context.detach(token)


def test_where_a_lost_parent_names_another_user_another_session_has_none(job):
    with set_session("conv-42", user_id="bob"):
        parent = job.tracer.start_span("parent")
    token = context.attach(set_span_in_context(parent, context.Context()))
    with set_session("conv-43"):
        assert job.span() == ("conv-43", None)
    context.detach(token)


def test_langfuse_baggage_of_a_caller_has_none(job):
    assert job.span(received("langfuse_session_id=theirs")) == ("theirs", None)


def test_a_carrier_without_a_session_leaves_it_and_nothing_of_what_is_around(job):
    with set_session("around", user_id="bob"), job.tracer.start_as_current_span("around"), from_carrier({}) as session:
        assert (job.span(), session) == ((job.session_id, "ada"), Session(job.session_id, "ada"))
        with set_session("conv-42"):
            assert job.span() == ("conv-42", "ada")
    with from_carrier({"baggage": "user.id=eve"}):
        assert job.span() == (None, "eve")


def test_a_caller_that_is_not_trusted_leaves_it(job):
    job.instrument(session_id=job.session_id, user_id="ada", trust_incoming=False)
    with from_carrier({"baggage": "session.id=callers,user.id=eve"}):
        assert job.span() == (job.session_id, "ada")
    assert job.span(W3CBaggagePropagator().extract({"baggage": "session.id=callers"}, context.Context())) == (
        job.session_id,
        "ada",
    )


@pytest.mark.parametrize("around", [clear_session, update_session, lambda: set_session("around")])
def test_a_session_that_is_judged_by_its_id_has_none(job, around):
    with set_session("conv-42", user_id="bob"), turn("chat", tracer=job.tracer) as chat:
        handle = chat.handle
    with around():
        for judged in ("conv-42", Session("conv-42")):
            check("good", passed=True, session=judged)
            log("said", session=judged)
        check("good", passed=True, session=handle)
    ids = [(record.attributes["session.id"], record.attributes.get("user.id")) for record in job.records()]
    assert ids == [("conv-42", None)] * 4 + [("conv-42", "bob")]


def test_a_judgement_of_the_session_at_hand_has_its_user(job):
    with set_session("conv-42"):
        check("good", passed=True, session="conv-42")
        check("good", passed=True)
    with set_session("conv-42", user_id="bob"):
        check("good", passed=True, session="conv-43")
    assert [record.attributes.get("user.id") for record in job.records()] == ["ada", "ada", "bob"]


def test_what_is_bound_late_to_the_session_of_a_caller_has_it_under_no_name(app):
    app.instrument(user_id="ada", dialects="posthog")
    with step("work"), app.tracer.start_as_current_span("root") as root:
        assert "ada" in {value for key, value in root.attributes.items() if key != "user.id"}
        with from_carrier({"baggage": "session.id=callers"}):
            bind_session()
    assert root.attributes["session.path"] == "/work"
    assert (root.attributes["session.id"], "ada" in root.attributes.values()) == ("callers", False)


# Cleared


def test_inside_a_cleared_session_there_is_none(job):
    with clear_session():
        with job.tracer.start_as_current_span("cleared") as cleared:
            assert job.span() == (None, None)
            with step("work"), turn("chat", tracer=job.tracer):
                assert job.span() == (None, None)
        with set_session("conv-42"):
            assert job.span() == ("conv-42", None)
        assert (get_session(), to_carrier()) == (None, {})
    lost = set_span_in_context(cleared, context.Context())
    assert job.span(lost) == (None, None)
    with using_session("theirs"):
        lost = set_span_in_context(cleared)
    assert job.span(lost) == ("theirs", None)


def test_a_step_of_this_process_brings_no_user_below_what_was_cleared(app):
    app.instrument(user_id="ada")
    with clear_session():
        cleared = app.tracer.start_span("cleared")
    with step("work"), trace.use_span(cleared):
        assert app.span() == (None, None)
    with trace.use_span(cleared), turn("chat", tracer=app.tracer):
        assert app.span() == (None, None)


# How it appears


@pytest.mark.parametrize(("mode", "shown"), [("hash", hashed("ada", KEY)), ("drop", None)])
def test_it_appears_as_any_user(job, mode, shown):
    job.instrument(session_id=job.session_id, user_id="ada", user_privacy=mode, user_hash_key=KEY)
    with job.tracer.start_as_current_span("root"):
        assert job.span() == (job.session_id, shown)
        with set_session("conv-42"):
            assert (job.span(), get_session().user_id) == (("conv-42", shown), "ada")
    with set_session("conv-42"):
        assert job.span() == ("conv-42", shown)
    with step("work"), job.tracer.start_as_current_span("root"):
        assert (job.span(), get_session().user_id) == ((job.session_id, shown), "ada")
    assert get_session().user_id == "ada"
    assert "=ada" not in to_carrier().get("baggage", "")


# When it begins and ends


def test_the_environment_may_say_so(app, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_ID", "nightly-7")
    monkeypatch.setenv("OTEL_SESSION_USER_ID", "ada")
    app.instrument()
    assert app.span() == ("nightly-7", "ada")
    app.instrument(user_id="bob")
    assert app.span() == ("nightly-7", "bob")


@pytest.mark.parametrize("session_id", ["nightly-7", "hash", None])
def test_the_environment_holds_for_a_processor_that_is_added_by_hand(make_pipeline, monkeypatch, session_id):
    monkeypatch.setenv("OTEL_SESSION_USER_ID", "ada")
    if session_id is not None:
        monkeypatch.setenv("OTEL_SESSION_ID", session_id)
    early = set_session("conv-42")
    with early, set_session("conv-43"):
        assert get_session() == Session("conv-43")  # nobody has asked for anything yet
    app = Application(make_pipeline(SessionSpanProcessor()))
    assert app.span() == (session_id, "ada")
    for scope, name in ((early, "conv-42"), (set_session("conv-43"), "conv-43")):
        with scope:
            assert app.span() == (name, "ada")


def test_scopes_that_were_made_before_it_began_have_it_and_those_that_were_entered_keep_what_they_have(app):
    scope = set_session("conv-42")
    with scope, app.tracer.start_as_current_span("before"):
        app.instrument(user_id="ada")
        assert app.span() == ("conv-42", None)
    with scope:
        assert app.span() == ("conv-42", "ada")


def test_asked_for_again_an_id_that_was_made_stays_with_another_user(app):
    app.instrument(session_id="auto", user_id="ada")
    first = get_session()
    app.instrument(session_id="auto", user_id="bob")
    assert get_session() == Session(first.id, "bob")
    app.instrument(user_id="bob")
    assert get_session() == Session(None, "bob")
    app.instrument(session_id="auto")
    assert get_session() not in {first, Session(first.id)}


def test_the_event_of_an_id_that_was_made_tells_the_user(app):
    app.instrument(session_id="auto", user_id="ada", events=True)
    told = [(record.event_name, dict(record.attributes)) for record in app.records()]
    assert told == [("session.start", {"session.id": get_session().id, "user.id": "ada"})]
    app.instrument(user_id="bob", events=True)
    assert len(app.records()) == 1


def test_uninstrument_ends_it(job):
    job.uninstrument()
    assert (get_session(), HELD.state, job.span()) == (None, None, (None, None))
    with set_session("conv-42"):
        assert get_session() == Session("conv-42")


def test_a_call_that_does_not_ask_for_it_ends_it(job):
    job.instrument()
    assert job.span() == (None, None)


def test_where_the_plug_in_is_off_there_is_none(job):
    job.instrument(session_id=job.session_id, user_id="ada", disabled=True)
    assert (job.span(), get_session()) == ((None, None), None)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_keeps_it(job):
    receiving, sending = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=lambda: sending.send((get_session(), job.span())))
    child.start()
    assert receiving.poll(SECONDS)
    assert receiving.recv() == (Session(job.session_id, "ada"), (job.session_id, "ada"))
    child.join()
