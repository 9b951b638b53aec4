"""deploy/kubernetes/k8s-resolver.yaml: agents find the gateways in Kubernetes, by names, with no more rights than given."""

from __future__ import annotations

from contextlib import ExitStack

import httpx
import pytest

from deployments import KUBERNETES, manifest
from kubernetes_api import Asked, EndpointSlices, Pod, kubeconfig
from plan import Plan
from ports import free_port
from received import session_ids, split, tally, wait_for_spans
from servers import eventually, log_of, start
from wire import spans_in

NAMESPACE = "otel-sessions"
GATEWAYS = [Pod(f"gateway-{number}", f"127.0.0.{number + 2}") for number in range(3)]


def granted() -> frozenset[str]:
    """Return the verbs that rbac.yaml gives on EndpointSlices."""
    (rule,) = manifest("Role", "gateway-finder")["rules"]
    assert (rule["apiGroups"], rule["resources"]) == (["discovery.k8s.io"], ["endpointslices"])
    return frozenset(rule["verbs"])


@pytest.fixture
def slices():
    return EndpointSlices("gateway", NAMESPACE, *GATEWAYS, may=granted())


@pytest.fixture
def environment(slices, tmp_path):
    with slices.served() as url:
        yield {
            "KUBECONFIG": str(kubeconfig(url, tmp_path)),
            # In a cluster the namespace is the agent's own.
            "GATEWAY_SERVICE": f"gateway.{NAMESPACE}",
            "GATEWAY_PORT": str(free_port()),
        }


@pytest.fixture
def agent(collector, environment, tmp_path):
    """Give an agent that knows the names of the gateways as the cluster's DNS would tell them."""
    hosts = tmp_path / "hosts"
    names = [f"{pod.address} {pod.hostname}.gateway.{NAMESPACE}\n" for pod in GATEWAYS]
    hosts.write_text("127.0.0.1 localhost\n" + "".join(names))
    in_its_own_view = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts))
    return collector("agent.yaml", KUBERNETES / "k8s-resolver.yaml", environment=environment, inside=in_its_own_view)


@pytest.fixture
def gateways(collector, backends, environment):
    """Give what each of three gateways has passed on."""
    behind = backends(len(GATEWAYS))
    for pod, backend in zip(GATEWAYS, behind, strict=True):
        at = {"OTLP_GRPC_ENDPOINT": f"{pod.address}:{environment['GATEWAY_PORT']}", "BACKEND_ENDPOINT": backend.url}
        collector("gateway.yaml", name=pod.hostname, host=pod.address, environment=at).start()
    return behind


def hold(plan, agent, gateways, applications):
    """Hold the turns of a plan, and return the number of the gateway that each session went to by them."""
    before = [len(backend.bodies) for backend in gateways]
    known = sum(len(backend.spans()) for backend in gateways)
    applications(plan, agent.http).wait()
    wait_for_spans(gateways, known + len(list(plan.spans())))
    return {
        session_id: number
        for number, backend in enumerate(gateways)
        for session_id in session_ids(spans_in(backend.bodies[before[number] :]))
    }


def has_gateways(agent, count):
    def known():
        return agent.metric("otelcol_loadbalancer_num_backends")

    return eventually(known, lambda known: known == count, 120) == count


def test_an_agent_asks_for_what_its_role_allows_and_for_nothing_else(slices, agent):
    with agent:
        assert has_gateways(agent, 3)
    selector = "kubernetes.io/service-name=gateway"
    asked = {each._replace(verb="") for each in slices.asked}
    assert asked == {Asked("", "discovery.k8s.io", "endpointslices", NAMESPACE, selector)}
    assert {each.verb for each in slices.asked} <= granted()


def test_all_of_a_session_goes_to_one_gateway_that_kubernetes_names(agent, gateways, applications):
    plan = Plan("named", sessions=300, turns=2)
    with agent:
        applications(plan, agent.http).wait()
        assert wait_for_spans(gateways, 1800) == 1800
    groups = [backend.spans() for backend in gateways]
    assert split(groups) == []
    assert [len(group) > 0 for group in groups] == [True, True, True]
    assert tally(plan, [span for group in groups for span in group]) == ([], 0, [])


def test_a_gateway_that_comes_back_with_another_address_has_its_sessions_again(slices, agent, gateways, applications):
    """While it is not ready they are with the others, whose own stay where they are."""
    plan, (first, *others) = Plan("back", sessions=150, turns=1), GATEWAYS
    with agent:
        assert has_gateways(agent, 3)
        with_all = hold(plan, agent, gateways, applications)
        slices.set(first._replace(ready=False), *others)
        assert has_gateways(agent, 2)
        without_first = hold(plan, agent, gateways, applications)
        slices.set(first._replace(address="127.0.0.9"), *others)
        assert has_gateways(agent, 3)
        again = hold(plan, agent, gateways, applications)
    assert set(with_all.values()) == {0, 1, 2}
    assert set(without_first.values()) == {1, 2}
    assert {each: place for each, place in with_all.items() if place}.items() <= without_first.items()
    assert again == with_all


def test_an_agent_that_may_not_ask_does_not_become_ready_and_says_why(slices, agent, tmp_path):
    """As without the RoleBinding: its applications keep what they have."""
    slices.may = frozenset()
    with ExitStack() as running:
        start(agent._installed, tmp_path, running)
        log = eventually(log_of(agent._installed, tmp_path).read_text, lambda text: "is forbidden" in text, 120)
        health = httpx.get(agent._installed.url, trust_env=False)
    assert "endpointslices.discovery.k8s.io is forbidden" in log
    assert health.status_code == 503
