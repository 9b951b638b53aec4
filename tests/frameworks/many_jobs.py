"""Many jobs of many users, sent through a program of a page: whose each is, and the judgement of what was exported.

A program sends them (`sent`, `sent_by_tasks`, `sent_by_greenlets`), its jobs ask `answered` in the place of a model, and a test judges the spans.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry import trace

from otel_sessions import set_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from wire import WireSpan

USERS = 24
SENDERS = 8
"""Threads, tasks or greenlets that send."""

_SECONDS = 1_000
_asked: list[str] = []
"""What this process was asked."""
_REQUEST = "request"
_WORK = "work"
"""The turn of a program."""
_MODEL = "model"
_QUESTION = "input.value"
_MOST_SECONDS = 0.004


class Unanswered(Exception):  # noqa: N818  # no error of the test
    """What the job of some questions raises."""


class Job(NamedTuple):
    """One job: of five one has neither session nor trace, one a trace alone; of seven one raises."""

    number: int

    @property
    def ids(self) -> tuple[str | None, str | None]:
        """Its session and its user."""
        if self.number % 5 > 2:
            return None, None
        user = self.number % USERS
        return f"conv-{user}-of-many", f"user-{user}"

    @property
    def is_in_trace(self) -> bool:
        return self.number % 5 < 4

    @property
    def raises(self) -> bool:
        return self.number % 7 == 3

    @property
    def question(self) -> str:
        return f"{self.number} {'raises' if self.raises else 'is answered'}"

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Be where it is sent: in its session, if it has one, and below a span, if it has that."""
        session, user = self.ids
        with set_session(session, user_id=user) if session else contextlib.nullcontext():
            if self.is_in_trace:
                with trace.get_tracer("app").start_as_current_span(_REQUEST, attributes={_QUESTION: self.question}):
                    yield
            else:
                yield

    def see(self, outcome: object) -> None:
        """See that it has ended as it has to."""
        wanted = type(outcome).__name__ if isinstance(outcome, BaseException) else outcome
        told = f"You asked: {self.question}"
        # What an engine makes of an exception is its own.
        assert isinstance(outcome, BaseException) if self.raises else outcome == told, (self, wanted)


def all_jobs() -> list[Job]:
    """Return as many as the variable ``JOBS`` says."""
    return [Job(number) for number in range(int(os.environ["JOBS"]))]


def _seconds_for(question: str) -> float:
    """Return how long an answer takes: not in the order in which it was asked for."""
    return sum(question.encode()) % 5 * _MOST_SECONDS / 4


def answered(question: str) -> str:
    """Be the model, which takes its time, starts a span, and raises for some."""
    _asked.append(question)
    with trace.get_tracer("app").start_as_current_span(_MODEL, attributes={_QUESTION: question}):
        time.sleep(_seconds_for(question))
        if question.endswith("raises"):
            raise Unanswered
    return f"You asked: {question}"


async def answered_in_loop(question: str) -> str:
    """Be the model, and leave the loop to others in between."""
    _asked.append(question)
    with trace.get_tracer("app").start_as_current_span(_MODEL, attributes={_QUESTION: question}):
        await asyncio.sleep(_seconds_for(question))
        if question.endswith("raises"):
            raise Unanswered
    return f"You asked: {question}"


def _outcome(get: Callable[[], object]) -> object:
    try:
        return get()
    except Exception as error:  # noqa: BLE001  # some raise
        return error


def sent(send: Callable[[str], Callable[[], object]]) -> None:
    """Send all, by several threads; ``send`` takes a question, and gives what waits for the answer."""

    def one(job: Job) -> None:
        with job.request():
            wait = send(job.question)
        job.see(_outcome(wait))

    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(one, all_jobs(), timeout=_SECONDS))


