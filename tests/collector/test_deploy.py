"""deploy/: the files are what Compose and Kubernetes accept, and what they name is there and fits together.

Neither a container engine nor a cluster is needed: the files are read, and each Collector that they describe is checked by
the real binary, with the files and the environment that it has there.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from importlib.resources import files

import jsonschema
import kubernetes_validate
import pytest
import yaml

from collectors import CONFIGURATIONS, validate
from deployments import (
    COLLECTOR_IMAGE,
    DEPLOY,
    DEPLOYMENTS,
    KUBERNETES,
    compose,
    config_maps,
    kustomization,
    manifest,
    manifests,
    mib,
    of_compose,
    of_kind,
)
from trials.fleet.cases import of_go

CONTAINERS = [
    pytest.param(container, id=f"{deployment}-{container.name}")
    for deployment, containers in DEPLOYMENTS.items()
    for container in containers
]
every_container = pytest.mark.parametrize("container", CONTAINERS)
every_deployment = pytest.mark.parametrize("containers", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
every_compose = pytest.mark.parametrize("name", ["compose.yaml", "compose.session-tail.yaml"])

COMPOSE_SCHEMA = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
READ = re.compile(r"\$\{env:(\w+)(:-)?")
NOT_READ_BY_CONFIGURATIONS = {"GOMEMLIMIT", "GOGC"}
SPAN_KIB = 16  # of disk, for the largest that a span is on the average


def read_by(container):
    """Return the variables that the container's configurations read, and whether each has a default."""
    texts = (path.read_text() for path in container.configurations)
    return {name: bool(default) for text in texts for name, default in READ.findall(text)}


def template(workload):
    return workload["spec"]["template"]


def container_of(workload):
    (container,) = template(workload)["spec"]["containers"]
    return container


def chosen_by(selector):
    """Return the names of the workloads whose pods a selector matches."""
    return [
        workload["metadata"]["name"]
        for workload in of_kind("DaemonSet", "StatefulSet")
        if selector.items() <= template(workload)["metadata"]["labels"].items()
    ]


# Every Collector, of both


@every_container
def test_the_collector_accepts_what_each_container_runs(otelcol, container):
    assert validate(otelcol, *container.configurations, environment=container.environment) == ""


@every_container
def test_each_variable_that_has_no_default_is_set_and_each_that_is_set_is_read(container):
    read, given = read_by(container), container.environment.keys() - NOT_READ_BY_CONFIGURATIONS
    assert {name for name, has_default in read.items() if not has_default} - given == set()
    assert given - read.keys() == set()


@every_container
def test_the_image_is_the_release_that_the_tests_run(container):
    version = yaml.safe_load((CONFIGURATIONS / "builder.yaml").read_text())["dist"]["version"]
    assert container.image == f"{COLLECTOR_IMAGE}:{version}"


@every_container
def test_the_memory_limiter_acts_before_the_container_is_killed(container):
    limit, spike = (int(container.environment[name]) for name in ("MEMORY_LIMIT_MIB", "MEMORY_SPIKE_MIB"))
    assert limit == container.memory_mib * 8 // 10
    assert limit + spike < container.memory_mib
    assert container.environment["GOMEMLIMIT"] in {f"{limit - spike}MiB", f"{limit - spike - 1}MiB"}


@every_container
def test_garbage_is_collected_as_seldom_as_in_what_is_measured(container):
    assert int(container.environment["GOGC"]) == int(of_go()["GOGC"]) > 100
    assert "GOMEMLIMIT" in container.environment  # which bounds what that takes


@every_container
def test_what_others_call_does_not_listen_on_loopback(container):
    called = [
        "OTLP_GRPC_ENDPOINT",
        "HEALTH_ENDPOINT",
        "METRICS_HOST",
        *([] if container.is_gateway() else ["OTLP_HTTP_ENDPOINT"]),
    ]
    assert {container.environment[name].partition(":")[0] for name in called} == {"0.0.0.0"}  # noqa: S104


