"""Phoenix and MLflow from their packages, and the programs that export to both."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import backends as known
from conversations import CONVERSATIONS
from mlflow_api import MLflow
from otel_sessions.demo import StandIn, _script
from phoenix_api import Phoenix
from programs import Programs
from servers import started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from programs import Backends
    from servers import Installed
    from shown import Shown

PROJECT = "shop-assistant"


def pytest_configure() -> None:
    # Whoever ends this run wants its servers to end too.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated"))


def say(request: pytest.FixtureRequest, text: str) -> None:
    """Tell whoever waits what is going on."""
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        sys.stdout.write(f"e2e: {text}\n")
        sys.stdout.flush()


@pytest.fixture
def compare(report: Callable[[str], None]) -> Callable[[str, dict, dict], None]:
    """Return a function that asserts that two maps are equal, and says at the end how many of the entries were."""

    def check(what: str, found: dict, expected: dict) -> None:
        right = sum(key in found and found[key] == value for key, value in expected.items())
        report(f"{what}: {right} of {len(expected)}")
        assert found == expected

    return check


class Kind(NamedTuple):
    """One kind of backend: how to start it, how to ask it, and where its command is."""

    installed: Callable[[Path, Path], Installed]
    api: type[Phoenix | MLflow]
    command: Path

    @property
    def key(self) -> str:
        return self.api.key

    @property
    def why_not(self) -> str | None:
        """Why it can't be started here; ``None`` if it can."""
        if self.api is Phoenix and not os.environ.get("ALONE"):
            return "no network namespace: its port for gRPC would be open to everybody"
        return None if self.command.exists() else f"{self.key} is not installed: make e2e does that"


KINDS = (
    Kind(known.phoenix, Phoenix, Path(os.environ.get("E2E_PHOENIX_COMMAND", "not-installed"))),
    Kind(known.mlflow, MLflow, Path(os.environ.get("E2E_MLFLOW_COMMAND", "not-installed"))),
)


@pytest.fixture(scope="session")
def backends(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    """Start all that can be started."""
    directory = tmp_path_factory.mktemp("servers")
    installed = {kind: kind.installed(kind.command, directory) for kind in KINDS if kind.why_not is None}
    say(request, f"starting {', '.join(each.name for each in installed.values()) or 'nothing'}")
    with started(list(installed.values()), directory), ExitStack() as opened:
        apis = {kind.key: kind.api(server.url) for kind, server in installed.items()}
        for api in apis.values():
            opened.callback(api.close)
        yield apis


@pytest.fixture(scope="session", params=[kind.key for kind in KINDS])
def backend(request: pytest.FixtureRequest, backends: Backends) -> Phoenix | MLflow:
    return one_of(backends, request.param)


@pytest.fixture(scope="session")
def phoenix(backends: Backends) -> Phoenix:
    return one_of(backends, Phoenix.key)


@pytest.fixture(scope="session")
def mlflow(backends: Backends) -> MLflow:
    return one_of(backends, MLflow.key)


def one_of(backends: Backends, key: str) -> Any:
    if key not in backends:
        pytest.skip(next(kind.why_not for kind in KINDS if kind.key == key))
    return backends[key]


class Run(NamedTuple):
    """What the application and its users did, as the application itself knows it."""

    programs: Programs
    turns: list[dict[str, str]]
    checks: list[dict[str, Any]]
    sent: dict[str, int]
    said: str


@pytest.fixture(scope="session")
def stand_in() -> Iterator[str]:
    """Start the stand-in for the model, which knows the `CONVERSATIONS`; give its base URL."""
    lines = [_script._Line(re.escape(asked), answer) for each in CONVERSATIONS for asked, answer in each.turns]
    with pytest.MonkeyPatch.context() as patch, StandIn() as api:
        patch.setattr(_script, "_LINES", lines)
        yield api.base_url


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest, backends: Backends, stand_in: str) -> Run:
    """3 users hold 6 conversations of 20 turns, all at once; later, in another process, they say what they think."""
    programs = Programs(backends, stand_in, PROJECT)
    say(request, "3 users talk")
    first = programs.run("application.py")
    then = programs.run("later.py", first["turns"])
    sent = Counter(first["sent"]) + Counter(then["sent"])
    return Run(programs, first["turns"], first["checks"] + then["checks"], sent, first["said"] + then["said"])


@pytest.fixture(scope="session")
def shown(run: Run, backend: Phoenix | MLflow) -> dict[str, Shown]:
    """Return the sessions of the run as a backend shows them."""
    return run.programs.shown(backend, run.sent)
