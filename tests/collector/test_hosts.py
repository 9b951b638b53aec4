"""Several hosts with addresses of their own: applications with an agent beside them, gateways, one of which is cut off."""

from __future__ import annotations

import json

import pytest

import hosts
from plan import Plan
from received import split, tally, wait_for_spans
from sizes import size
from storing_backend import StoringBackend

pytestmark = pytest.mark.skipif(hosts.why_not() is not None, reason=str(hosts.why_not()))


@pytest.fixture
def switch():
    switch = hosts.Switch()
    yield switch
    switch.remove()


def test_a_gateway_that_is_cut_off_gets_its_sessions_when_it_is_back(switch, collector, applications, tmp_path, report):
    """The ring of a fixed list stays as it is, so its sessions wait for it, on the disks of the agents."""
    plan = Plan("hosts", sessions=size(claimed=2000, usual=600), turns=3, pause=2)
    spans = len(list(plan.spans()))
    beside = [switch.host(f"application-{number}") for number in range(2)]
    behind = [switch.host(f"gateway-{number}") for number in range(3)]
    received = [StoringBackend(tmp_path / host.name, host=switch.address).start() for host in behind]
    gateways = [
        collector(
            "gateway.yaml",
            name=host.name,
            host=host.address,
            inside=host.inside,
            environment={"BACKEND_ENDPOINT": backend.url},
        ).start()
        for host, backend in zip(behind, received, strict=True)
    ]
    addresses = json.dumps([gateway.grpc for gateway in gateways])
    agents = [
        collector(
            "agent.yaml", name=host.name, host=host.address, inside=host.inside, environment={"GATEWAYS": addresses}
        ).start()
        for host in beside
    ]
    running = applications(plan, *(agent.http for agent in agents), inside=[host.inside for host in beside])
    wait_for_spans(received, spans // 9)
    behind[1].unplug()
    running.wait()
    behind[1].plug_in()
    arrived = wait_for_spans(received, spans, seconds=120)
    for each in [*agents, *gateways, *received]:
        each.stop()
    groups = [backend.spans() for backend in received]
    told = tally(plan, [span for group in groups for span in group])
    report(
        f"2 hosts with applications and agents, 3 with gateways, one cut off for a while: {spans - arrived} of {spans} spans "
        f"lost, {told.doubled} twice, {len(split(groups))} of {plan.sessions} sessions split"
    )
    assert (told.lost, told.unknown, split(groups)) == ([], [], [])
