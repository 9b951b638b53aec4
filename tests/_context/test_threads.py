"""Threads, executors and tasks: what takes a session along (the pages on sessions and limits), and that no worker keeps one (rule 13)."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from opentelemetry import baggage, context
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from otel_sessions import clear_session, get_session, set_session, step
from threads import in_a_thread

OURS = {"session.id": "ours", "user.id": "ada"}
NEXT = {"session.id": "next", "user.id": "bob"}
SECONDS = 60
PROGRAMS = Path(__file__).parents[1] / "programs"
# Since Python 3.14 threads may inherit the context of who starts them; without the GIL that is the default.
INHERITED = OURS if getattr(sys.flags, "thread_inherit_context", False) else {}


pytestmark = pytest.mark.usefixtures("no_error_of_anybody", "no_session_is_left_behind")


@pytest.fixture
def _instrumented():
    instrumentor = ThreadingInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()


@pytest.fixture(params=[False, True], ids=["plain", "instrumented"])
def _either(request):
    if request.param:
        request.getfixturevalue("_instrumented")


@pytest.fixture
def pool():
    """Yield an executor of one thread, which each job shares with the one before."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool


@pytest.fixture
def job(pipeline):
    """Return a function that makes a job which starts a span, and which fails if what is sent is something else."""

    def named(name):
        def work():
            with pipeline.tracer.start_as_current_span(name) as span:
                sent = {key: value for key, value in baggage.get_all().items() if key in OURS}
                assert sent == {key: value for key, value in span.attributes.items() if key in OURS}

        return work

    return named


# How a job is run elsewhere; each waits for it, and raises what it raises.


def by_submit(work):
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(work).result(SECONDS)


def by_map(work):
    with ThreadPoolExecutor(max_workers=1) as pool:
        list(pool.map(lambda _: work(), [None], timeout=SECONDS))


def by_run_in_executor(work):
    async def main():
        await asyncio.get_running_loop().run_in_executor(None, work)

    asyncio.run(main())


def by_thread(work):
    in_a_thread(work)


def by_timer(work):
    in_a_thread(work, lambda caught: threading.Timer(0, caught))


def by_to_thread(work):
    asyncio.run(asyncio.to_thread(work))


async def as_coroutine(work):
    work()


def by_create_task(work):
    async def main():
        await asyncio.create_task(as_coroutine(work))

    asyncio.run(main())


def by_gather(work):
    async def main():
        await asyncio.gather(as_coroutine(work), as_coroutine(int))

    asyncio.run(main())


def by_call_soon(work):
    async def main():
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: done.set_result(work()))
        await done

    asyncio.run(main())


THREADS = [by_submit, by_map, by_run_in_executor, by_thread, by_timer]
ASYNCIO = [by_to_thread, by_create_task, by_gather, by_call_soon]


@pytest.mark.usefixtures("_instrumented")
@pytest.mark.parametrize("elsewhere", THREADS + ASYNCIO)
def test_with_the_instrumentor_the_session_arrives_and_ends_with_the_scope(pipeline, job, elsewhere):
    with set_session("ours", user_id="ada"):
        elsewhere(job("inside"))
    elsewhere(job("after"))
    with set_session("next", user_id="bob"):
        elsewhere(job("next"))
    assert [pipeline.attributes(name) for name in ("inside", "after", "next")] == [OURS, {}, NEXT]


@pytest.mark.parametrize("elsewhere", ASYNCIO)
def test_asyncio_takes_the_session_along_by_itself(pipeline, job, elsewhere):
    with set_session("ours", user_id="ada"):
        elsewhere(job("inside"))
    elsewhere(job("after"))
    assert [pipeline.attributes(name) for name in ("inside", "after")] == [OURS, {}]


@pytest.mark.parametrize("elsewhere", THREADS)
def test_threads_and_executors_lose_the_session_unless_this_python_lets_threads_inherit_it(pipeline, job, elsewhere):
    with set_session("ours", user_id="ada"):
        elsewhere(job("inside"))
    assert pipeline.attributes("inside") == INHERITED