@every_container
def test_the_queue_is_on_a_volume(container):
    assert container.environment["QUEUE_DIRECTORY"] in container.volumes


@every_deployment
def test_agents_and_gateways_are_of_one_kind(containers):
    """Gateways that decide on sessions need agents that send a session as one trace, and the others need the others."""
    kinds = {
        path.stem.partition("-")[2]
        for each in containers
        for path in each.configurations
        if path.parent == CONFIGURATIONS
    }
    assert len(kinds) == 1


# Compose


@every_compose
def test_compose_files_are_as_the_specification_says(name):
    jsonschema.validate(yaml.safe_load((DEPLOY / name).read_text()), json.loads(COMPOSE_SCHEMA.read_text()))


def test_compose_agents_send_to_all_gateways_and_to_no_other():
    containers = of_compose("compose.yaml")
    (agent,) = (each for each in containers if not each.is_gateway())
    gateways = [f"{each.name}:{each.port('OTLP_GRPC_ENDPOINT')}" for each in containers if each.is_gateway()]
    assert yaml.safe_load(agent.environment["GATEWAYS"]) == gateways
    assert len(gateways) == 3


def test_compose_gateways_send_to_a_service_that_is_there():
    document = compose("compose.yaml")
    sent_to = {each.environment["BACKEND_ENDPOINT"] for each in of_compose("compose.yaml") if each.is_gateway()}
    (port,) = document["services"]["phoenix"]["ports"]
    assert sent_to == {f"http://phoenix:{port.rpartition(':')[2]}"}


def test_compose_opens_ports_to_this_machine_alone_and_to_where_something_listens():
    services = compose("compose.yaml")["services"]
    opened = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert {port.split(":")[0] for ports in opened.values() for port in ports} == {"127.0.0.1"}
    (agent,) = (each for each in of_compose("compose.yaml") if each.name == "agent")
    listened = [agent.port(name) for name in ("OTLP_GRPC_ENDPOINT", "OTLP_HTTP_ENDPOINT")]
    assert [int(port.split(":")[2]) for port in opened["agent"]] == listened


def test_compose_gives_each_collector_a_queue_of_its_own_that_it_may_write():
    document = compose("compose.yaml")
    queues = Counter(volume for each in of_compose("compose.yaml") for volume in each.volumes.values())
    assert set(queues.values()) == {1}
    owner = document["services"]["queue-owner"]
    mounted = dict(each.split(":") for each in owner["volumes"])
    assert mounted.keys() == queues.keys() <= document["volumes"].keys()
    assert owner["command"] == ["chown", "10001:10001", *mounted.values()]


def test_compose_services_are_pinned_bounded_and_started_again():
    services = compose("compose.yaml")["services"]
    assert [name for name, service in services.items() if service["image"].endswith("latest")] == []
    assert [name for name, service in services.items() if not re.search(r":\S*\d+\.\d+\.\d+$", service["image"])] == []
    assert [name for name, service in services.items() if "mem_limit" not in service] == []
    once = [name for name, service in services.items() if service.get("restart") != "unless-stopped"]
    assert once == ["queue-owner"]


def test_the_phoenix_of_compose_is_the_one_that_is_tested():
    pinned = (CONFIGURATIONS.parent / "constraints" / "phoenix.txt").read_text()
    (version,) = re.findall(r"^arize-phoenix==(\S+)$", pinned, re.MULTILINE)
    assert compose("compose.yaml")["services"]["phoenix"]["image"] == f"arizephoenix/phoenix:version-{version}"


def test_the_session_tail_overlay_names_only_what_the_first_file_has():
    below, above = compose("compose.yaml"), compose("compose.session-tail.yaml")
    assert above["services"].keys() == {name for name in below["services"] if name.startswith("gateway-")}
    assert above["configs"].keys() == below["configs"].keys()


