"""Every configuration is taken by the real binary as it stands, and has what all of them promise."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from collectors import CONFIGURATIONS, validate

FILES = sorted(path.name for path in CONFIGURATIONS.glob("*.yaml") if path.name != "builder.yaml")
TESTS = Path(__file__).parent
HOLD_NOTHING = {
    "dev.yaml": "nothing is sent on",
    "metrics.yaml": "Prometheus fetches what there is",
    "kafka-gateway.yaml": "Kafka is the queue",
    "secure.yaml": "the sender is the queue",
}
NEED = {"clickhouse.yaml": {"CLICKHOUSE_PASSWORD_FILE": os.devnull}}
"""What has no default: without its password a Collector does not start."""


def text_of(name):
    return (CONFIGURATIONS / name).read_text()


def parts_of(name):
    return yaml.safe_load(text_of(name))


def pipelines_of(name):
    return parts_of(name)["service"]["pipelines"]


@pytest.mark.parametrize("name", FILES)
def test_a_configuration_is_valid_with_its_defaults(otelcol, name):
    assert validate(otelcol, name, environment=NEED.get(name)) == ""


@pytest.mark.parametrize("name", FILES)
def test_each_configuration_is_run_in_a_test_of_what_it_promises(name):
    """Not only validated: a wrong meaning is valid."""
    tests = [path for path in TESTS.glob("test_*.py") if path.name != Path(__file__).name]
    assert [path.name for path in tests if f'"{name}"' in path.read_text()] != []


@pytest.mark.parametrize("name", FILES)
def test_every_pipeline_that_receives_limits_its_memory_first(name):
    receiving = [each for each in pipelines_of(name).values() if not set(each["receivers"]) <= connectors_of(name)]
    assert receiving
    assert [each for each in receiving if each["processors"][0] != "memory_limiter"] == []


def connectors_of(name):
    return set(parts_of(name).get("connectors", {}))


@pytest.mark.parametrize("name", [name for name in FILES if name not in HOLD_NOTHING])
def test_what_is_sent_on_waits_on_disk_for_as_long_as_it_takes(name):
    exporters = parts_of(name)["exporters"]
    sending = {
        key: each for key, each in exporters.items() if key.partition("/")[0] not in ("file", "debug", "prometheus")
    }
    assert sending
    for each in sending.values():
        assert each["sending_queue"]["storage"] == "file_storage"
        assert each["retry_on_failure"]["max_elapsed_time"] in (0, "0s")


@pytest.mark.parametrize("name", ["kafka-gateway.yaml", "secure.yaml"])
def test_what_is_held_elsewhere_is_not_said_to_be_taken_before_the_backend_has_it(name):
    exporters = parts_of(name)["exporters"].values()
    assert [each["sending_queue"] for each in exporters] == [{"enabled": False}]


@pytest.mark.parametrize("name", FILES)
def test_no_address_size_or_secret_is_fixed(name):
    """Where a value names a host, a port or a folder, the environment can change it."""
    lines = [line for line in text_of(name).splitlines() if not line.lstrip().startswith("#")]
    without = [re.sub(r"\$\{env:[^}]*\}", "", line.partition(" #")[0]) for line in lines]
    assert [line for line in without if re.search(r"localhost|:\d{4,5}\b|://|/var/|/etc/|token: *\S", line)] == []


@pytest.mark.parametrize("name", FILES)
def test_names_of_components_are_those_of_today(name):
    """``otlphttp``, ``loadbalancing`` and ``otlp`` as an exporter still work, with a warning."""
    assert {key.partition("/")[0] for key in parts_of(name)["exporters"]} & {
        "otlp",
        "otlphttp",
        "loadbalancing",
    } == set()


@pytest.mark.parametrize("name", FILES)
def test_a_configuration_begins_with_what_it_is_for(name):
    assert text_of(name).startswith("# ")


def test_no_component_is_built_that_no_configuration_uses():
    """Each is more to download, to compile and to keep secure."""
    kinds = ("receivers", "processors", "exporters", "connectors", "extensions")
    used = {
        key.partition("/")[0].replace("_", "")
        for name in FILES
        for kind in kinds
        for key in parts_of(name).get(kind, {})
    }
    manifest = yaml.safe_load(text_of("builder.yaml"))
    modules = [each["gomod"].split()[0].rpartition("/")[2] for kind in kinds for each in manifest[kind]]
    built = {re.sub("(receiver|processor|exporter|connector|extension)$", "", module) for module in modules}
    assert built == used


def test_the_modules_that_are_pinned_are_those_of_the_manifest():
    """``collector-config/build --pin`` writes them anew; a build does not look for others."""
    manifest, pinned = yaml.safe_load(text_of("builder.yaml")), text_of("modules/go.mod")
    components = [parts for parts in manifest.values() if isinstance(parts, list) and isinstance(parts[0], dict)]
    required = {f"{path} {version}" for path, version in re.findall(r"^\t(\S+) (v\S+)", pinned, re.MULTILINE)}
    assert {each["gomod"] for parts in components for each in parts} <= required
    assert re.findall("^replace (.+)$", pinned, re.MULTILINE) == manifest["replaces"]
