"""A bind ends with its trace: who is below a span that has ended, in a worker that was started inside a request."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import queue
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import context
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from otel_sessions import (
    Session,
    bind_session,
    clear_session,
    get_session,
    log,
    set_session,
    to_carrier,
    turn,
)
from otel_sessions._context import lives, local_trace
from otel_sessions._context.process_session import HELD
from otel_sessions.sdk import instrument, uninstrument

NOBODY = (None, None)
ADA = ("conv-ada", "ada")
MINUTE = 60.0


@pytest.fixture
def wait(monkeypatch):
    """Yield what lets time pass, in seconds."""
    now = [1000.0]
    for module in (lives, local_trace):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])

    def passed(seconds):
        now[0] += seconds

    return passed


@pytest.fixture
def start(pipeline):
    """Return what starts a span, below that which is given."""

    def started(name, below=None):
        return pipeline.tracer.start_span(name, within(below))

    return started


def within(span):
    """Return a Context in which ``span`` is current, and nothing else there."""
    return context.Context() if span is None else set_span_in_context(span, context.Context())


def below(span, work, *args, **kwargs):
    """Call ``work`` where ``span`` is the current one."""
    token = context.attach(within(span))
    try:
        return work(*args, **kwargs)
    finally:
        context.detach(token)


def session_below(span):
    session = below(span, get_session)
    return None if session is None else session.id


def on(span):
    return span.attributes.get("session.id"), span.attributes.get("user.id")


def ids(pipeline):
    return {name: on(span) for name, span in pipeline.spans().items()}


# A worker that was started inside a request


def job_of_ada():
    return bind_session("conv-ada", user_id="ada")


class Workers:
    """Ways to start a worker that goes on when the request is over, and takes the Context of the request along."""

    @staticmethod
    def thread(work):
        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
        thread.start()
        return thread.join

    @staticmethod
    def instrumented_thread(work):
        ThreadingInstrumentor().instrument()
        try:
            thread = threading.Thread(target=work)
            thread.start()
        finally:
            ThreadingInstrumentor().uninstrument()
        return thread.join

    @staticmethod
    def executor(work):
        pool = ThreadPoolExecutor(1)
        here = contextvars.copy_context()
        pool.submit(here.run, work)
        return pool.shutdown


@pytest.fixture(params=["thread", "instrumented_thread", "executor"])
def worker(request, pipeline):
    """Return what runs jobs one after the other in a worker that a request has started and has left behind."""
    jobs, done = queue.Queue(), queue.Queue()

    def work():
        while (job := jobs.get()) is not None:
            done.put(job())

    with pipeline.tracer.start_as_current_span("GET /first"):
        join = getattr(Workers, request.param)(work)

    def run(job):
        jobs.put(job)
        return done.get(timeout=30)

    yield run
    jobs.put(None)
    join()


def test_what_one_job_binds_is_not_there_for_the_next(worker, pipeline, warnings):
    assert worker(job_of_ada) == Session("conv-ada", "ada")
    worker(lambda: pipeline.tracer.start_span("job of bob").end())
    assert worker(get_session) is None
    assert worker(to_carrier).keys() == {"traceparent"}
    assert ids(pipeline) == {"GET /first": NOBODY, "job of bob": NOBODY}
    assert len(warnings()) == 1
    assert "has ended" in warnings()[0]
    assert "set_session()" in warnings()[0]


@pytest.mark.warned_of("nothing is bound")
def test_a_later_job_names_its_session_and_has_nothing_of_the_one_before(worker, pipeline):
    worker(job_of_ada)

    def job_of_bob():
        with set_session("conv-bob"):
            pipeline.tracer.start_span("job of bob").end()
            return get_session(), to_carrier()["baggage"]

    assert worker(job_of_bob) == (Session("conv-bob"), "session.id=conv-bob")
    assert ids(pipeline)["job of bob"] == ("conv-bob", None)


@pytest.mark.warned_of("nothing is bound")
def test_a_turn_of_a_later_job_has_nothing_of_the_one_before(worker, pipeline):
    def work():
        with turn("turn of bob", tracer=pipeline.tracer):
            pipeline.tracer.start_span("model").end()

    worker(job_of_ada)
    worker(work)
    assert ids(pipeline) == {"GET /first": NOBODY, "turn of bob": NOBODY, "model": NOBODY}


def test_a_job_with_a_span_of_its_own_is_bound_and_no_other(worker, pipeline):
    def job(name, session_id):
        with pipeline.tracer.start_as_current_span(f"job {name}"):
            if session_id is not None:
                bind_session(session_id, user_id=name)
            pipeline.tracer.start_span(f"model {name}").end()
            return get_session()

    found = [
        worker(lambda name=name, sid=sid: job(name, sid)) for name, sid in (("ada", "a"), ("bob", None), ("eve", "e"))
    ]
    assert found == [Session("a", "ada"), None, Session("e", "eve")]
    assert worker(get_session) is None
    jobs = {name: session for name, session in ids(pipeline).items() if name != "GET /first"}
    assert jobs == {
        **dict.fromkeys(["job ada", "model ada"], ("a", "ada")),
        **dict.fromkeys(["job bob", "model bob"], NOBODY),
        **dict.fromkeys(["job eve", "model eve"], ("e", "eve")),
    }


def test_a_bind_without_an_id_returns_a_new_session_that_is_nowhere(worker, warnings):
    first, second = worker(bind_session), worker(bind_session)
    assert first.id != second.id
    assert worker(get_session) is None
    assert len(warnings()) == 1  # of one place in a program


@pytest.mark.warned_of("nothing is bound")
def test_in_a_task_it_is_the_same(pipeline):
    async def work(jobs, done):
        while (job := await jobs.get()) is not None:
            done.append(job())

    async def main():
        jobs, done = asyncio.Queue(), []
        with pipeline.tracer.start_as_current_span("GET /first"):
            task = asyncio.create_task(work(jobs, done))
            await asyncio.sleep(0)
        for job in (job_of_ada, get_session, lambda: pipeline.tracer.start_span("job of bob").end(), None):
            await jobs.put(job)
        await task
        return done

    assert asyncio.run(main()) == [Session("conv-ada", "ada"), None, None]
    assert ids(pipeline) == {"GET /first": NOBODY, "job of bob": NOBODY}


def test_what_two_users_do_at_a_time_below_one_ended_span_stays_apart(pipeline):
    """As the events of all users of Gradio, which are below the request that has started its queue."""
    with pipeline.tracer.start_as_current_span("GET /startup-events"):
        queue_context = contextvars.copy_context()

    async def event(user, bound):
        with pipeline.tracer.start_as_current_span(f"event {user}"):
            if user == "ada":
                bind_session("conv-ada", user_id="ada")
                bound.set()
            else:
                await bound.wait()
                with set_session("conv-bob"):
                    pipeline.tracer.start_span("model bob").end()
            await asyncio.sleep(0)
            pipeline.tracer.start_span(f"tool {user}").end()

    async def main():
        bound = asyncio.Event()
        await asyncio.gather(event("bob", bound), event("ada", bound))

    queue_context.run(asyncio.run, main())
    assert ids(pipeline) == {
        "GET /startup-events": NOBODY,
        **dict.fromkeys(["event ada", "tool ada"], ADA),
        **dict.fromkeys(["event bob", "tool bob"], NOBODY),
        "model bob": ("conv-bob", None),
    }


@pytest.mark.warned_of("nothing is bound")
def test_logs_below_a_span_that_has_ended_have_no_session(start):
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

    exporter, provider = InMemoryLogRecordExporter(), LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    instrument(logger_provider=provider, tracer_provider=TracerProvider(shutdown_on_exit=False))
    try:
        root = start("root")
        root.end()
        below(root, job_of_ada)
        below(root, log, "bob")
    finally:
        uninstrument()
    (record,) = exporter.get_finished_logs()
    assert "session.id" not in (record.log_record.attributes or {})


# What is bound, and how long it holds


def test_a_background_task_of_a_bound_request_keeps_it_for_five_minutes(start, wait):
    request = start("request")
    below(request, job_of_ada)
    request.end()
    wait(5 * MINUTE - 1)
    in_time = start("in time", request)
    assert session_below(request) == "conv-ada"
    wait(2)
    late = start("late", request)
    assert session_below(request) is None
    assert (on(in_time), on(late)) == (ADA, NOBODY)


def test_a_worker_that_is_started_in_a_bound_request_has_nothing_of_it_in_clear_session(pipeline):
    def job_of_bob():
        with set_session("conv-bob"):
            pipeline.tracer.start_span("job of bob").end()

    with pipeline.tracer.start_as_current_span("request"):
        job_of_ada()
        with clear_session():
            work = contextvars.copy_context()
    assert work.run(get_session) is None
    work.run(job_of_bob)
    assert ids(pipeline) == {"request": ADA, "job of bob": ("conv-bob", None)}


def test_five_minutes_are_counted_from_the_end_of_the_last_span(start, wait):
    request = start("request")
    tool = start("tool", request)
    below(request, job_of_ada)
    request.end()
    wait(60 * MINUTE)
    assert session_below(request) == session_below(tool) == "conv-ada"
    tool.end()
    wait(4 * MINUTE)
    assert on(start("background", request)) == ADA
    wait(MINUTE)
    assert session_below(request) is None


def test_a_background_span_keeps_it_while_it_is_open_and_five_minutes_more(start, wait):
    request = start("request")
    below(request, job_of_ada)
    request.end()
    wait(4 * MINUTE)
    background = start("background", request)
    wait(60 * MINUTE)
    child = start("child", background)
    assert on(child) == ADA
    assert session_below(request) is None
    child.end()
    background.end()
    wait(4 * MINUTE)
    assert on(start("in time", background)) == ADA
    wait(MINUTE)
    assert on(start("too late", background)) == NOBODY


def test_while_a_span_above_is_open_it_does_not_matter_when_it_was_bound(start, wait):
    request = start("request")
    tool = start("tool", request)
    tool.end()
    wait(60 * MINUTE)
    below(request, job_of_ada)
    late = start("late", tool)
    assert on(late) == ADA
    below(late, bind_session, "conv-bob")
    assert [on(span)[0] for span in (request, late)] == ["conv-bob"] * 2


def test_once_a_trace_is_over_it_is_not_found_below_a_span_that_had_ended_before_the_bind(start):
    request = start("request")
    before = start("before", request)
    before.end()
    below(request, job_of_ada)
    after = start("after", request)
    after.end()
    request.end()
    assert [session_below(span) for span in (before, after, request)] == [None, "conv-ada", "conv-ada"]
    assert [on(start("job", span)) for span in (before, after)] == [NOBODY, ADA]


def test_what_a_span_was_bound_to_once_is_not_taken_from_it_when_that_is_over(start, wait):
    """Nor from its attributes, which say it for ever: a span that is bound again, or for longer than it holds."""
    request = start("request")
    first = start("first", request)
    below(request, bind_session, "a", user_id="ada")
    first.end()
    below(request, bind_session, "b", user_id="bob")
    request.end()
    assert on(first) == ("a", "ada")
    assert on(start("job", first)) == NOBODY
    wait(6 * MINUTE)
    assert on(start("job", request)) == NOBODY


def test_a_session_of_its_own_is_handed_on_from_a_span_whose_trace_was_bound_later(start):
    request = start("request")
    before = start("before", request)
    before.set_attribute("session.id", "of its own")
    before.end()
    below(request, bind_session, "bound")
    request.end()
    assert on(start("callback", before))[0] == "of its own"


@pytest.mark.warned_of("left out")
def test_nor_is_its_user_by_the_session_of_the_process(pipeline, wait):
    provider = pipeline.provider
    instrument(tracer_provider=provider, session_id="process", user_id="root")
    try:
        request = pipeline.tracer.start_span("request")
        below(request, bind_session, "", user_id="ada")
        assert request.attributes["user.id"] == "ada"
        request.end()
        wait(6 * MINUTE)
        assert on(pipeline.tracer.start_span("job", within(request))) == ("process", "root")
    finally:
        uninstrument()


# What binds one of those that are left of a trace


def test_a_bind_in_one_job_that_has_outlived_the_request_leaves_the_others_alone(start):
    request = start("request")
    ours, others = start("job of ada", request), start("job of bob", request)
    model, tool = start("model", ours), start("tool of bob", others)
    request.end()
    below(model, job_of_ada)
    assert [on(span) for span in (ours, model, start("later", ours), start("later", model))] == [ADA] * 4
    assert [on(span) for span in (others, tool, start("later", others), start("later", request))] == [NOBODY] * 4
    assert on(request) == NOBODY
    below(tool, bind_session, "conv-bob")
    assert [on(span)[0] for span in (ours, model, others, tool)] == ["conv-ada", "conv-ada", "conv-bob", "conv-bob"]


def test_what_the_request_was_bound_to_stays_for_the_others(start):
    request = start("request")
    below(request, bind_session, "before")
    ours, others = start("job of ada", request), start("job of bob", request)
    request.end()
    below(ours, job_of_ada)
    assert [on(span)[0] for span in (ours, others, start("later", others), start("background", request))] == [
        "conv-ada",
        "before",
        "before",
        "before",
    ]


def test_when_the_last_has_gone_on_by_itself_the_trace_before_is_over(start, wait):
    request = start("request")
    below(request, bind_session, "before")
    ours = start("job of ada", request)
    request.end()
    wait(60 * MINUTE)
    below(ours, job_of_ada)
    wait(4 * MINUTE)
    assert session_below(request) == "before"
    wait(MINUTE)
    assert session_below(request) is None
    assert session_below(ours) == "conv-ada"


def test_a_span_in_between_may_have_ended(start):
    request = start("request")
    ours, others = start("job of ada", request), start("job of bob", request)
    between = start("between", ours)
    model = start("model", between)
    between.end()
    started_later = start("started later", between)
    request.end()
    below(model, job_of_ada)
    assert [on(span) for span in (ours, model, started_later, start("later", between))] == [ADA] * 4
    assert [on(span) for span in (others, start("later", others))] == [NOBODY] * 2
    for span in (model, started_later, ours):
        span.end()
    assert session_below(ours) == "conv-ada"
    assert session_below(between) is None  # it had ended before the bind


def test_what_is_left_below_a_span_that_has_ended_goes_on_each_for_itself(start):
    request = start("request")
    between = start("between", request)
    ours, others = start("job of ada", between), start("job of bob", between)
    between.end()
    request.end()
    below(ours, job_of_ada)
    assert (on(ours), on(others)) == (ADA, NOBODY)


def test_a_span_that_has_joined_while_the_trace_was_split_follows(start, monkeypatch):
    request = start("request")
    ours = start("job of ada", request)
    start("sibling", request)
    request.end()

    class Overtaken:
        @property
        def is_idle(self):
            monkeypatch.setattr("otel_sessions._pipeline.span_processor.HELD", HELD)
            below(ours, job_of_ada)
            return HELD.is_idle

    monkeypatch.setattr("otel_sessions._pipeline.span_processor.HELD", Overtaken())
    late = start("late", ours)
    assert on(late) == ADA
    below(late, bind_session, "next")
    assert (on(late)[0], on(ours)[0]) == ("next", "next")


def test_a_span_that_has_joined_those_who_stay_stays(start):
    request = start("request")
    ours, others = start("job of ada", request), start("job of bob", request)
    request.end()
    below(ours, job_of_ada)
    late = start("late", others)
    below(others, bind_session, "conv-bob")
    assert on(late)[0] == "conv-bob"


def test_a_span_that_another_thread_ends_while_the_trace_is_split_is_not_kept_as_open(start, monkeypatch):
    request = start("request")
    ours = start("job of ada", request)
    model = start("model", ours)
    request.end()
    place, first = local_trace.note_of(model), lives.first

    def overtaken(asked):
        if asked is place:
            monkeypatch.setattr(lives, "first", first)
            # The other thread has read the record that the span was in, and is about to take it from that.
            place.life = local_trace.CLOCK.binds
        return first(asked)

    monkeypatch.setattr(lives, "first", overtaken)
    below(ours, job_of_ada)
    assert place.trace is local_trace.note_of(ours).trace
    assert model not in place.trace.open


def test_one_that_has_ended_before_it_could_be_moved_is_passed_over(start, monkeypatch):
    request = start("request")
    ours = start("job of ada", request)
    model = start("model", ours)
    request.end()
    first = lives.first

    def overtaken(place):
        if place is local_trace.note_of(model):
            monkeypatch.setattr(lives, "first", first)
            model.end()
        return first(place)

    monkeypatch.setattr(lives, "first", overtaken)
    below(ours, job_of_ada)
    assert (on(ours), on(model)) == (ADA, NOBODY)
    assert model not in local_trace.note_of(ours).trace.open


def test_binds_of_jobs_while_others_start_and_end_theirs_stay_apart(start):
    def job(parent, number):
        for step in range(50):
            span = start("job", parent)
            below(span, bind_session, f"{number}-{step}")
            child = start("child", span)
            found.append((f"{number}-{step}", on(span)[0], on(child)[0]))
            span.end()
            child.end()

    found = []
    for _ in range(5):
        request = start("request")
        jobs = [start("outlives the request", request) for _ in range(4)]
        request.end()
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(job, parent, number) for number, parent in enumerate(jobs)]:
                done.result()
    # Each bind is about the whole of what its thread has: its own open job.
    assert [row for row in found if len(set(row)) > 1] == []


# Where ends are not seen


def test_where_nothing_is_recorded_a_bind_holds_for_five_minutes(make_pipeline, wait):
    tracer = make_pipeline(sampler=ALWAYS_OFF).tracer
    server = tracer.start_span("server")
    below(server, job_of_ada)
    child = tracer.start_span("child", within(server))
    wait(4 * MINUTE)
    assert session_below(server) == session_below(child) == "conv-ada"
    below(server, bind_session, "again")
    wait(4 * MINUTE)
    assert session_below(server) == session_below(child) == "again"
    wait(MINUTE)
    assert session_below(server) is session_below(child) is None


def test_where_nothing_is_recorded_one_call_of_a_trace_binds_when_what_another_has_bound_is_over(make_pipeline, wait):
    tracer = make_pipeline(sampler=ALWAYS_OFF).tracer
    remote = NonRecordingSpan(SpanContext(7, 2, is_remote=True))
    calls = [tracer.start_span("call", within(remote)) for _ in range(2)]
    below(calls[0], bind_session, "first")
    wait(5 * MINUTE)
    below(calls[1], bind_session, "second")
    child = tracer.start_span("child", within(calls[1]))
    assert session_below(child) == "second"


def test_a_span_below_one_that_is_not_recorded_has_what_that_is_bound_to(make_pipeline, wait):
    dropped = make_pipeline(sampler=ALWAYS_OFF).tracer.start_span("dropped")
    below(dropped, job_of_ada)
    tracer = make_pipeline(sampler=ALWAYS_ON).tracer
    recorded = tracer.start_span("recorded", within(dropped))
    wait(5 * MINUTE)
    assert (on(recorded), on(tracer.start_span("late", within(dropped)))) == (ADA, NOBODY)
    assert session_below(recorded) == "conv-ada"


@pytest.mark.warned_of("nothing is bound", "propagators")
def test_without_the_processor_a_bind_holds_while_the_span_is_open_and_for_five_minutes_of_the_bind(wait):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    root = tracer.start_span("root")
    below(root, job_of_ada)
    wait(60 * MINUTE)
    assert session_below(root) == "conv-ada"
    root.end()
    assert session_below(root) is None
    assert below(root, bind_session, "late") == Session("late")
    assert session_below(root) is None


def test_what_is_below_a_span_without_the_processor_is_in_its_life_as_long_as_that_is_open(start):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    root = tracer.start_span("root")
    child, sibling = start("child", root), start("sibling", root)
    below(child, job_of_ada)
    assert (on(child), on(sibling), session_below(root)) == (ADA, ADA, "conv-ada")
    root.end()
    below(child, bind_session, "next")
    assert (on(child)[0], on(sibling)) == ("next", ADA)
    assert on(start("later", root)) == ADA


def test_below_a_span_that_was_over_before_anybody_looked_one_is_alone(start):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    root = tracer.start_span("root")
    root.end()
    job = start("job", root)
    below(job, job_of_ada)
    assert (on(job), on(start("next job", root))) == (ADA, NOBODY)


def test_a_span_without_the_processor_that_nobody_holds_is_over(start):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    root = tracer.start_span("root")
    ours, others = start("job of ada", root), start("job of bob", root)
    del root
    gc.collect()
    below(ours, job_of_ada)
    assert (on(ours), on(others)) == (ADA, NOBODY)


def test_a_span_that_ends_while_its_record_begins_is_not_kept_as_open(start, monkeypatch):
    root = start("root")

    class Overtaken(dict):
        def setdefault(self, key, value):
            root.end()
            return super().setdefault(key, value)

    monkeypatch.setattr(local_trace, "_beginning", Overtaken())
    child = start("child", root)
    assert list(local_trace.note_of(root).trace.open) == [child]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_two_children_that_start_at_once_begin_one_record(start, monkeypatch, moment):
    root, children = start("root"), []

    class Crossed(dict):
        """Has another thread start a child just before a record is put here, or just after."""

        def setdefault(self, key, value):
            if moment == "after":
                value = super().setdefault(key, value)
            if not children:
                children.append(None)
                children[0] = start("other child", root)
            return value if moment == "after" else super().setdefault(key, value)

    monkeypatch.setattr(local_trace, "_beginning", beginning := Crossed())
    children.append(start("child", root))
    assert set(local_trace.note_of(root).trace.open) == {root, *children}
    assert {local_trace.note_of(each).trace for each in children} == {local_trace.note_of(root).trace}
    assert not beginning


# Forks


def test_in_a_fork_what_is_bound_holds_for_five_minutes(start, wait):
    request, ended = start("request"), start("ended")
    for span in (request, ended):
        below(span, job_of_ada)
    ended.end()
    wait(4 * MINUTE)
    local_trace.CLOCK._fork()  # as it is called in a fork
    wait(2 * MINUTE)
    assert (session_below(request), session_below(ended)) == ("conv-ada", None)
    job = start("job", request)
    wait(3 * MINUTE)
    assert session_below(request) is None
    assert on(start("child", job)) == ADA


def test_a_worker_that_is_forked_inside_a_request_binds_nothing_below_a_span_of_its_parent(start, warnings):
    request, alone = start("request"), start("alone")
    start("child", request)
    local_trace.CLOCK._fork()  # as it is called in a fork
    for span in (request, alone):
        below(span, job_of_ada)
        assert session_below(span) is None
        assert on(start("job of bob", span)) == NOBODY
    assert len(warnings()) == 1
    assert "of another process" in warnings()[0]


# What is kept


def notes():
    gc.collect()
    kinds = {local_trace.Note, local_trace.LocalTrace}
    return len([thing for thing in gc.get_objects() if type(thing) in kinds])


def hop_to_ended(start, span):
    span.end()
    return start("hop", span)


def hop_to_open(start, span):
    after = start("hop", span)
    span.end()
    return after


@pytest.mark.parametrize("root_is_open", [True, False], ids=["below-an-open-root", "alone"])
@pytest.mark.parametrize("hop", [hop_to_ended, hop_to_open], ids=["to-ended", "to-open"])
def test_a_chain_of_tasks_that_spawn_tasks_keeps_nothing(pipeline, start, hop, root_is_open):
    root = start("root") if root_is_open else None
    span, before = start("first", root), notes()
    for _ in range(50):
        span = hop(start, span)
        below(span, job_of_ada)
    pipeline.exporter.clear()
    assert notes() <= before + 4


def test_a_chain_of_spans_that_are_never_ended_is_kept_up_to_a_limit(start, monkeypatch):
    monkeypatch.setattr(lives, "MAX_OPEN", 10)
    root = start("root")
    span = root
    for _ in range(50):
        span = start("hop", span)
    assert notes() < 20
    below(span, job_of_ada)
    assert on(span) == on(root) == ADA


def test_so_is_one_of_spans_without_a_session_on_purpose(pipeline, start, monkeypatch):
    monkeypatch.setattr(lives, "MAX_OPEN", 10)
    span = root = start("root")
    token = context.attach(clear_session().context)
    for _ in range(50):
        span = pipeline.tracer.start_span("hop", set_span_in_context(span))
    context.detach(token)
    assert notes() < 20
    assert on(root) == on(span) == NOBODY


def test_of_a_span_without_a_session_on_purpose_others_are_below(pipeline, start):
    request = start("request")
    other = start("other", request)
    token = context.attach(clear_session(within(request)).context)
    withdrawn = pipeline.tracer.start_span("withdrawn")
    context.detach(token)
    request.end()
    below(withdrawn, job_of_ada)
    assert [on(span) for span in (withdrawn, other, start("job", withdrawn))] == [NOBODY, NOBODY, ADA]


def test_the_attributes_of_a_parent_that_has_ended_are_not_kept_for_its_child(pipeline, start):
    with set_session("conv", user_id="ada"):
        root = pipeline.tracer.start_span("root")
    child = start("child", root)
    store = weakref.ref(root._attributes)
    root.end()
    pipeline.exporter.clear()
    del root
    gc.collect()
    assert store() is None
    assert child.is_recording()