@pytest.mark.parametrize("elsewhere", THREADS)
def test_a_scope_around_the_job_itself_needs_no_instrumentor(pipeline, job, elsewhere):
    elsewhere(set_session("ours", user_id="ada")(job("inside")))
    assert pipeline.attributes("inside") == OURS


@pytest.mark.parametrize("elsewhere", THREADS)
def test_a_copied_context_takes_the_session_along_without_the_instrumentor(pipeline, job, elsewhere):
    with set_session("ours", user_id="ada"):
        copied = contextvars.copy_context()
    elsewhere(lambda: copied.run(job("inside")))
    assert pipeline.attributes("inside") == OURS


# Threads that inherit the context of who starts them


def said_where_threads_inherit(instrumented):
    program = [sys.executable, "-X", "thread_inherit_context=1", str(PROGRAMS / "inheriting_threads.py"), instrumented]
    return subprocess.run(program, capture_output=True, text=True, timeout=240, check=True).stdout.splitlines()


can_inherit = pytest.mark.skipif(sys.version_info < (3, 14), reason="before Python 3.14 no thread inherits a context")


@can_inherit
def test_a_thread_that_inherits_has_the_session_in_which_it_was_started_and_a_pool_that_of_its_first_job():
    """The thread of a pool serves whoever comes, so there the documents ask for the instrumentor, or for an empty start."""
    assert said_where_threads_inherit("plain") == [
        "thread ours",
        "thread that outlives ours",
        "next thread None",
        "pool ours ours ours ours",
        "pool for everybody None None None None",
    ]


@can_inherit
def test_with_the_instrumentor_each_job_has_the_session_of_who_has_sent_it_where_threads_inherit_too():
    assert said_where_threads_inherit("instrumented") == [
        "thread ours",
        "thread that outlives ours",
        "next thread None",
        "pool ours next None None",
        "pool for everybody None next None None",
    ]


# The next job of the same thread


def submitted(pool, work):
    pool.submit(work).result(SECONDS)


def run_in_executor(pool, work):
    async def main():
        await asyncio.get_running_loop().run_in_executor(pool, work)

    asyncio.run(main())


class LentPool(ThreadPoolExecutor):
    """One that a loop may have as its own: the loop does not shut it down at its end."""

    def shutdown(self, wait=True, *, cancel_futures=False):
        pass

    def close(self):
        super().shutdown()


@pytest.fixture
def lent_pool():
    pool = LentPool(max_workers=1)
    yield pool
    pool.close()


def to_thread(pool, work):
    async def main():
        asyncio.get_running_loop().set_default_executor(pool)
        await asyncio.to_thread(work)

    asyncio.run(main())


@pytest.mark.usefixtures("_instrumented")
@pytest.mark.parametrize("send", [submitted, run_in_executor, to_thread])
def test_the_next_job_of_the_same_thread_has_its_own_session_or_none(pipeline, job, lent_pool, send):
    """The thread itself starts inside the first scope."""
    threads = set()

    def seen(name):
        work = job(name)
        return lambda: (threads.add(threading.get_ident()), work())

    with set_session("ours", user_id="ada"):
        send(lent_pool, seen("first"))
    send(lent_pool, seen("bare"))
    with set_session("next", user_id="bob"):
        send(lent_pool, seen("second"))
    with clear_session():
        send(lent_pool, seen("cleared"))
    assert len(threads) == 1
    names = ("first", "bare", "second", "cleared")
    assert [pipeline.attributes(name) for name in names] == [OURS, {}, NEXT, {}]


@pytest.mark.usefixtures("_either")
def test_a_job_that_opens_a_scope_and_fails_leaves_nothing_to_the_next(pipeline, job, pool):
    @set_session("ours", user_id="ada")
    def failing():
        with step("inside"):
            job("failing")()
            raise LookupError

    with pytest.raises(LookupError):
        pool.submit(failing).result(SECONDS)
    pool.submit(job("next")).result(SECONDS)
    assert [pipeline.attributes(name) for name in ("failing", "next")] == [{**OURS, "session.path": "/inside"}, {}]


