"""Servers that take OTLP over HTTP, each started from its command on loopback, and what they have used of the machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from harness.isolation import clean_environment
from harness.output import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OURS = "otel-sessions view"
_READY_WITHIN = 240.0
_QUIET_CPU = 0.02
"""Seconds of CPU in a second below which a server has done all that it was given."""
_QUIET_WITHIN = 600.0


class Kind(NamedTuple):
    """A server that can be started.

    Attributes:
        name: What it is called.
        command: What runs it at a port, with its files in a folder; ``None`` where it is not installed.
        answers_at: The path that answers once it is ready.
        environment: What else it needs.
        headers: What a request of OTLP needs.
    """

    name: str
    command: Callable[[int, Path], list[str]] | None
    answers_at: str
    environment: Callable[[int, Path], Mapping[str, str]] = lambda _port, _folder: {}
    headers: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs, and its process."""

    kind: Kind
    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used, with its processes."""
        times = [process.cpu_times() for process in self._all()]
        return sum(each.user + each.system for each in times)

    def memory(self) -> int:
        """Return the bytes of memory that it holds, without what the system keeps of its files."""
        return sum(process.memory_info().rss for process in self._all())

    def wait_until_quiet(self) -> None:
        """Wait until it has done what it was given."""
        end = time.monotonic() + _QUIET_WITHIN
        before = self.cpu()
        while time.monotonic() < end:
            time.sleep(1)
            now = self.cpu()
            if now - before < _QUIET_CPU:
                return
            before = now

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def running(kind: Kind, folder: Path) -> Iterator[Running]:
    """Run a server until the block is left, which begins when it answers."""
    port = _free_port()
    assert kind.command is not None
    command = kind.command(port, folder)
    environment = clean_environment() | dict(kind.environment(port, folder))
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)  # noqa: S603
    seen = psutil.Process(process.pid)
    try:
        _wait_for(f"http://127.0.0.1:{port}{kind.answers_at}", process)
        yield Running(kind, port, seen)
    finally:
        for each in [*seen.children(recursive=True), seen]:
            each.terminate()
        process.wait(30)


def kinds() -> list[Kind]:
    """Return all servers, ours first; those that are not installed have no command."""
    return [
        Kind(OURS, _ours, "/api/coverage"),
        Kind("MLflow", _found(ROOT / ".venv-mlflow/bin/mlflow", _mlflow), "/health", _mlflow_settings, _EXPERIMENT),
        Kind("Phoenix", _found(ROOT / ".venv-phoenix/bin/phoenix", _phoenix), "/healthz", _phoenix_settings),
        Kind("Jaeger, in memory", _found(_jaeger_binary(), _jaeger), "/", _jaeger_settings),
    ]


_EXPERIMENT = {"x-mlflow-experiment-id": "0"}


def _ours(port: int, folder: Path) -> list[str]:
    options = ["--port", str(port), "--grpc-port", "0", "--no-browser", "--db", str(folder / "view.db")]
    return [str(Path(sys.executable).with_name("otel-sessions")), "view", *options, "--max-bytes", "50G"]


def _mlflow(binary: Path, port: int, folder: Path) -> list[str]:
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return [str(binary), "server", *options, "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]


def _mlflow_settings(_port: int, _folder: Path) -> Mapping[str, str]:
    return {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def _phoenix(binary: Path, _port: int, _folder: Path) -> list[str]:
    return [str(binary), "serve"]


def _phoenix_settings(port: int, folder: Path) -> Mapping[str, str]:
    return {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(_free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        "PHOENIX_AGENTS_DISABLE_BASH": "true",
    }


def _jaeger(binary: Path, port: int, folder: Path) -> list[str]:
    """Return its own default, with the receiver at ``port``, and 100,000 traces in memory."""
    settings = folder / "jaeger.yaml"
    settings.write_text(_JAEGER.format(port=port, page=_free_port()))
    return [str(binary), "--config", str(settings)]


def _jaeger_settings(_port: int, _folder: Path) -> Mapping[str, str]:
    return {"JAEGER_LISTEN_HOST": "127.0.0.1"}


_JAEGER = """\
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [jaeger_storage_exporter]
  telemetry:
    metrics:
      level: none
extensions:
  jaeger_query:
    storage:
      traces: memory
    http:
      endpoint: 127.0.0.1:{page}
    grpc:
      endpoint: 127.0.0.1:0
  jaeger_storage:
    backends:
      memory:
        memory:
          max_traces: 100000
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
processors:
  batch:
exporters:
  jaeger_storage_exporter:
    trace_storage: memory
"""


def _jaeger_binary() -> Path:
    return Path(os.environ.get("JAEGER") or shutil.which("jaeger") or "not-installed")


def _found(binary: Path, command: Callable[[Path, int, Path], list[str]]) -> Callable[[int, Path], list[str]] | None:
    if not binary.exists():
        return None
    return lambda port, folder: command(binary, port, folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            message = f"the server has ended with status {process.returncode} before it answered"
            raise RuntimeError(message)
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # loopback
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    message = f"no answer from {url}"
    raise RuntimeError(message)
