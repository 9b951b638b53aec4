"""Real Collectors with the project's configurations, each on ports of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ports import free_port
from servers import Installed, Restartable, asking, eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIGURATIONS = Path(__file__).parents[2] / "collector-config"


class Collector(Restartable):
    """One Collector, which can be stopped, killed and started again with what it has on its disk.

    Args:
        otelcol: The binary.
        directory: What it writes goes there: its log, its queue.
        configurations: Names of files in ``collector-config``, or paths; a later one is merged over the former.
        environment: What the configuration reads from it, beside the addresses to listen at.
        name: Of its folder and log; those of one ``directory`` have different ones.
        host: The address that it listens at.
        inside: What to put before the command, to run it somewhere else.
    """

    def __init__(  # noqa: PLR0913
        self,
        otelcol: str,
        directory: Path,
        *configurations: str | Path,
        environment: Mapping[str, str] | None = None,
        name: str = "",
        host: str = "127.0.0.1",
        inside: tuple[str, ...] = (),
    ) -> None:
        self._ports = {of: free_port() for of in ("grpc", "http", "health", "metrics")}
        self.name = name or f"{Path(configurations[0]).stem}-{self._ports['http']}"
        self.directory = directory / self.name
        self.directory.mkdir(exist_ok=True, parents=True)
        self.host = host
        files = [f"--config={CONFIGURATIONS / configuration}" for configuration in configurations]
        self.environment = {
            "OTLP_GRPC_ENDPOINT": self.grpc,
            "OTLP_HTTP_ENDPOINT": f"{host}:{self._ports['http']}",
            "HEALTH_ENDPOINT": f"{host}:{self._ports['health']}",
            "METRICS_HOST": host,
            "METRICS_PORT": str(self._ports["metrics"]),
            "QUEUE_DIRECTORY": str(self.directory / "queue"),
            **(environment or {}),
        }
        command = [*inside, otelcol, *files]
        installed = Installed(self.name, command, self.environment, self._ports["health"], "/", host)
        super().__init__(installed, self.directory)

    @property
    def grpc(self) -> str:
        """Where it takes OTLP over gRPC, as host and port."""
        return f"{self.host}:{self._ports['grpc']}"

    @property
    def http(self) -> str:
        """Where it takes OTLP over HTTP, as a base URL."""
        return f"http://{self.host}:{self._ports['http']}"

    def metric(self, name: str) -> float:
        """Return the sum of one of its own metrics, over all of its series."""
        url = f"http://{self.host}:{self._ports['metrics']}/metrics"
        lines = asking().get(url).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].split(" ")[0] == name)

    def drained(self, seconds: float = 30) -> bool:
        """Wait until its sending queues are empty; tell whether they are."""
        return eventually(lambda: self.metric("otelcol_exporter_queue_size") == 0, bool, seconds)


def validate(otelcol: str, *configurations: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Return what the binary has against a configuration, ``""`` for nothing."""
    files = [f"--config={CONFIGURATIONS / configuration}" for configuration in configurations]
    done = subprocess.run(
        [otelcol, "validate", *files],
        env=dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
