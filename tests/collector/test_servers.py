"""What the tests start does not get into the way of what they start elsewhere."""

from __future__ import annotations

from ports import ports_of


def test_workers_of_one_run_have_ports_of_their_own():
    environments = [{"PYTEST_XDIST_WORKER": f"gw{each}", "PYTEST_XDIST_WORKER_COUNT": "4"} for each in range(4)]
    ports = [port for environment in environments for port in ports_of(environment)]
    assert len(ports) == len(set(ports))
    assert set(ports) == set(ports_of({}))