# Kubernetes


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize(
    "each", [pytest.param(each, id=f"{each['kind']}-{each['metadata']['name']}") for each in manifests()]
)
def test_manifests_are_as_the_api_says(each, version):
    kubernetes_validate.validate(each, version, strict=True)


def test_every_manifest_is_applied():
    others = {"kustomization.yaml", "k8s-resolver.yaml"}
    assert {path.name for path in KUBERNETES.glob("*.yaml")} - others == set(kustomization()["resources"])


def test_every_object_is_in_the_namespace_that_is_made():
    (namespace,) = of_kind("Namespace")
    placed = {
        each["metadata"].get("namespace")
        for each in manifests()
        if each is not namespace and each["kind"] != "Namespace"
    }
    assert placed == {namespace["metadata"]["name"]} == {kustomization()["namespace"]}


def test_kustomize_makes_the_config_maps_of_the_configurations_themselves():
    """By the command that README.md gives."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl, which has kustomize in it")
    (command,) = re.findall(
        r"^(kubectl kustomize .+) \| kubectl apply -f -$", (DEPLOY / "README.md").read_text(), re.MULTILINE
    )
    done = subprocess.run(
        command.split(), cwd=CONFIGURATIONS.parent, capture_output=True, text=True, timeout=240, check=True
    )
    made = list(yaml.safe_load_all(done.stdout))
    data = {each["metadata"]["name"].rpartition("-")[0]: each["data"] for each in made if each["kind"] == "ConfigMap"}
    assert data == {name: {key: path.read_text() for key, path in keys.items()} for name, keys in config_maps().items()}
    mounted = {
        volume["configMap"]["name"]
        for each in made
        if each["kind"] in {"DaemonSet", "StatefulSet"}
        for volume in each["spec"]["template"]["spec"]["volumes"]
        if "configMap" in volume
    }
    assert mounted == {each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"}


@pytest.mark.parametrize("name", ["agent", "gateway"])
def test_whatever_selects_pods_selects_those_of_its_name(name):
    selectors = {
        each["kind"]: each["spec"]["podSelector"]["matchLabels"]
        if each["kind"] == "NetworkPolicy"
        else each["spec"]["selector"].get("matchLabels", each["spec"]["selector"])
        for each in manifests()
        if each["metadata"]["name"] == name and "spec" in each
    }
    assert {kind: chosen_by(selector) for kind, selector in selectors.items()} == {kind: [name] for kind in selectors}
    assert selectors.keys() >= {"Service", "NetworkPolicy"}


def test_gateways_are_spread_over_nodes_and_zones():
    constraints = template(manifest("StatefulSet", "gateway"))["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in constraints] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert [chosen_by(each["labelSelector"]["matchLabels"]) for each in constraints] == [["gateway"], ["gateway"]]


@pytest.mark.parametrize("container", [pytest.param(each, id=each.name) for each in DEPLOYMENTS["kubernetes"]])
def test_each_port_is_the_one_that_the_collector_listens_at(container):
    (workload,) = (each for each in of_kind("DaemonSet", "StatefulSet") if each["metadata"]["name"] == container.name)
    variables = {
        "otlp-grpc": "OTLP_GRPC_ENDPOINT",
        "otlp-http": "OTLP_HTTP_ENDPOINT",
        "metrics": "METRICS_PORT",
        "health": "HEALTH_ENDPOINT",
    }
    ports = {each["name"]: each["containerPort"] for each in container_of(workload)["ports"]}
    assert ports == {name: container.port(variables[name]) for name in ports}


@pytest.mark.parametrize(
    "workload", [pytest.param(each, id=each["metadata"]["name"]) for each in of_kind("DaemonSet", "StatefulSet")]
)
def test_services_policies_and_probes_name_ports_that_the_pods_have(workload):
    name, container = workload["metadata"]["name"], container_of(workload)
    has = {each["name"] for each in container["ports"]}
    of_service = {each["targetPort"] for each in manifest("Service", name)["spec"]["ports"]}
    let_in = {port["port"] for rule in manifest("NetworkPolicy", name)["spec"]["ingress"] for port in rule["ports"]}
    probed = {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "readiness", "liveness")}
    assert of_service <= let_in <= has
    assert probed == {"health"} <= has


def test_only_agents_reach_the_gateways_and_only_monitoring_their_metrics():
    rules = manifest("NetworkPolicy", "gateway")["spec"]["ingress"]
    let_in = {port["port"]: rule["from"] for rule in rules for port in rule["ports"]}
    (agents,) = let_in["otlp-grpc"]
    assert chosen_by(agents["podSelector"]["matchLabels"]) == ["agent"]
    assert let_in["metrics"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert let_in.keys() == {"otlp-grpc", "metrics"}


def test_the_resolver_asks_for_the_headless_service_that_gives_the_gateways_their_names():
    (agent,) = (each for each in DEPLOYMENTS["kubernetes"] if not each.is_gateway())
    service = manifest("Service", agent.environment["GATEWAY_SERVICE"])
    gateways = manifest("StatefulSet", "gateway")
    assert service["spec"]["clusterIP"] == "None"
    assert chosen_by(service["spec"]["selector"]) == [gateways["metadata"]["name"]]
    assert gateways["spec"]["serviceName"] == service["metadata"]["name"]
    ports = {each["name"]: each["port"] for each in service["spec"]["ports"]}
    assert ports["otlp-grpc"] == int(agent.environment["GATEWAY_PORT"])


def test_only_agents_have_a_token_and_it_gives_them_the_role_in_their_namespace():
    pods = {each["metadata"]["name"]: template(each)["spec"] for each in of_kind("DaemonSet", "StatefulSet")}
    assert {name: pod["automountServiceAccountToken"] for name, pod in pods.items()} == {
        "agent": True,
        "gateway": False,
    }
    account = manifest("ServiceAccount", pods["agent"]["serviceAccountName"])["metadata"]
    (binding,) = of_kind("RoleBinding")
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    ]
    assert (
        manifest(binding["roleRef"]["kind"], binding["roleRef"]["name"])["metadata"]["namespace"]
        == account["namespace"]
    )


@pytest.mark.parametrize(
    "workload", [pytest.param(each, id=each["metadata"]["name"]) for each in of_kind("DaemonSet", "StatefulSet")]
)
def test_pods_need_no_more_than_the_restricted_standard_gives(workload):
    pod, container = template(workload)["spec"], container_of(workload)
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= {"configMap", "emptyDir"}
    assert [port for port in container["ports"] if "hostPort" in port] == []


def test_the_queue_volumes_have_room_for_as_many_spans_as_the_queues_take():
    agent, gateway = (manifest(*each) for each in (("DaemonSet", "agent"), ("StatefulSet", "gateway")))
    (emptied,) = (each["emptyDir"] for each in template(agent)["spec"]["volumes"] if "emptyDir" in each)
    (claim,) = gateway["spec"]["volumeClaimTemplates"]
    room = {"agent": emptied["sizeLimit"], "gateway": claim["spec"]["resources"]["requests"]["storage"]}
    spans = {each.name: int(each.environment["QUEUE_SPANS"]) for each in DEPLOYMENTS["kubernetes"]}
    assert [name for name in room if mib(room[name]) * 1024 < spans[name] * SPAN_KIB] == []
    assert (
        claim["metadata"]["name"]
        in next(each for each in DEPLOYMENTS["kubernetes"] if each.is_gateway()).volumes.values()
    )


def test_a_gateway_without_a_salt_starts_and_removes_users():
    (salt,) = (each for each in container_of(manifest("StatefulSet", "gateway"))["env"] if each["name"] == "USER_SALT")
    assert salt["valueFrom"]["secretKeyRef"]["optional"] is True
