"""A session and its trace in other processes, workers and tools: real ones, that take a carrier up."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import queue
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_sessions import _diagnostics, bind_session, clear_session, from_carrier, get_session, set_session, to_carrier
from otel_sessions._context import local_trace
from otel_sessions._context.scope import _pinning
from otel_sessions.sdk import SessionSpanProcessor
from wire import spans_of

OURS = {"session.id": "ours", "user.id": "ada"}
NEXT = {"session.id": "next", "user.id": "bob"}
SECONDS = 120
PROGRAMS = Path(__file__).parents[1] / "programs"
# Python 3.14 starts processes from a server that is forked early; before that they were forked, or spawned.
STARTED_ANEW = [name for name in multiprocessing.get_all_start_methods() if name != "fork"]


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert get_session() is None


def trace_id_of(span):
    return f"{span.get_span_context().trace_id:032x}"


def sent(receiver):
    """Return the spans that ``receiver`` was sent, by name."""
    return {span.name: span for span in spans_of(receiver)}


# A program


def run_program(receiver, environ, *names):
    command = [sys.executable, str(PROGRAMS / "child.py"), *names]
    environ = {**environ, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": receiver.endpoint}
    subprocess.run(command, env=environ, check=True, timeout=SECONDS)


@pytest.mark.warned_of("digest")
def test_a_program_goes_on_with_the_session_and_the_trace_of_its_environment(pipeline, receiver):
    with (
        set_session("ours 学", user_id="ada", name="Création 学"),
        pipeline.tracer.start_as_current_span("turn") as turn,
    ):
        run_program(receiver, {**os.environ, **to_carrier(environ=True)}, "main")
    assert sent(receiver)["main"].attributes == dict(turn.attributes)
    assert sent(receiver)["main"].attributes["session.name"] == "Création 学"
    assert sent(receiver)["main"].trace_id == trace_id_of(turn)


def test_a_program_of_a_program_goes_on_too(pipeline, receiver):
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
        run_program(receiver, {**os.environ, **to_carrier(environ=True)}, "main", "below")
    assert [sent(receiver)[name].attributes for name in ("main", "below")] == [OURS, OURS]
    assert {span.trace_id for span in spans_of(receiver)} == {trace_id_of(turn)}


def test_a_program_whose_environment_has_no_carrier_has_no_session_and_a_trace_of_its_own(pipeline, receiver):
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
        run_program(receiver, os.environ, "main")
    assert sent(receiver)["main"].attributes == {}
    assert sent(receiver)["main"].trace_id != trace_id_of(turn)


# A process of Python's own


def job(endpoint, carrier, name):
    """Export a span in the session of ``carrier``, and return the process it was in."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    with from_carrier(carrier):
        provider.get_tracer("job").start_span(name).end()
    provider.get_tracer("job").start_span(f"after {name}").end()
    provider.shutdown()
    return os.getpid()


@pytest.mark.parametrize("started", STARTED_ANEW)
def test_a_process_that_is_started_anew_has_the_session_of_the_carrier_that_it_is_given(pipeline, receiver, started):
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
        process = multiprocessing.get_context(started).Process(
            target=job, args=(receiver.endpoint, to_carrier(), "job")
        )
        process.start()
    process.join(SECONDS)
    assert process.exitcode == 0
    assert sent(receiver)["job"].attributes == OURS
    assert sent(receiver)["job"].trace_id == trace_id_of(turn)
    assert sent(receiver)["after job"].attributes == {}


@pytest.mark.parametrize("started", STARTED_ANEW)
def test_the_next_job_of_a_pool_of_processes_has_its_own_session_or_none(pipeline, receiver, started):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(started)) as pool:
        with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
            processes = {pool.submit(job, receiver.endpoint, to_carrier(), "first").result(SECONDS)}
            processes.add(pool.submit(job, receiver.endpoint, None, "bare").result(SECONDS))
        with set_session("next", user_id="bob"):
            processes.add(pool.submit(job, receiver.endpoint, to_carrier(), "second").result(SECONDS))
        with clear_session():
            processes.add(pool.submit(job, receiver.endpoint, to_carrier(), "cleared").result(SECONDS))
    spans = sent(receiver)
    assert len(processes) == 1
    assert [spans[name].attributes for name in ("first", "bare", "second", "cleared")] == [OURS, {}, NEXT, {}]
    assert [spans[f"after {name}"].attributes for name in ("first", "bare", "second")] == [{}, {}, {}]
    assert [name for name, span in spans.items() if span.trace_id == trace_id_of(turn)] == ["first"]


# A fork

can_fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
# Python says that a process with threads is forked, and this is about just that.
with_threads = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def in_fork(work):
    """Return what ``work`` returns in a fork of this process."""
    fork = multiprocessing.get_context("fork")
    receiving, sending = fork.Pipe(duplex=False)
    process = fork.Process(target=lambda: sending.send(work()))
    process.start()
    sending.close()
    try:
        assert receiving.poll(SECONDS), "the fork hangs"
        result = receiving.recv()
        process.join(SECONDS)
    finally:
        receiving.close()
        if process.is_alive():
            process.kill()
        process.join(SECONDS)
    assert process.exitcode == 0
    return result


