"""What others leave behind in a block: streams that are left early, contexts never detached, or too late, or out of order."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import set_span_in_context

from . import _model

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ._model import Where
    from ._stage import Act, Stage


def left_early(stage: Stage, where: Where, depth: int) -> None:
    """Break out of streams in a block, each with a span that stays current; close them later, in any order."""
    streams: list[Iterator[int]] = []
    with stage.inside(where, stage.scope()) as inside:
        here = inside
        for _ in range(stage.random.randrange(1, 3)):
            place = [here]
            streams.append(_stream(stage, place))
            next(streams[-1])
            here = place[0]
            stage.leaf(here, "inside, after a step of a stream")
        if stage.chance(30):
            stage.play(here, depth)
    _nothing_is_left(stage, where, "after a stream that was left early")
    stage.random.shuffle(streams)
    while streams:
        del streams[-1]  # what it attached is detached now: the Context of the block may come back
        _nothing_is_left(stage, where, "after a stream was closed late")


def _stream(stage: Stage, place: list[Where]) -> Generator[int, None, None]:
    with stage.current(place[0], "stream of others") as place[0]:
        yield 0
        yield 1


def never_detached(stage: Stage, where: Where, depth: int) -> None:
    """Leave a block in which something was attached for good, or detached out of order; bring it back after."""
    with stage.inside(where, stage.scope()) as inside:
        span, expected = stage.start(inside, "never detached")
        tokens = [attach(set_span_in_context(span))]
        below = inside.below(expected)
        other, other_expected = stage.start(below, "never detached")
        tokens.append(attach(set_span_in_context(other)))
        if stage.chance(50):
            stage.play(below.below(other_expected), depth)
        if stage.chance(50):
            detach(tokens.pop(0))  # the order of agno's teams: the second brings the first one back
            stage.leaf(inside, "after a detach out of order")
        if stage.chance(50):
            stage.end(other, other_expected)
            stage.end(span, expected)
    _nothing_is_left(stage, where, "after a context that was never detached")
    while tokens and stage.chance(70):
        detach(tokens.pop())
        _nothing_is_left(stage, where, "after a late detach")
    if span.is_recording():
        stage.end(other, other_expected)
        stage.end(span, expected)


def as_signals(stage: Stage, where: Where, depth: int) -> None:
    """Enter a span and a scope, and leave them in the same order, as the signals of a queue do."""
    known = stage.scope()
    span, expected = stage.start(where, "task of a queue")
    token = attach(set_span_in_context(span))
    before = _model.tick()
    known.scope.__enter__()
    stage.play(_model.entered(where.below(expected), known.change, before), depth)
    detach(token)
    stage.end(span, expected)
    known.scope.__exit__(None, None, None)
    _nothing_is_left(stage, where, "after the signals of a queue")


def passed_on(stage: Stage, where: Where, _depth: int) -> None:
    """Keep the Context of a block: it has its session where it is passed, and in another thread."""
    with stage.inside(where, stage.scope()) as inside, stage.current(inside, "captured") as captured:
        context = get_current()
        is_left = stage.chance(30)
        if is_left:
            attach(context)

    def work() -> None:
        token = attach(context)
        stage.leaf(captured, "attached in another thread")
        detach(token)

    if is_left:
        _nothing_is_left(stage, where, "after a captured context was left attached")
    stage.leaf(captured, "passed", context)
    contextvars.Context().run(stage.pool.submit, work).result()
    stage.leaf(where, "after what was passed")


def closed_elsewhere(stage: Stage, where: Where, depth: int) -> None:
    """Open a scope in one task and close it in another, which was started inside or outside of it."""
    known = stage.started()

    def open_and_close() -> None:
        outside = contextvars.copy_context()
        before = _model.tick()
        known.scope.__enter__()
        inside = contextvars.copy_context()
        stage.play(_model.entered(where, known.change, before), depth)
        (inside if stage.chance(50) else outside).run(known.scope.__exit__, None, None, None)
        outside.run(stage.leaf, where, "outside of a scope that is closed elsewhere")
        _nothing_is_left(stage, where, "after a close elsewhere")

    contextvars.copy_context().run(open_and_close)
    stage.leaf(where, "after a close elsewhere")


def _nothing_is_left(stage: Stage, where: Where, name: str) -> None:
    stage.read(where, name)
    stage.leaf(where, name)


ACTS: tuple[Act, ...] = (left_early, never_detached, as_signals, passed_on, closed_elsewhere)
