"""Rows about generators and streams."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING

from ._outcome import ADA, BOB, Outcome, worst
from ._scenario import scenario

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ._outcome import Ids
    from ._stage import Stage

_STEPS = 4


def _body(stage: Stage, name: str = "body") -> Iterator[int]:
    for step in range(_STEPS):
        stage.mark(name)
        yield step


async def _async_body(stage: Stage) -> AsyncIterator[int]:
    try:
        for step in range(_STEPS):
            stage.mark("body")
            yield step
            await asyncio.sleep(0)
    finally:
        stage.mark("body")


def _with_inside(stage: Stage, ids: Ids = ADA, name: str = "body") -> Iterator[int]:
    with stage.tool.scope(ids):
        yield from _body(stage, name)


async def _with_inside_async(stage: Stage) -> AsyncIterator[int]:
    with stage.tool.scope(ADA):
        async for step in _async_body(stage):
            yield step


def _consume_decorated(stage: Stage) -> None:
    for _ in stage.tool.decorated(ADA, _body)(stage):
        stage.mark("consumer")
    stage.mark("consumer")


@scenario(
    "Decorated generator: the body has the session at every step",
    f"A decorated generator of {_STEPS} steps, with a span in each.",
)
def decorated_body(stage: Stage) -> Outcome:
    _consume_decorated(stage)
    return stage.have(ADA, "body")


@scenario(
    "… and its consumer never has it",
    "The same; the consumer makes spans between the steps and after the last.",
)
def decorated_consumer(stage: Stage) -> Outcome:
    _consume_decorated(stage)
    return stage.clean("consumer")


@scenario(
    "Two decorated generators in turns keep their own",
    "Two decorated generators with different ids, consumed with `zip`.",
)
def decorated_in_turns(stage: Stage) -> Outcome:
    for _ in zip(
        stage.tool.decorated(ADA, _body)(stage, "first"),
        stage.tool.decorated(BOB, _body)(stage, "second"),
        strict=True,
    ):
        stage.mark("consumer")
    return worst(stage.have(ADA, "first"), stage.have(BOB, "second"), stage.clean("consumer"))


@scenario(
    "… also when worker threads drive it",
    "A decorated generator with each `next` in another thread, as web frameworks stream from synchronous generators.",
)
def decorated_in_threads(stage: Stage) -> Outcome:
    steps = stage.tool.decorated(ADA, _body)(stage)

    def take() -> None:
        next(steps, None)
        stage.mark("consumer")

    for _ in range(_STEPS + 1):
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
    return worst(stage.have(ADA, "body"), stage.clean("consumer"), stage.quiet())


@scenario(
    "Decorated async generator: the same for body and consumer",
    f"A decorated async generator of {_STEPS} steps and a `finally`, with a span in each, and spans of the consumer.",
)
def decorated_async(stage: Stage) -> Outcome:
    async def consume() -> None:
        async for _ in stage.tool.decorated(ADA, _async_body)(stage):
            stage.mark("consumer")
        stage.mark("consumer")

    asyncio.run(consume())
    return worst(stage.have(ADA, "body"), stage.clean("consumer"), stage.quiet())


@scenario(
    "… also when another task closes it",
    "The same, taken two steps far, then `aclose()` in another task: spans of the body up to its `finally`, spans of the "
    "consumer afterwards, and records at ERROR.",
)
def decorated_async_closed_elsewhere(stage: Stage) -> Outcome:
    async def consume() -> None:
        stream = stage.tool.decorated(ADA, _async_body)(stage)
        await anext(stream)
        await anext(stream)
        await asyncio.create_task(_close(stream))
        stage.mark("consumer")

    asyncio.run(consume())
    return worst(stage.have(ADA, "body"), stage.clean("consumer"), stage.quiet())


async def _close(stream: AsyncIterator[int]) -> None:
    await stream.aclose()  # type: ignore[attr-defined]


@scenario(
    "Plain `with` in a generator: the body has it at every step, and nobody afterwards",
    f"A `with` block around {_STEPS} steps of a generator, with a span in each; the consumer's spans after it has "
    "ended, too.",
)
def with_in_generator(stage: Stage) -> Outcome:
    for _ in _with_inside(stage):
        pass
    stage.mark("after")
    return worst(stage.have(ADA, "body"), stage.clean("after"))


@scenario(
    "… nor the consumer between two steps",
    "The same; the consumer makes spans between the steps.",
)
def with_in_generator_consumer(stage: Stage) -> Outcome:
    for _ in _with_inside(stage):
        stage.mark("consumer")
    return stage.clean("consumer")


@scenario(
    "… and two in turns keep their own",
    "Two such generators with different ids, consumed with `zip`.",
)
def with_in_two_generators(stage: Stage) -> Outcome:
    for _ in zip(_with_inside(stage, ADA, "first"), _with_inside(stage, BOB, "second"), strict=True):
        pass
    return worst(stage.have(ADA, "first"), stage.have(BOB, "second"))


@scenario(
    "… and two in turns leave nothing behind",
    "The same, the first of them ended before the second; then a span of the consumer, and records at ERROR.",
)
def with_in_two_generators_after(stage: Stage) -> Outcome:
    first, second = _with_inside(stage, ADA, "first"), _with_inside(stage, BOB, "second")
    next(first)
    next(second)
    first.close()  # type: ignore[attr-defined]
    second.close()  # type: ignore[attr-defined]
    stage.mark("after")
    return worst(stage.clean("after"), stage.quiet())


@scenario(
    "An abandoned generator leaves nothing behind",
    "A generator with a `with` block, left with `break` after a step and collected; then a span of the consumer.",
)
def abandoned(stage: Stage) -> Outcome:
    for _ in _with_inside(stage):
        break
    gc.collect()
    stage.mark("after")
    return worst(stage.clean("after"), stage.quiet())


@scenario(
    "An abandoned async generator leaves nothing behind",
    "The same with an async generator, which the event loop closes in another task.",
)
def abandoned_async(stage: Stage) -> Outcome:
    async def consume() -> None:
        async for _ in _with_inside_async(stage):
            break
        gc.collect()
        for _ in range(10):
            await asyncio.sleep(0)
        stage.mark("after")

    asyncio.run(consume())
    return worst(stage.clean("after"), stage.quiet())


@scenario(
    "A stream that outlives the block keeps the session",
    "An iterator that somebody else has made, consumed after the block in which it was asked for: spans of its body, and "
    "none of the consumer.",
)
def stream_outlives(stage: Stage) -> Outcome:
    stream = stage.tool.wrapped(ADA, _body(stage))
    for _ in stream:
        stage.mark("consumer")
    return worst(stage.have(ADA, "body"), stage.clean("consumer"))


@scenario(
    "So does an async stream",
    "The same with an async iterator, consumed in another task.",
)
def async_stream_outlives(stage: Stage) -> Outcome:
    async def consume(stream: AsyncIterator[int]) -> None:
        async for _ in stream:
            stage.mark("consumer")

    async def ask() -> None:
        stream = stage.tool.async_wrapped(ADA, _async_body(stage))
        await asyncio.create_task(consume(stream))

    asyncio.run(ask())
    return worst(stage.have(ADA, "body"), stage.clean("consumer"), stage.quiet())


ROWS = (
    decorated_body,
    decorated_consumer,
    decorated_in_threads,
    decorated_in_turns,
    decorated_async,
    decorated_async_closed_elsewhere,
    with_in_generator,
    with_in_generator_consumer,
    with_in_two_generators,
    with_in_two_generators_after,
    abandoned,
    abandoned_async,
    stream_outlives,
    async_stream_outlives,
)
