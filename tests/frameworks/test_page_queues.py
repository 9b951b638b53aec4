"""The programs of the page of queues, each as it is pasted: a thousand jobs of many sessions, on real servers, with the workers of each library."""

from __future__ import annotations

import pytest

from queue_server import KAFKA_WORKER, Queue

JOBS = 1000
FORKED = 60
"""So many where each job has a process of its own."""

WORKERS = {
    "celery_app.py, prefork": (1, "celery", "-A", "celery_app", "worker", "-P", "prefork", "-c", "2"),
    "celery_app.py, threads": (1, "celery", "-A", "celery_app", "worker", "-P", "threads", "-c", "4"),
    "dramatiq_app.py, 2 processes of 4 threads": (1, "dramatiq", "dramatiq_app", "-p", "2", "-t", "4"),
    "faststream_app.py": (2, "faststream", "run", "faststream_app:app"),
    "huey_app.py, threads": (1, "huey_consumer", "huey_app.huey", "-w", "4", "-d", "0.01", "-q"),
    "huey_app.py, processes": (1, "huey_consumer", "huey_app.huey", "-w", "2", "-d", "0.01", "-q", "-k", "process"),
    "kafka_app.py, threads": (1, *KAFKA_WORKER),
    "rq_app.py, SimpleWorker": (2, "rq", "worker", "-q", "-w", "rq.SimpleWorker"),
    "taskiq_app.py, 2 processes": (1, "taskiq", "worker", "taskiq_app:broker", "--workers", "2"),
}


@pytest.mark.parametrize("how", WORKERS)
def test_each_job_has_the_session_and_the_trace_of_who_has_sent_it(desk, servers, how):
    workers, *command = WORKERS[how]
    queue = Queue(desk, how.split(",")[0], **servers)
    with queue.working(*command, workers=workers):
        assert queue.sent_and_judged(JOBS) == {"right": JOBS}, queue.said


def test_each_job_in_a_forked_worker_of_rq_is_exported_before_that_ends(desk, servers):
    queue = Queue(desk, "rq_app.py", OTEL_SESSION_FLUSH="5000", **servers)
    with queue.working("rq", "worker", "-q", "-c", "rq_app", workers=2):
        assert queue.sent_and_judged(FORKED) == {"right": FORKED}, queue.said
