"""Workers that a request has started, and that go on when it is over: each job is below a span that has ended.

Some jobs bind, with a span of their own and without, and the next one must have nothing of it.
"""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from opentelemetry.context import attach, detach
from opentelemetry.trace import set_span_in_context

from ._model import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from opentelemetry.trace import Span

    from ._model import Expected, Where
    from ._stage import Act, Stage
    from ._tasks import Tasks

    _Open: TypeAlias = "tuple[Span, Expected]"


class _Worker:
    """A thread that has the Context of where it was begun, for all that it does; here, one job at a time."""

    def __init__(self, stage: Stage, where: Where) -> None:
        self._stage = stage
        self._where = where
        self._context = contextvars.copy_context()

    def do(self, job: Callable[[Stage, Where, int], None], depth: int) -> None:
        """Do ``job`` in a thread, and wait for it."""
        run = self._context.run
        contextvars.Context().run(self._stage.pool.submit, run, job, self._stage, self._where, depth).result()


def _bare(stage: Stage, where: Where, _depth: int) -> None:
    stage.leaves(where, "job without a bind")
    stage.read(where, "job without a bind")


def _binding(stage: Stage, where: Where, depth: int) -> None:
    """Bind in a job without a span of its own: nothing is bound where the request is over."""
    stage.bind(where, stage.session_id(), stage.user_id())
    stage.read(where, "job after a bind")
    stage.leaf(where, "job after a bind")
    if stage.chance(20):
        stage.play(where, depth)


def _with_span(stage: Stage, where: Where, depth: int) -> None:
    with stage.current(where, "job") as job:
        stage.leaf(job, "in a job")
        if stage.chance(60):
            stage.bind(job, stage.session_id(), stage.user_id())
        stage.leaves(job, "in a job")
        if stage.chance(20):
            stage.play(job, depth)
    if stage.chance(30):
        stage.leaf(where, "after a job")


def _in_scope(stage: Stage, where: Where, depth: int) -> None:
    with stage.inside(where, stage.scope()) as inside:
        stage.leaf(inside, "job in a scope")
        stage.random.choice(_JOBS[:3])(stage, inside, depth)
    stage.leaf(where, "after the scope of a job")


_JOBS: tuple[Act, ...] = (_bare, _binding, _with_span, _in_scope)


def worker(stage: Stage, where: Where, depth: int) -> None:
    """Start a worker in a request, and have it do jobs while that is open, and later."""
    with stage.current(where, "GET /first") as request:
        if stage.chance(30):
            stage.bind(request, stage.session_id(), stage.user_id())
        with stage.inside(request, stage.scope()) if stage.chance(20) else _nothing(request) as place:
            begun = _Worker(stage, place)
        if stage.chance(30):
            begun.do(stage.random.choice(_JOBS), depth)
        if stage.chance(30):
            stage.bind(request, stage.session_id(), stage.user_id())
    for _ in range(stage.random.randrange(1, 6)):
        begun.do(stage.random.choice(_JOBS), depth)
        if stage.chance(20):
            stage.leaf(where, "beside a worker")
    stage.leaf(where, "after a worker")


def outliving(stage: Stage, where: Where, depth: int) -> None:
    """Begin jobs in a request that outlive it; each binds for itself then."""
    with stage.current(where, "GET /jobs") as request:
        jobs = [_begun(stage, request) for _ in range(stage.random.randrange(2, 4))]
        if stage.chance(30):
            stage.bind(request, stage.session_id(), stage.user_id())
    while jobs:
        (span, expected), opened = stage.random.choice(jobs)
        with _at(request.below(expected), span) as job:
            stage.random.choice(_JOBS)(stage, job, depth)
            if stage.chance(50):
                stage.bind(job, stage.session_id(), stage.user_id())
            stage.leaves(job, "job that outlives its request")
        if stage.chance(50):
            jobs.remove(((span, expected), opened))
            for each in (*opened, (span, expected)) if stage.chance(50) else ((span, expected), *opened):
                stage.end(*each)
                with _at(request.below(expected), span) as job:
                    stage.leaf(job, "below a job that may have ended")
    stage.leaf(where, "after jobs")


def _begun(stage: Stage, request: Where) -> tuple[_Open, list[_Open]]:
    """Begin a job with some spans that stay open, below one that has ended, too."""
    span, expected = stage.start(request, "job that outlives its request")
    opened: list[_Open] = []
    with _at(request.below(expected), span) as job:
        if stage.chance(60):
            opened.append(stage.start(job, "open in a job"))
        if stage.chance(60):
            with stage.current(job, "between") as between:
                opened.append(stage.start(between, "open below what has ended"))
    return (span, expected), opened


@contextmanager
def _at(where: Where, span: Span) -> Iterator[Where]:
    """Make a span the current one, and let it go on."""
    token = attach(set_span_in_context(span))
    try:
        yield where
    finally:
        detach(token)


@contextmanager
def _nothing(where: Where) -> Iterator[Where]:
    yield where


async def _serving(tasks: Tasks, where: Where, depth: int) -> None:
    """Have a task do jobs that was started in a request, while other tasks do theirs."""
    stage, jobs = tasks.stage, asyncio.Queue[int]()

    async def serve(place: Where) -> None:
        while await jobs.get():
            stage.random.choice(_JOBS)(stage, place, depth)
            await asyncio.sleep(0)

    with stage.current(where, "GET /first of a loop") as request:
        if stage.chance(30):
            stage.bind(request, stage.session_id(), stage.user_id())
        tasks.spawn(serve(request))
    try:
        for _ in range(stage.random.randrange(1, 5)):
            jobs.put_nowait(1)
            await asyncio.sleep(0)
            stage.leaf(where, "beside a serving task")
    finally:  # this one may be cancelled
        jobs.put_nowait(0)


async def _startup(tasks: Tasks, _where: Where, depth: int) -> None:
    """Have all events of a server below the one span that has started its queue, and that has ended."""
    stage = tasks.stage

    async def event(place: Where) -> None:
        with stage.current(place, "event") as inside:
            await asyncio.sleep(0)
            stage.random.choice(_JOBS)(stage, inside, depth)
            await asyncio.sleep(0)
            stage.leaf(inside, "in an event")
        stage.random.choice(_JOBS)(stage, place, depth)

    async def begin() -> None:
        with stage.current(OUTSIDE, "GET /startup-events") as startup:
            here = contextvars.copy_context()
        for _ in range(stage.random.randrange(2, 5)):
            here.run(tasks.spawn, event(startup))

    await contextvars.Context().run(asyncio.create_task, begin())


ACTS: tuple[Act, ...] = (worker, worker, outliving)

TASK_ACTS: tuple[Callable[[Tasks, Where, int], Coroutine[object, object, None]], ...] = (_serving, _startup)
