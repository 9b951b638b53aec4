"""Queues as they are run: a server on the loopback, workers of a library in processes of their own, and a sender."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from page import blocks
from ports import free_port
from queue_jobs import answered, jobs, judge
from wire import spans_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from page import Desk
    from wire import WireSpan

_HERE = Path(__file__).parent
_SECONDS = 180
_TRIES = 5
MODEL = 'f"You asked: {t.input}"'
KAFKA_WORKER = (sys.executable, str(_HERE / "kafka_consumer.py"), "kafka_app")
WARNED = "warned.txt"
_LOG = f"""
import logging
logging.getLogger("otel_sessions").addHandler(logging.FileHandler({WARNED!r}, delay=True))
logging.getLogger("otel_sessions").setLevel("WARNING")
"""


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run a Redis that keeps nothing, and give its URL."""
    command = shutil.which("redis-server") or shutil.which("valkey-server")
    if command is None:
        pytest.skip("no redis-server on this machine")
    for _ in range(_TRIES):
        port = free_port()
        with _redis_on(port, command, folder) as listens:
            if listens:
                yield f"redis://127.0.0.1:{port}/0"
                return
    raise TimeoutError


@contextlib.contextmanager
def _redis_on(port: int, command: str, folder: Path) -> Iterator[bool]:
    """Run it there, and tell whether it listens: somebody else may have taken the port, and would answer instead."""
    log = folder / f"redis-{port}.log"
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder))
    with log.open("wb") as out, subprocess.Popen([command, *options], stdout=out) as server:
        try:
            yield _is_ready(server, log)
        finally:
            server.terminate()


@contextlib.contextmanager
def kafka_broker() -> Iterator[str]:
    """Run librdkafka's own broker in this process, and give its address."""
    from confluent_kafka import Producer

    cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "itself", "log_level": 0})
    brokers = cluster.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


def _is_ready(server: subprocess.Popen[bytes], log: Path) -> bool:
    """Wait until a Redis says that it is ready, or has ended."""
    for _ in range(_SECONDS * 20):
        if b"Ready to accept connections" in log.read_bytes():
            return True
        if server.poll() is not None:
            return False
        time.sleep(0.05)
    raise TimeoutError


class Queue:
    """A program of the page with its queue: what sends and what works are processes of their own."""

    def __init__(self, desk: Desk, program: str, *, changed: dict[str, str] | None = None, **environment: str) -> None:
        self.desk, self.module = desk, program.removesuffix(".py")
        self._read, self._spans = 0, []
        self.started: list[subprocess.Popen[bytes]] = []
        # What a program says is by its model, which takes its time; some jobs raise there.
        is_async = "async def answer" in blocks()[program]
        changed = {MODEL: "await outcome_later(t.input)" if is_async else "outcome(t.input)"} | (changed or {})
        desk.write(program, before="from queue_jobs import flaky, outcome, outcome_later\n", changed=changed)
        desk.write("pipeline.py", behind=_LOG)
        paths = (str(desk.folder), str(_HERE), str(_HERE.parent))
        self.environment = desk.environment | environment | {
            "OTEL_BSP_MAX_QUEUE_SIZE": "20000",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONWARNINGS": "ignore",
        }  # fmt: skip

    @contextlib.contextmanager
    def working(self, *command: str, workers: int = 1) -> Iterator[None]:
        """Run a command that works on the jobs, several times at once."""
        with contextlib.ExitStack() as stack:
            log = stack.enter_context((self.desk.folder / "worker.log").open("ab"))
            started = [
                subprocess.Popen(command, cwd=self.desk.folder, env=self.environment, stdout=log, stderr=log)
                for _ in range(workers)
            ]
            self.started = started
            try:
                yield
            finally:
                for process in started:
                    process.terminate()
                for process in started:
                    _end(process)

    @property
    def said(self) -> str:
        return (self.desk.folder / "worker.log").read_text()[-3000:]

    def send(self, count: int) -> None:
        command = [sys.executable, str(_HERE / "queue_jobs.py"), self.module, str(count)]
        done = subprocess.run(
            command, cwd=self.desk.folder, env=self.environment, capture_output=True, text=True, timeout=_SECONDS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def spans(self) -> list[WireSpan]:
        """Return all that was exported until now; what has been read before is not read again."""
        bodies = self.desk.receiver.bodies[self._read :]
        self._read += len(bodies)
        self._spans += spans_in(bodies)
        return self._spans

    def sent_and_judged(self, count: int, *, without: Collection[str] = (), runs: int = 1) -> Counter[str]:
        """Send so many jobs, wait until all of them have run, and judge what was exported."""
        made = jobs(count)
        all_of_them = Counter({job.question: runs for job in made})
        self.send(count)
        until = time.monotonic() + _SECONDS
        while not (all_of_them <= answered(self.spans()) and _is_complete(self.spans())) and time.monotonic() < until:
            assert {process.poll() for process in self.started} <= {None}, self.said
            time.sleep(0.3)
        time.sleep(0.6)  # for what nobody sent, and nothing is below
        warned = self.desk.folder / WARNED
        assert not warned.exists(), warned.read_text()
        return judge(made, self.spans(), without=without, runs=runs)


def _is_complete(spans: list[WireSpan]) -> bool:
    """Tell whether every parent is there: the span around a job ends behind that of the job, and is exported later."""
    known = {span.span_id for span in spans}
    return all(span.parent_id in known for span in spans if span.parent_id)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
