"""What the doctor says of packages: what does not go together, what is missing, what is known of others."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from otel_sessions._setup.doctor.environment.conflicts import CONFLICTS, conflicts_in
from otel_sessions._setup.doctor.environment.installed import (
    Package,
    installed_here,
    missing,
    satisfies,
    unmet,
    versions_in,
)
from otel_sessions._setup.doctor.environment.libraries import LIBRARIES, twice, uninstrumented
from otel_sessions._setup.doctor.environment.surroundings import wrong_in

TRACES = "opentelemetry_traces_exporter"
SDK = Package("opentelemetry-sdk", "1.45.1", provides=frozenset({(TRACES, "console")}))
HTTP = Package("opentelemetry-exporter-otlp-proto-http", "1.45.1", provides=frozenset({(TRACES, "otlp_proto_http")}))
DISTRO = Package("opentelemetry-distro", "0.66b1", provides=frozenset({("opentelemetry_configurator", "configurator")}))
THREADING = Package("opentelemetry-instrumentation-threading", "0.66b1")


def installed(*packages, **versions):
    named = [Package(name.replace("_", "-"), version) for name, version in versions.items()]
    return {package.name: package for package in (*packages, *named)}


def codes(findings):
    return [finding.code for finding in findings]


def test_the_packages_of_this_environment_go_together():
    here = installed_here()
    assert list(unmet(here)) == []
    assert here["otel-sessions"].provides >= {("opentelemetry_instrumentor", "otel_sessions")}
    shown = versions_in(here, ["openai", "not-there"])
    assert {"openai", "opentelemetry-sdk", "otel-sessions", "openinference-instrumentation-openai"} <= shown.keys()
    assert "pytest" not in shown


def test_what_is_left_of_a_package_without_a_name_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "gone-1.0.dist-info").mkdir()
    (tmp_path / "mine-1.0.dist-info").mkdir()
    (tmp_path / "mine-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: My_Mine\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    here = installed_here()
    assert here["my-mine"] == Package("my-mine", "1.0")
    assert "gone" not in here


def test_a_requirement_that_is_not_met_is_an_error_that_names_both():
    needing = Package(
        "shop",
        "1",
        (
            "opentelemetry-sdk<1.45,>=1.40",
            "opentelemetry-api ~= 1.15",
            "opentelemetry-extra; extra == 'more'",
            "opentelemetry-broken >>> 1",
            "opentelemetry-sdk; python_version >= '3'",
            "!",
            "requests==0",
        ),
    )
    found = list(unmet(installed(SDK, needing)))
    assert {finding.code for finding in found} == {"requirement-unmet"}
    assert [finding.what for finding in found] == [
        "shop 1 requires opentelemetry-sdk<1.45,>=1.40, and 1.45.1 is installed.",
        "shop 1 requires opentelemetry-api~=1.15, and it is not installed.",
    ]
    assert found[0].remedy == "pip install --upgrade 'shop' 'opentelemetry-sdk<1.45,>=1.40'"


def test_no_more_than_a_few_of_one_kind_are_told():
    many = [Package(f"p{number}", "1", ("opentelemetry-sdk<1",)) for number in range(9)]
    assert len(list(unmet(installed(SDK, *many)))) == 5


def test_a_version_that_can_not_be_read_satisfies():
    assert satisfies(installed(a="who knows"), "a>=3")
    assert satisfies(installed(a="3.1.dev0"), "a>=3")
    assert not satisfies(installed(a="2"), "a>=3")
    assert not satisfies({}, "a")


@pytest.mark.parametrize(
    ("packages", "variables", "expected"),
    [
        ((), {}, ["sdk-missing"]),
        ((SDK,), {}, ["exporter-missing"]),
        ((SDK, Package("logfire", "5")), {}, []),
        ((SDK, HTTP), {}, []),
        ((SDK, HTTP), {"OTEL_TRACES_EXPORTER": "otlp"}, ["distro-missing"]),
        ((SDK, HTTP, DISTRO), {"OTEL_TRACES_EXPORTER": "otlp"}, ["threading-missing"]),
        ((SDK, HTTP, DISTRO, THREADING), {}, []),
    ],
)
def test_what_is_missing(packages, variables, expected):
    assert codes(missing(installed(*packages), variables)) == expected


# Libraries that call models


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_a_library_without_an_instrumentation_is_named_and_each_of_its_instrumentations_will_do(library):
    alone = installed(Package(library.name, "1"))
    (finding,) = uninstrumented(alone)
    assert finding.remedy == f"pip install {library.openinference}"
    for name in library.instrumentations:
        assert list(uninstrumented(alone | installed(Package(name, "1")))) == []


def test_one_that_is_there_for_another_is_not_named():
    below = Package("openai", "3")
    chain = Package("langchain-openai", "1", ("openai>=2", "langchain-core>=1"))
    (finding,) = uninstrumented(installed(below, chain, langchain_core="1"))
    assert finding.where == "langchain-core"
    assert (
        list(uninstrumented(installed(below, Package("pydantic-ai-slim", "2", ("openai; extra == 'openai'",))))) == []
    )
    (finding,) = uninstrumented(installed(below, Package("otel-sessions", "1", ("openai; extra == 'demo'",))))
    assert finding.where == "openai"


def test_tools_that_instrument_by_themselves_are_enough():
    assert list(uninstrumented(installed(openai="3", logfire="5"))) == []


def test_a_client_that_makes_spans_by_itself_is_not_named():
    assert list(uninstrumented(installed(anthropic="2.14.0"))) == []
    (finding,) = uninstrumented(installed(anthropic="2.14.0", openai="3"))
    assert finding.where == "openai"
    (finding,) = uninstrumented(installed(anthropic="2.14.0"), {"ANTHROPIC_OPEN_TELEMETRY": "False"})
    assert finding.where == "anthropic"


def test_two_instrumentations_of_one_library_are_told_of():
    both = installed(
        openai="3", opentelemetry_instrumentation_genai_openai="1", openinference_instrumentation_openai="0.1"
    )
    (finding,) = twice(both)
    assert finding.code == "instrumented-twice"
    assert finding.where == "openinference-instrumentation-openai, opentelemetry-instrumentation-genai-openai"
    assert list(twice(installed(openai="3", openinference_instrumentation_openai="0.1"))) == []


# What is known


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda conflict: f"{conflict.code} {conflict.packages[0]}")
def test_each_row_holds_where_its_packages_and_variables_are_there(conflict):
    names = [Requirement(package).name for package in conflict.packages]
    variables = {name: values[-1].upper() for name, values in conflict.variables.items()}
    there = installed(*(Package(name, "0.66b2" if conflict.is_of_command else "99") for name in names))
    found = {finding.code: finding for finding in conflicts_in(variables, there, runs=True)}
    assert found[conflict.code].level == conflict.level
    assert f"seen with {conflict.seen}" in found[conflict.code].where
    assert (conflict.code in codes(conflicts_in(variables, there))) != conflict.is_of_command
    assert conflict.code not in codes(conflicts_in(dict.fromkeys(conflict.variables, "x"), {}, runs=True))
    if conflict.variables:
        others = dict.fromkeys(conflict.variables, "false")
        assert conflict.code not in codes(conflicts_in(others, there, runs=True))
    assert conflict.page == "" or conflict.page in found[conflict.code].why


def test_one_tool_in_two_packages_is_told_of_once():
    assert codes(conflicts_in({}, installed(mlflow="3", mlflow_tracing="3"))) == ["mlflow-apart"]


def test_a_client_that_traces_itself_is_told_of_beside_an_instrumentation_alone():
    chain = installed(anthropic="2.14.0", langchain_anthropic="1.7.10")
    assert list(conflicts_in({}, chain)) == []
    (finding,) = conflicts_in({}, chain | installed(openinference_instrumentation_langchain="0.1.80"))
    assert (finding.code, finding.remedy) == ("anthropic-traces-itself", "export ANTHROPIC_OPEN_TELEMETRY=false")
    older = installed(anthropic="1.0", openinference_instrumentation_anthropic="3.1.0")
    assert list(conflicts_in({}, older)) == []


def test_the_pages_that_are_named_are_there(pytestconfig):
    for conflict in CONFLICTS:
        name, _, section = conflict.page.partition("#")
        text = (pytestconfig.rootpath / name).read_text() if name else ""
        assert not section or f"## {section}" in text.lower()


def test_all_is_said_of_an_environment_at_once():
    found = codes(wrong_in({"OTEL_TRACES_SAMPLER": "always_off", "OTEL_TRACES_EXPORTER": "none"}, installed(SDK, HTTP)))
    assert found == ["sampler-off", "distro-missing", "exporter-none"]
    with_file = codes(wrong_in({"OTEL_CONFIG_FILE": "a", "OTEL_TRACES_EXPORTER": "none"}, installed(SDK, HTTP)))
    assert with_file == ["configuration-file", "configuration-not-installed", "distro-missing"]
