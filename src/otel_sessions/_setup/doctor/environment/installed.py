"""Which packages an environment has, and what of them does not go together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from otel_sessions._setup.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.metadata import Distribution


@dataclass(frozen=True, slots=True)
class Package:
    """One installed distribution.

    Attributes:
        name: In the spelling of the index: lower case, with hyphens.
        version: As it says.
        requires: Its requirements, as they are written.
        provides: Its entry points for OpenTelemetry, each by group and name.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    provides: frozenset[tuple[str, str]] = frozenset()


Installed: TypeAlias = "Mapping[str, Package]"

_OF_OPENTELEMETRY = "opentelemetry_"  # how the groups of its entry points begin
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_SHOWN = ("opentelemetry-", "openinference-", "otel-sessions")
_MOST_FINDINGS = 5
"""Of requirements: what is wrong with one release is wrong with twenty packages."""

EXPORTERS = {
    "grpc": ("otlp_proto_grpc", "opentelemetry-exporter-otlp-proto-grpc"),
    "http/protobuf": ("otlp_proto_http", "opentelemetry-exporter-otlp-proto-http"),
}
"""For each protocol of OTLP that Python has an exporter for: its entry point, and its package."""


def installed_here() -> dict[str, Package]:
    """Return the packages that this process can import, by name; of two of one name the one that is found first."""
    found: dict[str, Package] = {}
    for distribution in distributions():
        package = _read(distribution)
        if package is not None:
            found.setdefault(package.name, package)
    return found


def _read(distribution: Distribution) -> Package | None:
    """Return what ``distribution`` is; ``None`` where it is a folder with nothing in it, as pip may leave one."""
    metadata = distribution.metadata
    if not metadata or "Name" not in metadata:
        return None
    provided = (
        (each.group, each.name) for each in distribution.entry_points if each.group.startswith(_OF_OPENTELEMETRY)
    )
    return Package(
        canonicalize_name(metadata["Name"]),
        distribution.version,
        tuple(distribution.requires or ()),
        frozenset(provided),
    )


def provides(installed: Installed, group: str, name: str) -> bool:
    """Tell whether a package has that entry point."""
    return any((group, name) in package.provides for package in installed.values())


def names_provided(installed: Installed, group: str) -> list[str]:
    """Return the names of all entry points of a group."""
    return sorted({name for package in installed.values() for of, name in package.provides if of == group})


def is_zero_code(installed: Installed) -> bool:
    """Tell whether ``opentelemetry-instrument`` sets up an SDK here: there is a configurator, as that of a distro."""
    return bool(names_provided(installed, "opentelemetry_configurator"))


def satisfies(installed: Installed, requirement: str) -> bool:
    """Tell whether a package of that name is there, in a version that the requirement allows; one that can't be read does."""
    wanted = Requirement(requirement)
    package = installed.get(canonicalize_name(wanted.name))
    if package is None:
        return False
    try:
        return wanted.specifier.contains(Version(package.version), prereleases=True)
    except InvalidVersion:
        return True


def needs(package: Package) -> frozenset[str]:
    """Return the names of what a package requires, by whatever extra."""
    matches = map(_NAME.match, package.requires)
    return frozenset(canonicalize_name(match[1]) for match in matches if match)


def versions_in(installed: Installed, others: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of what belongs to OpenTelemetry, of our own package, and of ``others``."""
    names = sorted(name for name in installed if name.startswith(_SHOWN) or name in set(others))
    return {name: installed[name].version for name in names}


def unmet(installed: Installed) -> Iterator[Finding]:
    """Yield what requires a package of OpenTelemetry that is not there, or there in another version."""
    found = [
        (package, wanted, installed.get(canonicalize_name(wanted.name)))
        for package in installed.values()
        for wanted in _of_opentelemetry(package)
        if not satisfies(installed, str(wanted).partition(";")[0])
    ]
    for package, wanted, there in found[:_MOST_FINDINGS]:
        text = f"{wanted.name}{wanted.specifier}"
        yield Finding(
            code="requirement-unmet",
            level="error",
            what=f"{package.name} {package.version} requires {text}, and "
            + (f"{there.version} is installed." if there else "it is not installed."),
            where=package.name,
            why="Packages of OpenTelemetry that do not go together fail when they are imported, and "
            "opentelemetry-instrument then leaves them out.",
            remedy=f"pip install --upgrade '{package.name}' '{text}'",
        )


def _of_opentelemetry(package: Package) -> Iterator[Requirement]:
    for text in package.requires:
        match = _NAME.match(text)
        if match and canonicalize_name(match[1]).startswith("opentelemetry-"):
            try:
                wanted = Requirement(text)
            except InvalidRequirement:
                continue
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                yield wanted


def missing(installed: Installed, variables: Mapping[str, str]) -> Iterator[Finding]:
    """Yield which packages are not there that a pipeline needs, or that this environment hints at."""
    if "opentelemetry-sdk" not in installed:
        yield _SDK_MISSING
        return
    exports = names_provided(installed, "opentelemetry_traces_exporter")
    if not set(exports) - {"console"} and not set(_OWN_PIPELINE) & set(installed):
        yield _EXPORTER_MISSING
    if not is_zero_code(installed):
        hints = sorted(name for name in variables if name in _OF_ZERO_CODE)
        if hints:
            yield _distro_missing(hints)
    elif "opentelemetry-instrumentation-threading" not in installed:
        yield _THREADING_MISSING


_OWN_PIPELINE = ("logfire", "langfuse", "mlflow", "mlflow-tracing", "ddtrace", "azure-monitor-opentelemetry-exporter")
"""Packages that bring an exporter, and name it in no entry point."""
_OF_ZERO_CODE = frozenset(
    {"OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_PYTHON_CONFIGURATOR", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"}
)
"""Variables that nothing but a configurator reads."""

_SDK_MISSING = Finding(
    code="sdk-missing",
    level="error",
    what="The SDK of OpenTelemetry is not installed.",
    where="opentelemetry-sdk",
    why="With the API alone no span is recorded, so there is nothing to put a session on.",
    remedy="pip install 'otel-sessions[otlp]'",
)
_EXPORTER_MISSING = Finding(
    code="exporter-missing",
    level="warning",
    what="No package is installed that exports spans.",
    where="the packages of this environment",
    why="What the SDK records stays in the process, unless the program has an exporter of its own.",
    remedy="pip install 'otel-sessions[otlp]'",
)
_THREADING_MISSING = Finding(
    code="threading-missing",
    level="hint",
    what="opentelemetry-instrumentation-threading is not installed.",
    where="opentelemetry-instrumentation-threading",
    why="Threads and thread pools start without a Context, so that spans in them have no session.",
    remedy="pip install opentelemetry-instrumentation-threading",
)


def _distro_missing(hints: list[str]) -> Finding:
    return Finding(
        code="distro-missing",
        level="hint",
        what="There are variables that opentelemetry-instrument reads, and no distro that sets up an SDK by them.",
        where=", ".join(hints),
        why="Without a distro opentelemetry-instrument sets up no SDK, and nobody else reads them.",
        remedy="pip install opentelemetry-distro",
    )