async def sent_by_tasks(ask: Callable[[str], Awaitable[object]], senders: int = SENDERS) -> None:
    """Send all, by several tasks; ``ask`` takes a question, and gives the answer."""
    remaining = iter(all_jobs())

    async def sender() -> None:
        for job in remaining:
            with job.request():
                try:
                    outcome = await ask(job.question)
                except Exception as error:  # noqa: BLE001  # some raise
                    outcome = error
            job.see(outcome)

    await asyncio.gather(*(sender() for _ in range(senders)))


async def scheduled(add: Callable[[str], object]) -> None:
    """Add all, by one task for each, which does not wait; wait until all have been run."""

    async def one(job: Job) -> None:
        with job.request():
            add(job.question)
            await asyncio.sleep(0)

    for job in all_jobs():
        await asyncio.create_task(one(job))
        await asyncio.sleep(_MOST_SECONDS)
    for _ in range(_SECONDS):
        if len(_asked) >= len(all_jobs()):
            return
        await asyncio.sleep(1)
    raise TimeoutError


def sent_by_greenlets(
    start: Callable[[Callable[[Job], None], Iterable[Job]], object], send: Callable[[str], Callable[[], object]]
) -> None:
    """Send all, as ``start`` maps a function over them; ``send`` as in `sent`."""

    def one(job: Job) -> None:
        with job.request():
            wait = send(job.question)
        job.see(_outcome(wait))

    start(one, all_jobs())


def called(ask: Callable[[str], object]) -> Callable[[str], Callable[[], object]]:
    """Return what asks at once, and gives the answer, or raises, when it is waited for."""

    def send(question: str) -> Callable[[], object]:
        future: Future[object] = Future()
        try:
            future.set_result(ask(question))
        except Exception as error:  # noqa: BLE001  # some raise
            future.set_exception(error)
        return future.result

    return send


def of_future(future: Future[object]) -> Callable[[], object]:
    return lambda: future.result(_SECONDS)


def judge(spans: list[WireSpan], count: int, *, own_traces: bool = False, attempts: int = 1) -> dict[str, int]:
    """See that every job had its session, its user and its trace, and nothing else had any.

    Args:
        spans: What was exported, of the senders and of the workers.
        count: How many were sent.
        own_traces: Each job begins a trace; else it is in that of its request, if there is one.
        attempts: How often one is run that raises.

    Returns:
        How many jobs had a session, a trace alone, and nothing.
    """
    jobs = {job.question: job for job in map(Job, range(count))}
    runs = {question: attempts if job.raises else 1 for question, job in jobs.items()}
    seen = Counter((span.name, span.attributes[_QUESTION]) for span in spans if span.name in {_WORK, _MODEL})
    wanted = Counter({(name, question): runs[question] for name in (_WORK, _MODEL) for question in jobs})
    lacking, more = wanted - seen, seen - wanted
    assert not lacking, f"jobs have not run, or their spans are lost: {lacking.total()}, {list(lacking)[:9]}"
    assert not more, f"jobs have run twice: {more.total()}, {list(more)[:9]}"
    request = {span.trace_id: jobs[span.attributes[_QUESTION]] for span in spans if span.name == _REQUEST}
    work = [span for span in spans if span.name in {_WORK, _MODEL}]
    wrong = [
        span
        for span in work
        if (job := jobs[span.attributes[_QUESTION]]).ids != ids_of(span)
        or request.get(span.trace_id) != (job if job.is_in_trace and not own_traces else None)
    ]
    # What the library itself has started in the trace of a request, and elsewhere.
    wrong += [
        span
        for span in spans
        if span.name not in {_WORK, _MODEL}
        and ids_of(span) != (request[span.trace_id].ids if span.trace_id in request else (None, None))
    ]
    assert wrong == [], "in the session or the trace of another"
    return dict(Counter("session" if job.ids[0] else "trace" if job.is_in_trace else "none" for job in jobs.values()))


def ids_of(span: WireSpan) -> tuple[object, object]:
    return span.attributes.get("session.id"), span.attributes.get("user.id")
