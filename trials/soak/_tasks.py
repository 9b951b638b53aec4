"""asyncio: tasks that outlive their scope, that are cancelled and time out, and streams that other tasks close."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _model, _workers
from ._model import OUTSIDE
from ._stage import MAX_DEPTH, Boom

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine

    from ._model import Change, Where
    from ._stage import Known, Stage


class Tasks:
    """A stage for the tasks of one event loop."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.running: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``coroutine`` in a task of its own, that is waited for at the very end."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task

    async def finished(self) -> None:
        """Wait for all tasks."""
        while self.running:
            await asyncio.wait(list(self.running))

    async def play(self, where: Where, depth: int) -> None:
        """Do something at ``where``, chosen at random."""
        stage = self.stage
        await asyncio.sleep(0)
        if depth >= MAX_DEPTH or stage.budget < 0:
            stage.leaves(where, "leaf of a task")
            return
        for _ in range(2 if stage.chance(30) else 1):
            if stage.chance(40):
                stage.play(where, depth)
            else:
                await stage.random.choice(_ACTS)(self, where, depth + 1)
            await asyncio.sleep(0)


async def _span(tasks: Tasks, where: Where, depth: int) -> None:
    with tasks.stage.current(where, "span of a task") as inside:
        await tasks.play(inside, depth)
        tasks.stage.leaf(inside, "child in a task")


async def _scope(tasks: Tasks, where: Where, depth: int) -> None:
    known, before = tasks.stage.scope(), _model.tick()
    async with known.scope:
        inside = _model.entered(where, known.change, before)
        await tasks.play(inside, depth)
        tasks.stage.leaf(inside, "in async scope")
    tasks.stage.leaf(where, "after async scope")


async def _coroutine(tasks: Tasks, where: Where, depth: int) -> None:
    known, before = tasks.stage.scope(), _model.tick()

    @known.scope
    async def work() -> None:
        inside = _model.entered(where, known.change, before)
        tasks.stage.leaf(inside, "decorated coroutine")
        await tasks.play(inside, depth)
        if tasks.stage.chance(20):
            raise Boom

    with contextlib.suppress(Boom):
        await work()
    tasks.stage.leaf(where, "after decorated coroutine")


async def _outliving(tasks: Tasks, where: Where, depth: int) -> None:
    """Start tasks inside a scope and a span, and leave both."""

    async def work(inside: Where) -> None:
        for _ in range(tasks.stage.random.randrange(4)):
            await asyncio.sleep(0)
            tasks.stage.leaf(inside, "task that outlives its scope")
        await tasks.play(inside, depth + 1)

    with tasks.stage.inside(where, tasks.stage.scope()) as outer, tasks.stage.current(outer, "spawns") as inside:
        tasks.spawn(work(inside))
        await asyncio.sleep(0)
        tasks.spawn(work(inside))
    tasks.stage.leaf(where, "after spawning")


async def _busy(tasks: Tasks, where: Where, depth: int) -> None:
    """Work until cancelled."""
    try:
        with tasks.stage.inside(where, tasks.stage.scope()) as outer, tasks.stage.current(outer, "busy") as inside:
            while True:
                await tasks.play(inside, depth)
                await asyncio.sleep(0)
    finally:
        tasks.stage.leaf(where, "after cancellation")


async def _cancelled(tasks: Tasks, where: Where, depth: int) -> None:
    with tasks.stage.inside(where, tasks.stage.scope()) as inside:
        task = tasks.spawn(_busy(tasks, inside, MAX_DEPTH - 1))
        try:
            await _turns(tasks.stage.random.randrange(6))
        finally:  # this one may be cancelled too
            task.cancel()
        await asyncio.wait([task])
        await tasks.play(inside, depth)
    tasks.stage.leaf(where, "after cancelling")


async def _timed_out(tasks: Tasks, where: Where, _depth: int) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_busy(tasks, where, MAX_DEPTH), tasks.stage.random.random() * 0.002)
    tasks.stage.leaf(where, "after time-out")


