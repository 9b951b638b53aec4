"""Every configuration is taken by the real binary as it stands, and has what all of them promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from collectors import CONFIGURATIONS, validate

FILES = sorted(path.name for path in CONFIGURATIONS.glob("*.yaml") if path.name != "builder.yaml")
TESTS = Path(__file__).parent
KEEP_ON_DISK = [name for name in FILES if name not in ("dev.yaml", "metrics.yaml")]


def text_of(name):
    return (CONFIGURATIONS / name).read_text()


def parts_of(name):
    return yaml.safe_load(text_of(name))


def pipelines_of(name):
    return parts_of(name)["service"]["pipelines"]


@pytest.mark.parametrize("name", FILES)
def test_a_configuration_is_valid_with_its_defaults(otelcol, name):
    assert validate(otelcol, name) == ""


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


@pytest.mark.parametrize("name", KEEP_ON_DISK)
def test_what_is_sent_on_waits_on_disk_for_as_long_as_it_takes(name):
    exporters = parts_of(name)["exporters"]
    sending = {key: each for key, each in exporters.items() if key.partition("/")[0] not in ("file", "debug", "prometheus")}
    assert sending
    for each in sending.values():
        assert each["sending_queue"]["storage"] == "file_storage"
        assert each["retry_on_failure"]["max_elapsed_time"] in (0, "0s")


@pytest.mark.parametrize("name", FILES)
def test_no_address_size_or_secret_is_fixed(name):
    """Where a value names a host, a port or a folder, the environment can change it."""
    lines = [line for line in text_of(name).splitlines() if not line.lstrip().startswith("#")]
    without = [re.sub(r"\$\{env:[^}]*\}", "", line.partition(" #")[0]) for line in lines]
    assert [line for line in without if re.search(r"localhost|:\d{4,5}\b|://|/var/|/etc/|token: *\S", line)] == []


@pytest.mark.parametrize("name", FILES)
def test_names_of_components_are_those_of_today(name):
    """``otlphttp``, ``loadbalancing`` and ``otlp`` as an exporter still work, with a warning."""
    assert {key.partition("/")[0] for key in parts_of(name)["exporters"]} & {"otlp", "otlphttp", "loadbalancing"} == set()


@pytest.mark.parametrize("name", FILES)
def test_a_configuration_begins_with_what_it_is_for(name):
    assert text_of(name).startswith("# ")


def test_no_component_is_built_that_no_configuration_uses():
    """Each is more to download, to compile and to keep secure."""
    built = set(re.findall(r"/(\w+?)(?:receiver|processor|exporter|connector|extension)? v", text_of("builder.yaml")))
    used = {
        key.partition("/")[0].replace("_", "")
        for name in FILES
        for kind in ("receivers", "processors", "exporters", "connectors", "extensions")
        for key in parts_of(name).get(kind, {})
    }
    renamed = {"otlp": "otlpgrpc"}
    assert sorted(each for each in built if not {each, renamed.get(each)} & used) == []