@pytest.mark.usefixtures("_instrumented")
def test_a_scope_inside_a_job_ends_after_that_of_the_request_and_brings_nothing_back(pipeline, job, pool):
    inside, go_on = threading.Event(), threading.Event()

    def work():
        with step("inside"):
            inside.set()
            assert go_on.wait(SECONDS)
            job("inner")()
        job("outer")()

    with set_session("ours", user_id="ada"):
        future = pool.submit(work)
        assert inside.wait(SECONDS)
    go_on.set()
    future.result(SECONDS)
    pool.submit(job("next")).result(SECONDS)
    assert pipeline.attributes("inner") == {**OURS, "session.path": "/inside"}
    assert pipeline.attributes("outer") == OURS
    assert pipeline.attributes("next") == {}


@pytest.mark.usefixtures("_either")
def test_a_scope_that_a_job_of_another_thread_leaves_ends_quietly_and_comes_back_nowhere(pipeline, job, pool):
    scope = set_session("ours", user_id="ada")
    copied = contextvars.copy_context()
    copied.run(scope.__enter__)
    pool.submit(scope.__exit__, None, None, None).result(SECONDS)
    pool.submit(job("next")).result(SECONDS)
    copied.run(job("where it was entered"))
    job("here")()
    names = ("next", "where it was entered", "here")
    assert [get_session(), *(pipeline.attributes(name) for name in names)] == [None, {}, {}, {}]


# Threads that override run()


class Worker(threading.Thread):
    """As the instrumentor sees it: its own ``run`` is not the one that takes the context up."""

    def __init__(self, work):
        super().__init__()
        self._work = work

    def run(self):
        self._work()


@pytest.mark.usefixtures("_either")
def test_a_thread_with_a_run_method_of_its_own_gets_the_session_only_where_threads_inherit_it(pipeline, job):
    with set_session("ours", user_id="ada"):
        in_a_thread(job("inside"), Worker)
    assert pipeline.attributes("inside") == INHERITED


class CopyingWorker(Worker):
    """What to do about it: the context of the place that made it, for all that runs in it."""

    def __init__(self, work):
        super().__init__(work)
        self._copied = contextvars.copy_context()

    def run(self):
        self._copied.run(self._work)


class EnteringWorker(Worker):
    """The same with the calls of this package: the session is named, and enters the captured context."""

    def __init__(self, work):
        super().__init__(work)
        self._given = context.get_current()
        self._session = get_session()

    def run(self):
        with set_session(self._given, self._session.id):
            self._work()


class AttachingWorker(Worker):
    """The same with the calls of OpenTelemetry."""

    def __init__(self, work):
        super().__init__(work)
        self._given = context.get_current()

    def run(self):
        token = context.attach(self._given)
        try:
            self._work()
        finally:
            context.detach(token)


@pytest.mark.usefixtures("_either")
@pytest.mark.parametrize("worker", [CopyingWorker, EnteringWorker, AttachingWorker])
def test_it_gets_the_session_from_a_context_that_it_has_captured(pipeline, job, worker):
    with (
        set_session("ours", user_id="ada", name="n", tags=["t"]),
        step("p"),
        pipeline.tracer.start_as_current_span("turn") as turn,
    ):
        in_a_thread(job("inside"), worker)
    assert pipeline.attributes("inside") == dict(turn.attributes)
    assert pipeline.attributes("inside")["session.path"] == "/p"
    assert pipeline.spans()["inside"].parent.span_id == turn.get_span_context().span_id


@pytest.mark.usefixtures("_either")
@pytest.mark.parametrize("worker", [CopyingWorker, EnteringWorker, AttachingWorker])
def test_it_keeps_the_session_that_it_has_captured_when_it_starts_after_the_scope(pipeline, job, worker):
    made = []
    with set_session("ours", user_id="ada"):
        made.append(worker(job("inside")))
    with set_session("next", user_id="bob"):
        made[0].start()
        made[0].join(SECONDS)
    assert pipeline.attributes("inside") == OURS