class _Body:
    """What runs inside an async stream."""

    def __init__(self, tasks: Tasks, change: Change) -> None:
        self.tasks = tasks
        self.change = change
        self.where = OUTSIDE

    def entered(self, where: Where, before: int) -> None:
        """Note that the stream was entered at ``where``."""
        self.where = _model.entered(where, self.change, before)

    async def run(self) -> AsyncGenerator[int, Any]:
        """Run as an async generator."""
        stage = self.tasks.stage
        held = stage.start(self.where, "open across async items")
        try:
            for number in range(stage.random.randrange(1, 5)):
                stage.leaf(self.where, "async body")
                await self.tasks.play(self.where, MAX_DEPTH - stage.chance(20))
                try:
                    if (yield number) == "bind" and self.where.parent is not None:
                        stage.bind(self.where, stage.session_id(), None)
                except Boom:
                    stage.leaf(self.where, "async body after throw")
            with stage.inside(self.where, stage.started()) as inner:
                yield -1
                await asyncio.sleep(0)
                stage.leaf(inner, "scope across async items")
        finally:
            stage.leaf(self.where, "async body's clean-up")
            stage.end(*held)


class _Iterator:
    """An async iterator that is no generator."""

    def __init__(self, body: _Body) -> None:
        self._body = body

    def __aiter__(self) -> _Iterator:
        return self

    async def __anext__(self) -> int:
        stage = self._body.tasks.stage
        await asyncio.sleep(0)
        stage.leaf(self._body.where, "async iterator")
        if stage.chance(30):
            raise StopAsyncIteration
        return 0


def _taken(tasks: Tasks, known: Known, where: Where) -> tuple[_Body, AsyncIterator[int], bool]:
    """Return a body, the stream of it, and whether it begins only with its first step."""
    body, kind, before = _Body(tasks, known.change), tasks.stage.random.randrange(3), _model.tick()
    if kind == 0:
        return body, known.scope(body.run)(), True
    stream: AsyncIterator[int] = known.scope.wrap(_Iterator(body) if kind == 1 else body.run())
    body.entered(where, before)
    return body, stream, False


async def _advanced(tasks: Tasks, stream: Any, *, is_first: bool) -> bool:
    kind = 9 if is_first or not hasattr(stream, "asend") else tasks.stage.random.randrange(10)
    try:
        if kind > 2:
            await stream.__anext__()
        else:
            await (stream.athrow(Boom()) if kind == 0 else stream.asend(("bind", None)[kind - 1]))
    except (StopAsyncIteration, Boom):
        return False
    return True


async def _stream(tasks: Tasks, where: Where, depth: int) -> None:
    """Take an async stream some way, and exhaust, drop or close it, here or in another task."""
    stage = tasks.stage
    body, stream, is_fresh = _taken(tasks, stage.scope(), where)
    if is_fresh:
        body.entered(where, _model.tick())
    is_first = True
    while await _advanced(tasks, stream, is_first=is_first):
        is_first = False
        stage.leaf(where, "async consumer")
        if stage.chance(20):
            break
        if stage.chance(20):
            await tasks.play(where, depth)
    closed = getattr(stream, "aclose", None)
    if closed is not None and stage.chance(60):
        await (tasks.spawn(_awaited(closed())) if stage.chance(50) else closed())
    del stream, closed, body
    stage.leaf(where, "after async stream")


async def _handed_over(tasks: Tasks, where: Where, _depth: int) -> None:
    """Begin an async stream here, and go on in a task that has no session."""
    stage = tasks.stage
    with stage.inside(where, stage.scope()) as inside, stage.current(inside, "asks") as asks:
        body, stream, is_fresh = _taken(tasks, stage.scope(), asks)
        if is_fresh:
            body.entered(asks, _model.tick())
        more = await _advanced(tasks, stream, is_first=True)

    async def consume() -> None:
        nonlocal more
        while more:
            more = await _advanced(tasks, stream, is_first=False)
            stage.leaf(where, "async consumer")

    tasks.spawn(consume())


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _awaited(awaitable: Any) -> None:
    await awaitable


async def _with_inside(tasks: Tasks, where: Where) -> AsyncIterator[int]:
    with tasks.stage.inside(where, tasks.stage.started()) as inside:
        tasks.stage.leaf(inside, "plain with in an async generator")
        yield 0
        yield 1


async def _plain_with(tasks: Tasks, where: Where, _depth: int) -> None:
    """Leave an async generator with a plain ``with``: the event loop ends it, in another task."""
    async for _ in _with_inside(tasks, where):
        break
    try:
        await _turns(6)
    except asyncio.CancelledError:
        await _turns(6)  # until then the scope may be seen here
        raise
    tasks.stage.leaf(where, "after plain with in an async generator")


_Act: TypeAlias = "Callable[[Tasks, Where, int], Coroutine[Any, Any, None]]"

_ACTS: tuple[_Act, ...] = (
    _span,
    _span,
    _scope,
    _coroutine,
    _outliving,
    _cancelled,
    _timed_out,
    _stream,
    _stream,
    _handed_over,
    _plain_with,
    *_workers.TASK_ACTS,
)