@can_fork
@with_threads
def test_a_fork_inside_a_scope_is_a_copy_of_the_process_and_has_its_session(pipeline):
    def work():
        span = pipeline.tracer.start_span("span")
        return dict(span.attributes), span.parent.span_id, to_carrier()

    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
        assert in_fork(work) == (OURS, turn.get_span_context().span_id, to_carrier())


@can_fork
@with_threads
def test_a_scope_ends_in_a_fork_and_in_its_parent_independently():
    with set_session("ours") as ours:
        scope = set_session("next")
        with scope:

            def work():
                scope.__exit__(None, None, None)
                return get_session()

            assert in_fork(work) == ours
            assert get_session().id == "next"
        assert get_session() == ours
        assert in_fork(get_session) == ours


@can_fork
@with_threads
def test_a_worker_that_is_forked_inside_a_scope_has_its_session_unless_it_takes_a_carrier_up(receiver):
    """The worker of a pool is a copy of the process that submits the first job."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        with set_session("ours", user_id="ada"):
            pool.submit(job, receiver.endpoint, to_carrier(), "first").result(SECONDS)
        pool.submit(job, receiver.endpoint, None, "bare").result(SECONDS)
        with set_session("next", user_id="bob"):
            pool.submit(job, receiver.endpoint, to_carrier(), "second").result(SECONDS)
    spans = sent(receiver)
    assert [spans[name].attributes for name in ("first", "bare", "second")] == [OURS, {}, NEXT]
    assert [spans[f"after {name}"].attributes for name in ("first", "bare", "second")] == [OURS] * 3


@can_fork
@with_threads
def test_a_trace_that_is_bound_in_a_fork_stays_unbound_in_its_parent_and_the_other_way_round(pipeline):
    with pipeline.tracer.start_as_current_span("turn") as turn:

        def work(session_id):
            with pipeline.tracer.start_as_current_span("job") as job:
                bind_session(session_id)
                span = pipeline.tracer.start_span("later")
            return job.attributes["session.id"], span.attributes["session.id"], turn.attributes.get("session.id")

        assert in_fork(lambda: work("theirs")) == ("theirs", "theirs", None)
        assert get_session() is None
        assert dict(turn.attributes) == {}
        assert work("ours") == ("ours",) * 3
        assert in_fork(lambda: get_session().id) == "ours"
        assert in_fork(lambda: work("theirs")) == ("theirs", "theirs", "ours")
        assert get_session().id == "ours"
        assert turn.attributes["session.id"] == "ours"


@pytest.fixture
def provider():
    """Return one that exports nothing: the locks of an exporter are not ours."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    return provider


def everything(tracer):
    """Do all that takes a lock, and return the ids that came of it."""
    with tracer.start_as_current_span("turn") as turn, tracer.start_as_current_span("step"):
        bind_session("ours")
        scope = set_session()
        with set_session("a", user_id=[]):  # it warns
            pass
        return turn.attributes["session.id"], scope.session.id == scope.session.id, get_session().id


