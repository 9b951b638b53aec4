"""Rows about threads, tasks and workers."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ._outcome import ADA, BOB, Outcome, worst
from ._scenario import scenario

if TYPE_CHECKING:
    from ._stage import Stage


def _in_threads(stage: Stage) -> Outcome:
    with stage.tool.scope(ADA):
        thread = threading.Thread(target=stage.mark, args=("thread",))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(2) as executor:
            list(executor.map(stage.mark, ["executor"] * 4))
    return stage.have(ADA, "thread", "executor")


@scenario(
    "Threads as Python makes them have the session",
    "A `threading.Thread` and a `ThreadPoolExecutor` with four jobs, started in the block, with nothing instrumented "
    "but what the tool instruments itself.",
)
def bare_threads(stage: Stage) -> Outcome:
    return _in_threads(stage)


@scenario(
    "Threads with OpenTelemetry's instrumentation have it",
    "The same after `ThreadingInstrumentor().instrument()` of opentelemetry-instrumentation-threading.",
)
def instrumented_threads(stage: Stage) -> Outcome:
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor

    ThreadingInstrumentor().instrument()
    return _in_threads(stage)


@scenario(
    "Tasks and `asyncio.to_thread` have it, each its own",
    "`asyncio.create_task`, `asyncio.gather` of two sessions in turns, and `asyncio.to_thread`.",
)
def tasks(stage: Stage) -> Outcome:
    async def talk(name: str) -> None:
        with stage.tool.scope(ADA if name == "ada" else BOB):
            for _ in range(3):
                stage.mark(name)
                await asyncio.sleep(0)
            await asyncio.create_task(_marked(stage, name))
            await asyncio.to_thread(stage.mark, name)

    async def both() -> None:
        await asyncio.gather(talk("ada"), talk("bob"))

    asyncio.run(both())
    return worst(stage.have(ADA, "ada"), stage.have(BOB, "bob"))


async def _marked(stage: Stage, name: str) -> None:
    stage.mark(name)


@scenario(
    "The next request of a worker has no session left",
    "Three requests one after the other in one thread, the first two with a session each: spans of the third.",
)
def next_request(stage: Stage) -> Outcome:
    for ids in (ADA, BOB):
        with stage.tool.scope(ids):
            stage.mark("served")
    stage.mark("third")
    return stage.clean("third")


@scenario(
    "A worker started in a request can be kept out of it",
    "In a request's block a worker task is started that serves everybody, in the tool's own block for no session; then "
    "it does a job of a request without one.",
)
def worker_started_in_request(stage: Stage) -> Outcome:
    async def work(jobs: asyncio.Queue[str]) -> None:
        stage.mark(await jobs.get())

    async def serve() -> None:
        jobs: asyncio.Queue[str] = asyncio.Queue()
        with stage.tool.scope(ADA), stage.tool.cleared():
            worker = asyncio.create_task(work(jobs))
        jobs.put_nowait("job")
        await worker

    asyncio.run(serve())
    return stage.clean("job")


@scenario(
    "A block left in another task is quiet",
    "Entered in one task and left in another, as asynchronous fixtures and streams do: records at ERROR.",
)
def left_in_other_task(stage: Stage) -> Outcome:
    asyncio.run(_entered_here_left_there(stage))
    return stage.quiet()


@scenario(
    "… and leaves no session in the first",
    "The same: a span of the first task afterwards.",
)
def left_in_other_task_after(stage: Stage) -> Outcome:
    asyncio.run(_entered_here_left_there(stage))
    return stage.clean("after")


async def _entered_here_left_there(stage: Stage) -> None:
    block = stage.tool.leavable_scope(ADA)

    async def leave() -> None:
        block.__exit__(None, None, None)

    block.__enter__()
    await asyncio.create_task(leave())
    stage.mark("after")


@scenario(
    "A block left in another thread: quiet and clean, too",
    "Entered in one thread and left in another: a span of the first afterwards, and records at ERROR.",
)
def left_in_other_thread(stage: Stage) -> Outcome:
    block = stage.tool.leavable_scope(ADA)
    block.__enter__()
    thread = threading.Thread(target=block.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    stage.mark("after")
    return worst(stage.clean("after"), stage.quiet())


@scenario(
    "Blocks left out of order bring no dead session back",
    "Two blocks are entered, the outer one is left first: spans afterwards have the inner ids, then none; and records at "
    "ERROR.",
)
def left_out_of_order(stage: Stage) -> Outcome:
    outer, inner = stage.tool.leavable_scope(ADA), stage.tool.leavable_scope(BOB)
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    stage.mark("inner")
    inner.__exit__(None, None, None)
    stage.mark("after")
    return worst(stage.clean("after"), stage.have(BOB, "inner"), stage.quiet())


@scenario(
    "One scope object can be entered inside itself",
    "One object, entered, then another one, then the first again; all are left in order, with a span after each.",
)
def entered_again(stage: Stage) -> Outcome:
    first, second = stage.tool.scope_object(ADA), stage.tool.scope_object(BOB)
    with first:
        with second:
            with first:
                stage.mark("ada")
            stage.mark("bob")
        stage.mark("ada")
    stage.mark("after")
    return worst(stage.have(ADA, "ada"), stage.have(BOB, "bob"), stage.clean("after"), stage.quiet())


@scenario(
    "One scope object can be shared by threads",
    "Eight threads that enter and leave one object together, five times each.",
)
def shared_by_threads(stage: Stage) -> Outcome:
    scope = stage.tool.scope_object(ADA)
    together = threading.Barrier(8, timeout=10)
    problems: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            for _ in range(5):
                together.wait()
                with scope:
                    together.wait()
                    stage.mark("inside")
                together.wait()
                stage.mark("outside")
        except threading.BrokenBarrierError:
            pass  # another thread has the reason
        except Exception as error:  # noqa: BLE001  # whatever the tool raises is the result
            problems.put(error)
            together.abort()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not problems.empty():
        raise problems.get()
    return worst(stage.have(ADA, "inside"), stage.clean("outside"), stage.quiet())


ROWS = (
    bare_threads,
    instrumented_threads,
    tasks,
    next_request,
    worker_started_in_request,
    left_in_other_task,
    left_in_other_task_after,
    left_in_other_thread,
    left_out_of_order,
    entered_again,
    shared_by_threads,
)