@pytest.mark.usefixtures("_instrumented")
def test_a_thread_class_that_calls_the_run_method_above_it_gets_the_session(pipeline, job):
    class Polite(threading.Thread):
        def run(self):
            super().run()

    with set_session("ours", user_id="ada"):
        in_a_thread(job("inside"), lambda caught: Polite(target=caught))
    assert pipeline.attributes("inside") == OURS


# Workers that live for long


REQUESTS = [("ours", "ada"), ("next", "bob"), (None, None), ("ours", "ada")]


def expected(session_id, user_id):
    return {"session.id": session_id, "user.id": user_id} if session_id else {}


@pytest.mark.usefixtures("_either")
def test_a_sync_worker_has_no_session_between_requests_and_in_those_without_one(pipeline, job):
    requests = queue.SimpleQueue()

    def serve():
        for number, (session_id, user_id) in enumerate(iter(requests.get, None)):
            if session_id is None:
                job(f"request {number}")()
            else:
                with set_session(session_id, user_id=user_id), pipeline.tracer.start_as_current_span("server"):
                    job(f"request {number}")()
            job(f"idle {number}")()
            assert get_session() is None

    for request in [*REQUESTS, None]:
        requests.put(request)
    by_thread(serve)
    for number, request in enumerate(REQUESTS):
        assert pipeline.attributes(f"request {number}") == expected(*request)
        assert pipeline.attributes(f"idle {number}") == {}


@pytest.mark.usefixtures("_instrumented")
def test_a_background_job_that_outlives_its_request_keeps_its_session_and_the_next_request_does_not_get_it(
    pipeline, job
):
    first_done = threading.Event()

    def background():
        assert first_done.wait(SECONDS)
        job("background")()

    with ThreadPoolExecutor(max_workers=1) as background_pool, ThreadPoolExecutor(max_workers=1) as server:

        @set_session("ours", user_id="ada")
        def first():
            return background_pool.submit(background)

        @set_session("next", user_id="bob")
        def second():
            first_done.set()
            job("second")()
            return background_pool.submit(job("background of second"))

        futures = [server.submit(first).result(SECONDS)]
        server.submit(job("bare")).result(SECONDS)
        futures.append(server.submit(second).result(SECONDS))
        for future in futures:
            future.result(SECONDS)
        background_pool.submit(job("background of nobody")).result(SECONDS)

    assert [pipeline.attributes(name) for name in ("background", "bare")] == [OURS, {}]
    assert [pipeline.attributes(name) for name in ("second", "background of second")] == [NEXT, NEXT]
    assert pipeline.attributes("background of nobody") == {}


@pytest.mark.usefixtures("_instrumented")
@pytest.mark.parametrize("start_it_in", [clear_session, lambda: step("nothing to do with sessions")])
def test_a_worker_thread_that_a_request_starts_keeps_its_session_unless_that_is_cleared(pipeline, job, start_it_in):
    """The advice of the documents for what serves everybody."""
    requests = queue.SimpleQueue()

    def serve():
        for name in iter(requests.get, None):
            job(name)()

    with set_session("ours", user_id="ada"):
        with start_it_in():
            worker = threading.Thread(target=serve)
            worker.start()
        requests.put("inside")
    requests.put("after")
    requests.put(None)
    worker.join(SECONDS)
    is_cleared = start_it_in is clear_session
    kept = {} if is_cleared else {**OURS, "session.path": "/nothing to do with sessions"}
    assert [pipeline.attributes(name) for name in ("inside", "after")] == [kept, kept]


