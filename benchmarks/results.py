"""What one run has found, and where: the value that the report is made of."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._interleaved import Key, Samples
    from .sampler import Kept

_PACKAGES = (
    "otel-sessions",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-processor-baggage",
    "logfire",
    "openinference-instrumentation",
    "traceloop-sdk",
    "langfuse",
)


@dataclass(frozen=True, slots=True)
class Results:
    """What one run has found.

    Attributes:
        spans: Nanoseconds of CPU per span above a no-op processor, by situation and tool.
        scopes: Nanoseconds of CPU for one entry and exit, by place and scope.
        turns: Nanoseconds of CPU per chat turn above one with a no-op processor and no scope, by tool.
        propagation: Nanoseconds of CPU per request, by situation, part of it and propagator.
        sampler: Nanoseconds of CPU per root span, by situation, part of it and sampler.
        kept: Whether sessions were kept whole over several services.
        throughput: Nanoseconds per exported span, by workload, pipeline and clock.
        memory: Bytes of one open thing, by thing and tool.
        imports: Nanoseconds of CPU for one import, by modules.
        loaded: The modules that ``import otel_sessions`` loads.
        tools: What of each tool was run.
        missing: Why a tool was not run.
        amounts: How much was run, in words.
    """

    spans: Mapping[Key, Samples]
    scopes: Mapping[Key, Samples]
    turns: Mapping[Key, Samples]
    propagation: Mapping[Key, Samples]
    sampler: Mapping[Key, Samples]
    kept: Kept
    throughput: Mapping[Key, Samples]
    memory: Mapping[Key, float]
    imports: Mapping[Key, Samples]
    loaded: Sequence[str]
    tools: Mapping[str, str]
    missing: Mapping[str, str]
    amounts: str


def environment() -> dict[str, object]:
    """Return when and on what this runs: nothing that names the machine."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {package: _version(package) for package in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "source tree" if package == "otel-sessions" else "not installed"
