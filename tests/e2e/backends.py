"""How Phoenix and MLflow are started, from their packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ports import free_port
from servers import Installed

if TYPE_CHECKING:
    from pathlib import Path


def phoenix(command: Path, directory: Path) -> Installed:
    """Return Phoenix, as it is to be started where nobody can reach its port for gRPC."""
    port = free_port()
    environment = {
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        "PHOENIX_AGENTS_DISABLE_BASH": "true",
    }
    return Installed("Phoenix", [str(command), "serve"], environment, port, "/healthz")


def mlflow(command: Path, directory: Path) -> Installed:
    """Return MLflow, with one worker and no jobs."""
    port = free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = ["--backend-store-uri", f"sqlite:///{directory}/mlflow.db", "--artifacts-destination", f"{directory}/files"]
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Installed("MLflow", [str(command), "server", *options, *store], environment, port, "/health")
