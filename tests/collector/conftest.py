"""The Collector's binary, and what stands behind and before it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from collectors import CONFIGURATIONS, Collector
from received import Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from plan import Plan

_APPLICATION = Path(__file__).with_name("application.py")
_TOGETHER = ("test_clickhouse.py", "test_kafka.py", "test_secure.py")
"""Their tests share what takes long to make, or leave it to the next one: all of a module run in one process."""


class Schedule(LoadScopeScheduling):
    """Gives whole modules to the workers of pytest-xdist first, and then one test at a time."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module.endswith(_TOGETHER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Schedule:
    return Schedule(config, log)


@pytest.fixture(scope="session")
def otelcol() -> str:
    """Return the path of the binary; ``make collector`` builds it."""
    command = [CONFIGURATIONS / "build", "--find"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if found.returncode:
        pytest.skip(found.stderr.strip())
    return found.stdout.strip()


@pytest.fixture
def collector(otelcol: str, tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    """Return a function that makes a Collector, not yet started; all end with the test."""
    made: list[Collector] = []

    def make(*configurations: str | Path, **options: Any) -> Collector:
        made.append(Collector(otelcol, tmp_path, *configurations, **options))
        return made[-1]

    yield make
    for each in reversed(made):
        each.stop()


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


@pytest.fixture
def backends() -> Iterator[Callable[[int], list[Backend]]]:
    """Return a function that starts so many backends."""
    started: list[Backend] = []

    def start(count: int) -> list[Backend]:
        started.extend(Backend().__enter__() for _ in range(count))
        return started[-count:]

    yield start
    for each in started:
        each.__exit__(None, None, None)


@pytest.fixture
def applications() -> Iterator[Callable[..., Applications]]:
    """Return a function that starts the applications of a plan, each exporting to one of the addresses."""
    started: list[Applications] = []

    def start(plan: Plan, *urls: str, **options: Any) -> Applications:
        started.append(Applications(plan, urls, **options))
        return started[-1]

    yield start
    for each in started:
        each.end()


class Applications:
    """The processes of a plan, running; one ``inside`` each is put before their commands."""

    def __init__(
        self,
        plan: Plan,
        urls: Sequence[str],
        environment: Mapping[str, str] | None = None,
        inside: Sequence[Sequence[str]] = ((),),
    ) -> None:
        command = [sys.executable, str(_APPLICATION), plan.to_json()]
        paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
        self._processes = [
            subprocess.Popen(
                [*inside[number % len(inside)], *command, str(number), urls[number % len(urls)]],
                env={**_without_telemetry(os.environ), **paths, **(environment or {})},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(plan.processes)
        ]

    def wait(self, seconds: float = 480, *, may_warn: bool = False) -> None:
        """Wait until all have ended, which they do when all is exported; they have nothing to complain of."""
        said = [process.communicate(timeout=seconds)[1] for process in self._processes]
        assert [process.returncode for process in self._processes] == [0] * len(said)
        assert may_warn or said == [""] * len(said)

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(120)


def _without_telemetry(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("OTEL_")}
