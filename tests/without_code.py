"""What programs under `opentelemetry-instrument` are given."""

from __future__ import annotations

from importlib.metadata import entry_points

DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def all_but(*names: str) -> dict[str, str]:
    """Return the variable that leaves only these instrumentations: the libraries of the others take long to import."""
    instrumentations = {point.name for point in entry_points(group="opentelemetry_instrumentor")}
    return {DISABLED: ",".join(sorted(instrumentations.difference(names)))}