def test_an_asyncio_server_with_one_worker_task_has_the_session_of_each_request_alone(pipeline, job):
    async def worker(requests):
        while (request := await requests.get()) is not None:
            name, (session_id, user_id), done = request
            if session_id is None:
                job(name)()
            else:
                async with set_session(session_id, user_id=user_id):
                    await asyncio.to_thread(job(name))
                    await asyncio.gather(as_coroutine(job(f"{name} gathered")))
            job(f"{name} idle")()
            done.set_result(get_session())

    async def main():
        requests = asyncio.Queue()
        serving = asyncio.create_task(worker(requests))
        loop = asyncio.get_running_loop()
        for number, request in enumerate(REQUESTS):
            done = loop.create_future()
            # Who asks has a session too; that of the worker is not its business.
            with set_session("asking", user_id="eve"):
                await requests.put((f"request {number}", request, done))
                assert await done is None
                assert get_session().id == "asking"
        await requests.put(None)
        await serving

    asyncio.run(main())
    for number, request in enumerate(REQUESTS):
        assert pipeline.attributes(f"request {number}") == expected(*request)
        assert pipeline.attributes(f"request {number} idle") == {}


@pytest.mark.parametrize("start_it_in", [clear_session, lambda: step("p")])
def test_a_worker_task_that_a_request_starts_keeps_its_session_unless_that_is_cleared(pipeline, job, start_it_in):
    async def worker(requests):
        while (name := await requests.get()) is not None:
            job(name)()

    async def main():
        requests = asyncio.Queue()
        with set_session("ours", user_id="ada"):
            with start_it_in():
                serving = asyncio.create_task(worker(requests))
            await requests.put("inside")
        with set_session("next", user_id="bob"):
            await requests.put("after")
        await requests.put(None)
        await serving
        assert get_session() is None

    asyncio.run(main())
    kept = {} if start_it_in is clear_session else {**OURS, "session.path": "/p"}
    assert [pipeline.attributes(name) for name in ("inside", "after")] == [kept, kept]


def test_a_task_that_outlives_its_request_keeps_its_session_and_the_next_request_does_not_get_it(pipeline, job):
    async def background(is_in_its_step, first_done):
        with step("before"):
            is_in_its_step.set()
            await first_done.wait()
            job("background")()
        job("background later")()
        await asyncio.to_thread(job("background in a thread"))

    async def main():
        is_in_its_step, first_done = asyncio.Event(), asyncio.Event()
        async with set_session("ours", user_id="ada"):
            task = asyncio.create_task(background(is_in_its_step, first_done))
            await is_in_its_step.wait()
        assert get_session() is None
        job("bare")()
        async with set_session("next", user_id="bob"):
            first_done.set()
            await task
            job("second")()
        job("bare again")()

    asyncio.run(main())
    assert pipeline.attributes("background") == {**OURS, "session.path": "/before"}
    assert [pipeline.attributes(name) for name in ("background later", "background in a thread")] == [OURS, OURS]
    assert [pipeline.attributes(name) for name in ("bare", "second", "bare again")] == [{}, NEXT, {}]


@pytest.mark.usefixtures("_either")
def test_a_cancelled_task_leaves_its_session_nowhere(pipeline, job):
    async def background(is_inside):
        async with set_session("ours", user_id="ada"):
            is_inside.set()
            await asyncio.Event().wait()

    async def main():
        is_inside = asyncio.Event()
        task = asyncio.create_task(background(is_inside))
        await is_inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        job("after")()
        await asyncio.to_thread(job("in a thread"))

    asyncio.run(main())
    assert [pipeline.attributes(name) for name in ("after", "in a thread")] == [{}, {}]


@pytest.mark.usefixtures("_instrumented")
def test_many_requests_at_once_in_few_threads_never_mix(pipeline):
    def handle(number):
        with pipeline.tracer.start_as_current_span(f"span {number}"):
            return get_session().id

    with ThreadPoolExecutor(max_workers=4) as pool:
        futures = []
        for number in range(200):
            with set_session(f"s{number}", user_id=f"u{number}"):
                futures.append(pool.submit(handle, number))
        assert [future.result(SECONDS) for future in futures] == [f"s{number}" for number in range(200)]
        assert [pool.submit(get_session).result(SECONDS) for _ in range(8)] == [None] * 8
    for number in range(200):
        expected_ids = {"session.id": f"s{number}", "user.id": f"u{number}"}
        assert pipeline.attributes(f"span {number}") == expected_ids
