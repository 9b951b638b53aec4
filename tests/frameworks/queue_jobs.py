"""Jobs of many sessions that are sent through a queue, and the judgement of what was exported of them.

``python queue_jobs.py MODULE COUNT`` sends them: by ``ask`` of a program of the page, from several threads or tasks at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry import trace

from otel_sessions import set_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
    from types import ModuleType

    from wire import WireSpan

SESSIONS = 25
SENDERS = 4
ASK, ANSWER = "ask", "answer"


class Job(NamedTuple):
    """What is sent: its question tells all of it, so that a span which has the question can be judged."""

    number: int
    session: str | None
    user: str | None
    traced: bool
    fails: bool

    @property
    def question(self) -> str:
        outcome = "fails" if self.fails else "works"
        return f"{self.number} {self.session} {self.user} {'traced' if self.traced else 'untraced'} {outcome}"


def jobs(count: int) -> list[Job]:
    """Return jobs in an order by chance: one in ten without anything, one with a session alone, one with a span alone; one in five raises."""
    made = []
    for number in range(count):
        kind, session = number % 10, (number // 10) % SESSIONS
        ids = (None, None) if kind in {0, 1} else (f"conv-{session}", f"user-{session}")
        made.append(Job(number, *ids, traced=kind not in {0, 2}, fails=number % 5 == 4))
    Random(count).shuffle(made)  # noqa: S311  # the same each time
    return made


def outcome(question: str) -> str:
    """Be the model of a program, which takes its time, and raises if that is what the job is for."""
    time.sleep(_pause(question))
    return _outcome(question)


async def outcome_later(question: str) -> str:
    """Be the same, while others go on."""
    await asyncio.sleep(_pause(question))
    return _outcome(question)


def flaky(question: str) -> str:
    """Be a model that raises when it is asked the first time, in whatever process; what it has heard is in the current folder."""
    path = Path(f"heard-{question.split(maxsplit=1)[0]}")
    if not path.exists():
        path.touch()
        raise TimeoutError(question)
    return question


def _pause(question: str) -> float:
    return Random(question).random() / 500  # noqa: S311  # the same each time


def _outcome(question: str) -> str:
    if question.endswith("fails"):
        msg = f"as it should: {question}"
        raise ValueError(msg)
    return f"You asked: {question}"


@contextlib.contextmanager
def _in_session_and_span(job: Job) -> Iterator[None]:
    span = trace.get_tracer("sender").start_as_current_span
    with contextlib.ExitStack() as stack:
        if job.session:
            stack.enter_context(set_session(job.session, user_id=job.user))
        if job.traced:
            stack.enter_context(span(ASK, attributes={"question": job.question}))
        yield


def _send(ask: Callable[[str], object], made: Iterable[Job], *, alone: int = 0) -> None:
    def send(job: Job) -> None:
        with _in_session_and_span(job):
            ask(job.question)

    todo = iter(made)
    with ThreadPoolExecutor(SENDERS) as pool:
        for job in islice(todo, alone):
            pool.submit(send, job).result()
        list(pool.map(send, todo))


async def _send_async(ask: Callable[[str], Awaitable[object]], made: Iterable[Job]) -> None:
    todo = iter(made)

    async def send() -> None:
        for job in todo:
            with _in_session_and_span(job):
                await ask(job.question)

    await asyncio.gather(*(send() for _ in range(SENDERS)))


async def _arq(program: ModuleType, made: Iterable[Job]) -> None:
    from arq import create_pool

    async with await create_pool(program.Worker.redis_settings) as pool:
        await _send_async(partial(program.ask, pool), made)


async def _faststream(program: ModuleType, made: Iterable[Job]) -> None:
    async with program.broker:
        await _send_async(program.ask, made)


async def _taskiq(program: ModuleType, made: Iterable[Job]) -> None:
    await program.broker.startup()
    await _send_async(program.ask, made)
    await program.broker.shutdown()


_ASYNC = {"arq_app": _arq, "faststream_app": _faststream, "taskiq_app": _taskiq}
"""What has to be begun before something is sent."""
_ALONE = {"celery_app": 1}
"""How many jobs are sent before there are several at once. Celery makes a task when that is first used, and the instrumentation
a place for its spans when it first has one: both without a lock, so that threads take away from each other what they need."""


def main(module: str, count: str) -> None:
    program, made = importlib.import_module(module), jobs(int(count))
    if module in _ASYNC:
        asyncio.run(_ASYNC[module](program, made))
    else:
        _send(program.ask, made, alone=_ALONE.get(module, 0))
    if hasattr(program, "producer"):
        program.producer.flush()
    trace.get_tracer_provider().shutdown()


def answered(spans: Iterable[WireSpan]) -> Counter[object]:
    """Count the runs of each question."""
    return Counter(span.attributes.get("input.value") for span in spans if span.name == ANSWER)


def ids_of(span: WireSpan) -> tuple[object, object]:
    return span.attributes.get("session.id"), span.attributes.get("user.id")


def judge(made: Iterable[Job], spans: list[WireSpan], *, without: Collection[str] = (), runs: int = 1) -> Counter[str]:
    """Count the jobs by what became of them: ``right``, or what is wrong.

    Right is a job that has run, with the ids of whom it was sent for, or none, on it and on all spans of its trace, below the span that sent it.

    Args:
        made: The jobs that were sent.
        spans: All that was exported.
        without: Names of spans that may do without a session where the job has one.
        runs: How often each has to run.
    """
    by_id, by_trace, by_question = {}, defaultdict(list), defaultdict(list)
    for span in spans:
        by_id[span.span_id] = span
        by_trace[span.trace_id].append(span)
        if span.name == ANSWER:
            by_question[span.attributes.get("input.value")].append(span)

    def judged(job: Job) -> str:
        found = by_question[job.question]
        if len(found) != runs:
            return f"has run {len(found)} times"
        wrong = [_wrong(job, run, by_id, by_trace[run.trace_id], without) for run in found]
        return next(filter(None, wrong), "right")

    return Counter(judged(job) for job in made)


def _wrong(job: Job, run: WireSpan, by_id: dict, trace_of_it: list[WireSpan], without: Collection[str]) -> str | None:
    ids = (job.session, job.user)
    if ids_of(run) != ids:
        return f"has {'another session' if ids_of(run)[0] else 'no session'}"
    above = [span.attributes.get("question") for span in _above(run, by_id) if span.name == ASK]
    if above != ([job.question] if job.traced else []):
        return "is not below the span that has sent it"
    if {span.attributes.get("input.value") for span in trace_of_it if span.name == ANSWER} != {job.question}:
        return "shares its trace"
    others = {span.name for span in trace_of_it if ids_of(span) != ids}
    if wrong := sorted(others - (set(without) if job.session else set())):
        return f"has other ids on {wrong}"
    return None


def _above(span: WireSpan, by_id: dict[str, WireSpan]) -> Iterator[WireSpan]:
    while (span := by_id.get(span.parent_id)) is not None:
        yield span


if __name__ == "__main__":
    main(*sys.argv[1:])
