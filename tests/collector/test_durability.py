"""Nothing is lost when Collectors and the backend are killed, one after the other, in the middle of the work."""

from __future__ import annotations

import json
import time

from plan import Plan
from received import tally, wait_for_spans
from sizes import size
from storing_backend import StoringBackend

SDK_TRIES_AGAIN_FOR = {"OTEL_EXPORTER_OTLP_TIMEOUT": "60"}
SPANS = size(claimed=54_000, usual=18_000)


def test_no_span_is_lost_when_each_of_them_is_killed_and_started_again(collector, applications, tmp_path, report):
    """What the SDK was told is taken is on a disk from then on. Spans may come twice, which a backend has to bear."""
    plan = Plan("killed", sessions=SPANS // 9, turns=3)
    with StoringBackend(tmp_path) as backend:
        gateway = collector("gateway.yaml", environment={"BACKEND_ENDPOINT": backend.url}).start()
        agent = collector("agent.yaml", environment={"GATEWAYS": json.dumps([gateway.grpc])}).start()
        running = applications(plan, agent.http, environment=SDK_TRIES_AGAIN_FOR)
        for number, each in enumerate([agent, gateway, backend] * 3, start=1):
            wait_for_spans([backend], number * SPANS // 11)
            each.kill()
            time.sleep(0.5)
            each.start()
        running.wait(may_warn=True)
        wait_for_spans([backend], SPANS)
        agent.stop()
        gateway.stop()
        told = tally(plan, backend.spans())
    report(
        f"kill -9 of agent, gateway and backend, three times each: {len(told.lost)} of {SPANS} spans lost, "
        f"{told.doubled} twice"
    )
    assert (told.lost, told.unknown) == ([], [])


def test_what_an_agent_has_taken_is_sent_by_the_next_one_on_its_disk(collector, backend, applications):
    """The application is over by then, and the gateway was never there before."""
    plan = Plan("later", sessions=200, turns=2)
    gateway = collector("gateway.yaml", environment={"BACKEND_ENDPOINT": backend.url})
    agent = collector("agent.yaml", environment={"GATEWAYS": json.dumps([gateway.grpc])}).start()
    applications(plan, agent.http).wait()
    agent.kill()
    gateway.start()
    agent.start()
    wait_for_spans([backend], 1200)
    assert tally(plan, backend.spans()).lost == []
