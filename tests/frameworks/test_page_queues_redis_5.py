"""arq, which wants an older client of Redis: its program as it is pasted, a thousand jobs of many sessions, on a real server."""

from __future__ import annotations

from queue_server import Queue

JOBS = 1000
FEW = 40


def test_each_job_of_arq_app_py_has_the_session_and_the_trace_of_who_has_sent_it(desk, servers):
    queue = Queue(desk, "arq_app.py", **servers)
    with queue.working("arq", "arq_app.Worker", workers=2):
        assert queue.sent_and_judged(JOBS) == {"right": JOBS}, queue.said


def test_without_a_carrier_no_job_of_arq_has_a_session(desk, servers):
    queue = Queue(desk, "arq_app.py", changed={", to_carrier())": ", {})"}, **servers)
    with queue.working("arq", "arq_app.Worker"):
        judged = queue.sent_and_judged(FEW)
    assert judged["has no session"] == FEW * 8 // 10, judged
    assert "has another session" not in judged
