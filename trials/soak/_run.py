"""Runs the workloads on threads until there were enough spans, with a look at everything from time to time."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from harness.memory import rss
from harness.pipelines import tracer_with
from otel_sessions._pipeline.span_processor import guarded
from otel_sessions.sdk import SessionSpanProcessor

from . import _foreign, _late, _scopes, _streams, _watch, _workers
from ._model import OUTSIDE
from ._oracle import Oracle
from ._stage import Setting, Stage
from ._tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._watch import Log

_ACTS = _scopes.ACTS + _late.ACTS + _streams.ACTS + _foreign.ACTS + _workers.ACTS

_BUDGET = 100
_WARM_UP = 0.2
_MAX_GROWTH = 8.0
_SWITCH_INTERVALS = (5e-3, 1e-4, 1e-5)
"""How long a thread runs at a time, in seconds: as usual, and so short that races show."""

_COLLECTS_ANYWHERE = sys.version_info < (3, 12)


@dataclass(frozen=True, slots=True)
class Amounts:
    """How long to run: until both ``seconds`` and ``spans`` are reached, at most ``limit`` seconds."""

    seconds: float
    spans: int
    threads: int
    seed: int
    limit: float


@dataclass(slots=True)
class Result:
    """What a run has found."""

    oracle: Oracle
    seconds: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)

    @property
    def growth(self) -> float:
        """Return by how many MB the memory at the end is above that after the warm-up."""
        return self.memory[-1][1] - self.memory[0][1]

    def problems(self, amounts: Amounts) -> list[str]:
        """Return what is not as it should be."""
        counts = self.oracle.counts
        found = [f"{kind}: {counts[kind]}" for kind in ("wrong", "missing") if counts[kind]]
        found += [f"{name} left: {count}" for name, count in self.left.items() if count]
        if self.oracle.unaccounted():
            found.append(f"spans that were never seen: {self.oracle.unaccounted()}")
        if counts["spans"] < amounts.spans:
            found.append(f"only {counts['spans']} spans")
        if self.growth > _MAX_GROWTH:
            found.append(f"memory has grown by {self.growth:.1f} MB")
        return found


def run(amounts: Amounts, log: Log) -> Result:
    """Play on ``amounts.threads`` threads."""
    result = Result(Oracle())
    interval = sys.getswitchinterval()
    ThreadingInstrumentor().instrument()
    if _COLLECTS_ANYWHERE:
        # Before 3.12 CPython may collect inside of `ContextVar.set`, and crashes if a generator that is collected there
        # sets the same variable; with or without this library. So it collects only where `_watched` tells it to.
        gc.disable()
    try:
        _play(amounts, log, result)
    finally:
        gc.enable()
        sys.setswitchinterval(interval)
        ThreadingInstrumentor().uninstrument()
    result.left = _watch.left()
    result.memory.append((result.seconds, rss()))
    return result


def _play(amounts: Amounts, log: Log, result: Result) -> None:
    tracer = tracer_with(guarded(SessionSpanProcessor()), result.oracle)
    stop = threading.Event()
    with ThreadPoolExecutor(amounts.threads * 8) as pool:
        setting = Setting(tracer, result.oracle, pool, _ACTS)
        dice = [random.Random(f"{amounts.seed}-{n}") for n in range(amounts.threads)]  # noqa: S311
        stages = [Stage(f"t{n}", thrown, setting) for n, thrown in enumerate(dice)]
        threads = [threading.Thread(target=_work, args=(stage, stop, log)) for stage in stages]
        for thread in threads:
            thread.start()
        try:
            _watched(amounts, result, stages[0])
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _work(stage: Stage, stop: threading.Event, log: Log) -> None:
    loop = asyncio.new_event_loop()
    while not stop.is_set():
        for _ in range(10):
            stage.budget = _BUDGET
            _guarded(log, lambda: stage.play(OUTSIDE, 0))
            stage.leaf(OUTSIDE, "next request of a thread")
        stage.budget = 4 * _BUDGET
        _guarded(log, lambda: loop.run_until_complete(_requests(stage)))
        stage.leaf(OUTSIDE, "after an event loop")
        if stage.chance(10):
            stage.cycles = []
    stage.cycles = []
    gc.collect()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _requests(stage: Stage) -> None:
    """Serve some requests at a time, on one event loop."""
    tasks = Tasks(stage)
    for _ in range(stage.random.randrange(1, 8)):
        tasks.spawn(tasks.play(OUTSIDE, 0))
    await tasks.finished()
    stage.leaf(OUTSIDE, "next request of a loop")


def _guarded(log: Log, work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001  # it is counted
        log.failed("workload", error)


def _watched(amounts: Amounts, result: Result, stage: Stage) -> None:
    """Wait until there was enough of it; collect, take samples, and change how often threads take turns."""
    start = time.monotonic()
    pause = min(1.0, amounts.seconds / 20)
    while True:
        sys.setswitchinterval(stage.random.choice(_SWITCH_INTERVALS))
        time.sleep(pause)
        gc.collect()
        stage.leaf(OUTSIDE, "after a collection")
        result.seconds = now = time.monotonic() - start
        if now > amounts.seconds * _WARM_UP:
            result.memory.append((now, rss()))
        if (now >= amounts.seconds and result.oracle.judged() >= amounts.spans) or now >= amounts.limit:
            return