@can_fork
def test_a_fork_while_other_threads_start_spans_and_bind_does_not_hang():
    """Not measured: the coverage has locks of its own, which do not survive a fork."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    command = [sys.executable, "-W", "ignore", str(PROGRAMS / "forks.py")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=280, check=True)
    assert done.stdout == "{b'+'} True\n"


@can_fork
@with_threads
@pytest.mark.parametrize(
    "lock",
    [
        pytest.param(local_trace.BEGINNING, id="of-the-records-of-traces"),
        pytest.param(_diagnostics._lock, id="of-what-was-said"),
        pytest.param(_pinning, id="of-generated-ids"),
    ],
)
def test_a_fork_while_another_thread_is_in_the_middle_of_it_does_not_hang(provider, lock):
    tracer, held, release = provider.get_tracer("fork"), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            release.wait(SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(SECONDS)
        assert in_fork(lambda: everything(tracer)) == ("ours", True, "ours")
    finally:
        release.set()
        thread.join(SECONDS)


# A queue


def test_a_worker_thread_has_the_session_of_each_message_alone(pipeline):
    messages = queue.SimpleQueue()

    def serve():
        for message in iter(messages.get, None):
            with from_carrier(message["headers"]):
                pipeline.tracer.start_span(message["body"]).end()
            pipeline.tracer.start_span(f"after {message['body']}").end()

    def put(name):
        messages.put({"body": name, "headers": to_carrier()})

    worker = threading.Thread(target=serve)
    worker.start()
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
        put("first")
    put("bare")
    with set_session("next", user_id="bob"):
        put("second")
        with clear_session():
            put("cleared")
    messages.put({"body": "old", "headers": None})
    messages.put(None)
    worker.join(SECONDS)
    names = ["first", "bare", "second", "cleared", "old"]
    assert [pipeline.attributes(name) for name in names] == [OURS, {}, NEXT, {}, {}]
    assert [pipeline.attributes(f"after {name}") for name in names] == [{}] * 5
    assert pipeline.spans()["first"].parent.span_id == turn.get_span_context().span_id
    assert [pipeline.spans()[name].parent for name in names[1:]] == [None] * 4


# Celery


@pytest.fixture(scope="module")
def app():
    """Yield a real app, with a broker in memory and a worker in a thread; its ``tracer`` is that of each test."""
    from celery import Celery
    from celery.contrib.testing.worker import start_worker

    app = Celery("tests", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(worker_hijack_root_logger=False, worker_redirect_stdouts=False)

    @app.task(bind=True, name="work")
    def work(self, name):
        with from_carrier(self.request.headers), app.tracer.start_as_current_span(name):
            pass
        return threading.get_ident(), get_session()

    @app.task(bind=True, name="work at the second try", max_retries=1)
    def work_at_the_second_try(self, name):
        with from_carrier(self.request.headers), app.tracer.start_as_current_span(f"{name} {self.request.retries}"):
            if not self.request.retries:
                raise self.retry(countdown=0)

    @app.task(bind=True, name="send on")
    def send_on(self, name):
        with from_carrier(self.request.headers), app.tracer.start_as_current_span(name):
            return work.apply_async([f"{name} on"], headers=to_carrier()).id

    root = logging.getLogger()
    level = root.level
    with start_worker(app, pool="solo", perform_ping_check=False):
        root.setLevel(level)  # the worker has raised it, for all tests to come
        yield app
    app.close()


@pytest.fixture
def tasks(app, pipeline):
    app.tracer = pipeline.tracer
    return app.tasks


def test_a_task_has_the_session_of_the_headers_that_it_is_sent_with_and_the_next_one_has_its_own_or_none(
    pipeline, tasks
):
    results = []
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
        results.append(tasks["work"].apply_async(["first"], headers=to_carrier()))
        results.append(tasks["work"].delay("bare"))
    with set_session("next", user_id="bob"):
        results.append(tasks["work"].apply_async(["second"], headers=to_carrier()))
    results.append(tasks["work"].apply_async(["none"], headers=to_carrier()))
    threads, left = zip(*(result.get(timeout=SECONDS) for result in results), strict=True)
    assert len({threading.get_ident(), *threads}) == 2
    assert left == (None,) * 4
    names = ("first", "bare", "second", "none")
    assert [pipeline.attributes(name) for name in names] == [OURS, {}, NEXT, {}]
    assert pipeline.spans()["first"].parent.span_id == turn.get_span_context().span_id
    assert [pipeline.spans()[name].parent for name in names[1:]] == [None] * 3


def test_a_task_that_is_tried_again_has_its_session_again(pipeline, tasks):
    with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
        result = tasks["work at the second try"].apply_async(["task"], headers=to_carrier())
    result.get(timeout=SECONDS)
    assert [pipeline.attributes(f"task {number}") for number in (0, 1)] == [OURS, OURS]
    assert {trace_id_of(span) for span in pipeline.spans().values()} == {trace_id_of(turn)}


def test_a_task_sends_its_session_on_to_another_task(pipeline, tasks):
    with set_session("ours", user_id="ada"):
        result = tasks["send on"].apply_async(["task"], headers=to_carrier())
    tasks["work"].AsyncResult(result.get(timeout=SECONDS)).get(timeout=SECONDS)
    assert [pipeline.attributes(name) for name in ("task", "task on")] == [OURS, OURS]
    assert pipeline.spans()["task on"].parent.span_id == pipeline.spans()["task"].get_span_context().span_id


# MCP


def test_a_tool_of_an_mcp_server_is_called_in_the_session_of_the_meta_of_each_request(pipeline, receiver):
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    program = StdioServerParameters(command=sys.executable, args=[str(PROGRAMS / "tool_server.py"), receiver.endpoint])

    async def main():
        async with stdio_client(program) as streams, ClientSession(*streams) as server:
            await server.initialize()

            async def called(meta):
                result = await server.call_tool("whoami", {}, meta=meta)
                return json.loads(result.content[0].text)

            with set_session("ours", user_id="ada"), pipeline.tracer.start_as_current_span("turn") as turn:
                seen = [await called(to_carrier())]
            seen += [await called(None), await called(to_carrier())]
            with set_session("next", user_id="bob"):
                seen.append(await called(to_carrier()))
        return turn, seen

    turn, seen = asyncio.run(main())
    assert seen == [["ours", "ada"], None, None, ["next", "bob"]]
    spans = [span for span in spans_of(receiver) if span.name == "tool"]
    assert [span.attributes for span in spans] == [OURS, {}, {}, NEXT]
    assert [span.trace_id == trace_id_of(turn) for span in spans] == [True, False, False, False]
