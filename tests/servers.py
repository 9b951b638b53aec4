"""Starts a server, waits until it answers, and leaves nothing of it behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TypeVar

    from typing_extensions import Self

    _T = TypeVar("_T")

_STARTS_WITHIN = 240.0
_STOPS_WITHIN = 15.0
_ASKED_AGAIN_AFTER = (0.02, 0.2)
"""Seconds: at first, and at most. What starts in no time is not waited for, and what takes long is not asked all the time."""


class Installed(NamedTuple):
    """A server that can be started."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    port: int
    answers_at: str
    """The path that answers once it is ready."""
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def started(servers: list[Installed], directory: Path) -> Iterator[None]:
    """Run ``servers`` until the block is left, which begins when all are ready; their logs go to ``directory``."""
    with ExitStack() as running:
        processes = [start(server, directory, running) for server in servers]
        for server, process in zip(servers, processes, strict=True):
            wait_for(server, process, directory)
        yield


class Restartable:
    """A server that can be stopped, killed and started again with what it has on its disk."""

    def __init__(self, installed: Installed, directory: Path) -> None:
        self._installed, self._directory = installed, directory
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start it, and wait until it is ready."""
        self._process = start(self._installed, self._directory, self._running)
        wait_for(self._installed, self._process, self._directory)
        return self

    def stop(self) -> None:
        """End it as an orchestrator does, with time to send what it holds."""
        self._running.close()

    def kill(self) -> None:
        """End it as a crash does."""
        assert self._process is not None
        self._running.pop_all()
        signal_group(self._process, signal.SIGKILL)
        self._process.wait(120)

    def log(self) -> str:
        return log_of(self._installed, self._directory).read_text(errors="replace")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(server: Installed, directory: Path, running: ExitStack) -> subprocess.Popen[bytes]:
    """Start a process with a group of its own, in which all stay that it starts itself; ``running`` ends the group."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with log_of(server, directory).open("ab") as log:
        process = subprocess.Popen(
            server.command,
            env=environment | {"HOME": str(directory)} | dict(server.environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running.callback(stop, process)
    return process


def wait_for(server: Installed, process: subprocess.Popen[bytes], directory: Path) -> None:
    def is_ready() -> bool:
        if process.poll() is not None:
            pytest.fail(f"{server.name} ended:\n{tail_of(server, directory)}")
        try:
            return asking().get(server.url + server.answers_at).is_success
        except httpx.TransportError:
            return False

    if not eventually(is_ready, bool, _STARTS_WITHIN):
        pytest.fail(f"{server.name} was not ready after {_STARTS_WITHIN:.0f} s:\n{tail_of(server, directory)}")


@cache
def asking() -> httpx.Client:
    """Return a client for what is asked again and again: to make one takes longer than to ask, as it reads certificates."""
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group, and see that nobody of it is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        signal_group(process, number)
        if eventually(lambda: is_gone(process), bool, _STOPS_WITHIN):
            return
    pytest.fail(f"the processes of group {process.pid} can't be ended")


def is_gone(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # else it stays as a zombie, and in the group
    return not signal_group(process, 0)


def signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal, 0 for none; tell whether there is anybody in the group."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def eventually(ask: Callable[[], _T], is_enough: Callable[[_T], object], seconds: float) -> _T:
    """Ask again and again, for ``seconds`` at most, and return the last answer."""
    deadline = time.monotonic() + seconds
    pause, longest = _ASKED_AGAIN_AFTER
    while not is_enough(answer := ask()) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, longest)
    return answer


def log_of(server: Installed, directory: Path) -> Path:
    return directory / f"{server.name}.log"


def tail_of(server: Installed, directory: Path) -> str:
    return "\n".join(log_of(server, directory).read_text(errors="replace").splitlines()[-20:])
