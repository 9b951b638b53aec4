"""The programs of the page of queues for Temporal, Ray and Prefect, each as it is pasted, on a real server, with many jobs of many users."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import many_jobs
from page import wait_for
from ports import free_port
from wire import spans_of

THOROUGH = bool(os.environ.get("THOROUGH"))
COUNT = 1_000 if THOROUGH else 200
SECONDS = 1_500 if THOROUGH else 600

pytestmark = pytest.mark.timeout(SECONDS)  # engines start servers and workers, and the cores may be shared
QUIET = {
    "OTEL_SESSION_FLUSH": "2000",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "200",
}

MODEL = {'f"You asked: {question}"': "many_jobs.answered(question)"}
LOOP_MODEL = {'f"You asked: {question}"': "await many_jobs.answered_in_loop(question)"}


@pytest.fixture
def temporal():
    """The address of a Temporal that is for tests: it skips time, and keeps nothing."""
    port = free_port()
    with subprocess.Popen([Path(sys.executable).with_name("temporal-test-server"), str(port)]) as started:
        try:
            wait_for(port, started)
            yield f"127.0.0.1:{port}"
        finally:
            started.terminate()


def many(desk, name, driver, changed, count=COUNT, **environment):
    """Have a program send ``count`` jobs as ``driver`` says; return what was exported of them."""
    driver = f"from many_jobs import all_jobs, called, sent, sent_by_tasks\n{driver}"
    path = desk.write(name, before="import many_jobs\n", behind=f"\n\n{driver}", changed=changed)
    desk.execute(path, seconds=SECONDS, JOBS=str(count), **QUIET, **environment)
    spans = spans_of(desk.receiver)
    own = {span.trace_id for span in spans if span.attributes.get("input.value") == "What is a span?"}
    return [span for span in spans if span.trace_id not in own]


TEMPORAL = """\
import contextlib
from concurrent.futures import ThreadPoolExecutor


async def many():
    async with contextlib.AsyncExitStack() as workers:
        for _ in range(3):
            client = await Client.connect("{address}", interceptors=[TracingInterceptor()])
            worker = Worker(
                client, task_queue="chat", workflows=[Chat], activities=[work], activity_executor=ThreadPoolExecutor(4)
            )
            await workers.enter_async_context(worker)
        await sent_by_tasks(
            lambda question: client.execute_workflow(Chat.run, question, id=question, task_queue="chat"), 16
        )


asyncio.run(many())
"""
TWICE = {
    "timedelta(seconds=30)": "timedelta(seconds=30), retry_policy=RetryPolicy(maximum_attempts=2, "
    "initial_interval=timedelta(milliseconds=1))",
    "from datetime": "from temporalio.common import RetryPolicy\nfrom datetime",
    "    from otel_sessions": "    import many_jobs\n    from otel_sessions",
}
SYNC = {"async def work": "def work", "async with turn": "with turn"}


@pytest.mark.parametrize("changed", [MODEL | SYNC, LOOP_MODEL], ids=["threads", "tasks"])
def test_a_workflow_of_temporal_and_its_activity_have_the_session_in_which_it_was_started(desk, temporal, changed):
    desk.write("temporal_jobs.py", changed=changed | TWICE)
    here = {
        '"localhost:7233"': f'"{temporal}"',
        "activities=[work]": "activities=[work], activity_executor=ThreadPoolExecutor(4)",
        "import asyncio": "import asyncio\nfrom concurrent.futures import ThreadPoolExecutor",
    }
    spans = many(desk, "temporal_app.py", TEMPORAL.format(address=temporal), here)
    many_jobs.judge(spans, COUNT, attempts=2)


RAY = "sent(lambda question: lambda ref=work.remote(question): ray.get(ref))"


def test_a_task_of_ray_has_the_session_in_which_it_was_sent(desk):
    folders = os.pathsep.join((str(desk.folder), desk.environment["PYTHONPATH"]))
    changed = MODEL | {"ray.init(": 'ray.init(_node_ip_address="127.0.0.1", num_cpus=4, '}
    many_jobs.judge(many(desk, "ray_app.py", RAY, changed, PYTHONPATH=folders), COUNT)


# Its server keeps all in one SQLite file, which is busy at times; then it answers 500 or 503.
PATIENT = {
    "PREFECT_CLIENT_MAX_RETRIES": "30",
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500,503",
    "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
}
FLOWS = COUNT if THOROUGH else 60  # each takes a second and more


def test_a_flow_of_prefect_and_its_task_have_the_session_in_which_it_was_called(desk):
    many_jobs.judge(many(desk, "prefect_app.py", "sent(called(chat))", MODEL, FLOWS, **PATIENT), FLOWS)
