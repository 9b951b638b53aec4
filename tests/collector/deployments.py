"""What the files of ``collector-config/deploy`` make of it: which container runs what, with which environment."""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from collectors import CONFIGURATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

DEPLOY = CONFIGURATIONS / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
COLLECTOR_IMAGE = "otel/opentelemetry-collector-contrib"
A_SECRET = "5f1c" * 16
"""Stands for what is in the cluster's Secrets."""

_NOT_SET = re.compile(r"\$\{\w+:-([^}]*)\}")
_MIB = {"m": 1, "g": 1024, "Mi": 1, "Gi": 1024}


class Container(NamedTuple):
    """A Collector as it is deployed.

    Attributes:
        configurations: The files of this repository that its ``--config`` arguments name, in their order.
        volumes: The name of the volume at each path.
    """

    name: str
    image: str
    configurations: tuple[Path, ...]
    environment: dict[str, str]
    memory_mib: int
    volumes: dict[str, str]

    def port(self, variable: str) -> int:
        """Return the port of the address in a variable."""
        return int(self.environment[variable].rpartition(":")[2])

    def is_gateway(self) -> bool:
        return self.configurations[0].name.startswith("gateway")


def mib(text: str) -> int:
    """Return an amount of memory or disk, as Compose and as Kubernetes write it."""
    number, unit = re.fullmatch(r"(\d+)([a-zA-Z]+)", text).groups()
    return int(number) * _MIB[unit]


def compose(*files: str) -> dict[str, Any]:
    """Return Compose files, a later one merged over the former, where no variable of the host is set."""
    texts = ((DEPLOY / file).read_text() for file in files)
    return reduce(_merged, (yaml.safe_load(_NOT_SET.sub(r"\1", text)) for text in texts))


def _merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def of_compose(*files: str) -> list[Container]:
    """Return the Collectors of Compose files."""
    document = compose(*files)
    return [
        _of_service(name, service, document["configs"])
        for name, service in document["services"].items()
        if service["image"].startswith(COLLECTOR_IMAGE)
    ]


def _of_service(name: str, service: Mapping[str, Any], configs: Mapping[str, Any]) -> Container:
    mounted = {each["target"]: DEPLOY / configs[each["source"]]["file"] for each in service["configs"]}
    return Container(
        name,
        service["image"],
        _configurations(service["command"], mounted),
        {key: str(value) for key, value in service["environment"].items()},
        mib(service["mem_limit"]),
        {path: volume for volume, path in (each.split(":") for each in service["volumes"])},
    )


def _configurations(arguments: Iterable[str], mounted: Mapping[str, Path]) -> tuple[Path, ...]:
    return tuple(mounted[argument.removeprefix("--config=")].resolve() for argument in arguments)


def kustomization() -> dict[str, Any]:
    return yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())


def manifests() -> list[dict[str, Any]]:
    """Return all objects that are applied but for the ConfigMaps, which are generated."""
    files = (KUBERNETES / file for file in kustomization()["resources"])
    return [manifest for file in files for manifest in yaml.safe_load_all(file.read_text())]


def manifest(kind: str, name: str) -> dict[str, Any]:
    (found,) = (each for each in manifests() if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [each for each in manifests() if each["kind"] in kinds]


def config_maps(**instead: str) -> dict[str, dict[str, Path]]:
    """Return the file behind each key of each ConfigMap, with some configurations (``agent=``) put in another's place."""
    return {
        each["name"]: dict(_key_and_file(file, instead) for file in each["files"])
        for each in kustomization()["configMapGenerator"]
    }


def _key_and_file(text: str, instead: Mapping[str, str]) -> tuple[str, Path]:
    key, _, file = text.rpartition("=")
    path = (KUBERNETES / file).resolve()
    return key or path.name, path.with_stem(instead.get(path.stem, path.stem))


def of_kubernetes(**instead: str) -> list[Container]:
    """Return the Collectors of the manifests, with some configurations (``agent=``) put in another's place."""
    return [_of_workload(each, config_maps(**instead)) for each in of_kind("DaemonSet", "StatefulSet")]


def _of_workload(workload: Mapping[str, Any], maps: Mapping[str, Mapping[str, Path]]) -> Container:
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    places = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    from_map = {volume["name"]: maps[volume["configMap"]["name"]] for volume in pod["volumes"] if "configMap" in volume}
    mounted = {
        f"{path}/{key}": file for path, volume in places.items() for key, file in from_map.get(volume, {}).items()
    }
    return Container(
        workload["metadata"]["name"],
        container["image"],
        _configurations(container["args"], mounted),
        {each["name"]: each.get("value", A_SECRET) for each in container["env"]},
        mib(container["resources"]["limits"]["memory"]),
        places,
    )


DEPLOYMENTS = {
    "compose": of_compose("compose.yaml"),
    "compose-session-tail": of_compose("compose.yaml", "compose.session-tail.yaml"),
    "kubernetes": of_kubernetes(),
    "kubernetes-session-tail": of_kubernetes(agent="agent-session-tail", gateway="gateway-session-tail"),
}
