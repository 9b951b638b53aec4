"""The programs of the page of queues for Dask, schedulers, greenlets and processes, each as it is pasted, with many jobs of many users."""

from __future__ import annotations

import os

import pytest
from jupyter_client.manager import start_new_kernel

import many_jobs
from page import PROGRAMS
from wire import spans_of

COUNT = 1_000

MODEL = {'f"You asked: {question}"': "many_jobs.answered(question)"}
LOOP_MODEL = {'f"You asked: {question}"': "await many_jobs.answered_in_loop(question)"}

SHOWN = dict.fromkeys(PROGRAMS["schedulers"], "")


@pytest.mark.parametrize("name", PROGRAMS["schedulers"])
def test_all_spans_of_a_program_have_its_session_and_user(desk, name):
    done = desk.run(name, OTEL_SESSION_FLUSH="2000")
    assert done.ids == {("conv-42", "ada")}
    assert {span.name for span in done.spans} == {"work"}


def judged(desk, name, driver, model=MODEL, *, count=COUNT, **how):
    """Have a program send many jobs as ``driver`` says, and see whose each was."""
    many = "from many_jobs import of_future, scheduled, sent, sent_by_greenlets, sent_by_tasks\n"
    lines = "".join(f"    {line}\n" for line in (many + driver).splitlines())
    path = desk.write(
        name, before="import many_jobs\n", behind=f'\n\nif __name__ == "__main__":\n{lines}', changed=model
    )
    desk.execute(path, JOBS=str(count), OTEL_SESSION_FLUSH="2000")
    spans = [span for span in spans_of(desk.receiver) if span.attributes.get("input.value") != "What is a span?"]
    assert many_jobs.judge(spans, count, **how) == {
        "session": count * 3 // 5,
        "trace": count // 5,
        "none": count // 5,
    }


POOL = """\
import multiprocessing
multiprocessing.set_start_method("{method}", force=True)
with many_jobs.Job(0).request():
    pool = ProcessPoolExecutor(4, initializer=attach, initargs=(Context(),))
    pool.submit(int).result()  # those who are forked are forked here
sent(lambda question: of_future(ask(pool, question)))
pool.shutdown()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_job_in_a_pool_of_processes_has_the_session_in_which_it_was_sent(desk, method):
    judged(desk, "pool_app.py", POOL.format(method=method))


def test_without_the_initializer_a_worker_that_is_forked_stays_where_it_was_made(desk):
    changed = MODEL | {"initializer=attach, initargs=(Context(),)": ""}
    driver = POOL.format(method="fork").replace("initializer=attach, initargs=(Context(),)", "")
    with pytest.raises(AssertionError, match="in the session or the trace of another"):
        judged(desk, "pool_app.py", driver, changed, count=100)


DASK = """\
with Client(n_workers={workers}, threads_per_worker=4, processes={processes}, preload="pipeline") as client:
    sent(lambda question: ask(client, question).result)
"""


@pytest.mark.parametrize(("workers", "processes"), [(1, False), (2, True)], ids=["threads", "processes"])
def test_a_job_of_dask_has_the_session_in_which_it_was_sent(desk, workers, processes):
    judged(desk, "dask_app.py", DASK.format(workers=workers, processes=processes))


def test_a_greenlet_of_gevent_has_the_session_in_which_it_was_sent(desk):
    judged(
        desk,
        "gevent_app.py",
        "from gevent.pool import Pool\nsent_by_greenlets(Pool(20).map, lambda question: ask(question).get)",
    )


def test_a_greenlet_of_eventlet_has_the_session_in_which_it_was_sent(desk):
    driver = "sent_by_greenlets(lambda *a: list(eventlet.GreenPool(20).imap(*a)), lambda question: ask(question).wait)"
    judged(desk, "eventlet_app.py", driver)


MULTIPROCESSING = """\
import multiprocessing
multiprocessing.set_start_method("{method}", force=True)
with many_jobs.Job(0).request():
    pool = multiprocessing.Pool(4, attach, (Context(),))
sent(lambda question: ask(pool, question).get)
pool.terminate()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_job_in_a_pool_of_multiprocessing_has_the_session_in_which_it_was_sent(desk, method):
    judged(desk, "multiprocessing_app.py", MULTIPROCESSING.format(method=method))


def test_a_job_in_a_process_of_anyio_has_the_session_in_which_it_was_sent(desk):
    judged(desk, "anyio_process_app.py", "anyio.run(sent_by_tasks, ask, 4)")


def test_a_job_in_an_executor_of_the_loop_has_the_session_in_which_it_was_sent(desk):
    judged(desk, "loop_app.py", "asyncio.run(sent_by_tasks(ask))")


ASYNCIO_SCHEDULER = """\
async def many():
    scheduler = AsyncIOScheduler(job_defaults={"misfire_grace_time": None})
    scheduler.start()
    await scheduled(lambda question: scheduler.add_job(from_carrier(to_carrier())(work), args=[question]))
asyncio.run(many())
"""


def test_a_job_of_the_scheduler_in_the_loop_has_the_session_of_who_has_added_it(desk):
    judged(desk, "apscheduler_app.py", ASYNCIO_SCHEDULER, LOOP_MODEL, own_traces=True)


BACKGROUND_SCHEDULER = """\
scheduler = BackgroundScheduler(job_defaults={"misfire_grace_time": None})
scheduler.start()
asyncio.run(scheduled(lambda question: ask(scheduler, question)))
"""


def test_a_job_of_the_scheduler_in_threads_has_the_session_of_who_has_added_it(desk):
    judged(desk, "background_scheduler_app.py", "import asyncio\n" + BACKGROUND_SCHEDULER, own_traces=True)


def test_a_cell_of_a_notebook_has_its_session_and_leaves_none_behind(desk):
    """Every other cell awaits at its top level, and some raise in the middle of the block."""
    program = desk.write("notebook_app.py").read_text()

    def cell(job):
        model = LOOP_MODEL if job.number % 2 else MODEL
        replaced = {'set_session("conv-42", user_id="ada")': f"many_jobs.{job}.request()", **model}
        code = program.replace('"What is a span?"', repr(job.question))
        for old, new in replaced.items():
            assert old in code
            code = code.replace(old, new)
        return f"import many_jobs\n{code}assert many_jobs.trace.get_current_span().get_span_context().span_id == 0\n"

    jobs = [many_jobs.Job(number) for number in range(COUNT)]
    environment = desk.environment | {"PYTHONPATH": f"{desk.folder}{os.pathsep}{desk.environment['PYTHONPATH']}"}
    manager, client = start_new_kernel(kernel_name="python3", env=environment)
    try:
        replies = [client.execute_interactive(cell(job), output_hook=lambda _: None, timeout=60) for job in jobs]
        client.execute_interactive("pipeline.provider.force_flush()", output_hook=lambda _: None, timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    raised = [reply["content"].get("ename", "") for reply in replies]
    assert raised == ["Unanswered" if job.raises else "" for job in jobs]
    many_jobs.judge(spans_of(desk.receiver), COUNT)
