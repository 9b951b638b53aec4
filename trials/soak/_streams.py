"""Generators and iterators, decorated and wrapped, taken and left in every way; nobody sees their session."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import _model
from ._model import OUTSIDE
from ._stage import MAX_DEPTH, Boom

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from ._model import Change, Where
    from ._stage import Act, Known, Stage


class Body:
    """What runs inside a stream: spans, some of them open across its items.

    Attributes:
        where: The place inside; known at the first step, or where the stream was wrapped.
    """

    def __init__(self, stage: Stage, change: Change) -> None:
        self.stage = stage
        self.change = change
        self.where = OUTSIDE
        self.items = stage.random.randrange(1, 6)
        self.makes_current = False

    def entered(self, where: Where, before: int | None = None) -> None:
        """Note that the stream was entered at ``where``."""
        self.where = _model.entered(where, self.change, _model.tick() if before is None else before)

    def item(self, what: str, depth: int = MAX_DEPTH - 1) -> None:
        """Do what is done before an item."""
        self.stage.leaf(self.where, what)
        if self.stage.chance(10):
            self.stage.play(self.where, depth)

    def run(self) -> Generator[int, Any, str]:
        """Run as a generator."""
        held = self.stage.start(self.where, "open across items")
        try:
            for number in range(self.items):
                self.item("body")
                try:
                    if (yield number) == "bind" and self.where.parent is not None:
                        self.stage.bind(self.where, self.stage.session_id(), None)
                except Boom:
                    self.stage.leaf(self.where, "body after throw")
            with self.stage.inside(self.where, self.stage.started()) as inner:
                yield -1
                self.stage.leaf(inner, "scope across items")
            self.stage.leaf(self.where, "body after scope")
            return "done"
        finally:
            self.stage.leaf(self.where, "body's clean-up")
            self.stage.end(*held)

    def run_current(self) -> Generator[int, Any, str]:
        """Run with a span that is current across the items; for streams that stay in one thread."""
        with self.stage.current(self.where, "current across items") as self.where:
            yield from self.run()
        return "done"


class _Plain:
    """An iterator that is no generator, such as that of a client."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._left = body.items

    def __iter__(self) -> _Plain:
        return self

    def __next__(self) -> int:
        self._body.item("iterator")
        self._left -= 1
        if self._left < 0:
            raise StopIteration
        return self._left


class Taken:
    """A stream, with the model told of each step that matters."""

    def __init__(self, stage: Stage, where: Where, *, is_current: bool = False) -> None:
        known = stage.scope()
        self._is_fresh, self._is_new = False, True
        self.is_decorated = False
        self.body = body = Body(stage, known.change)
        run = body.run_current if is_current else body.run
        kind = stage.random.randrange(3)
        before = _model.tick()
        self.stream: Iterator[int]
        if kind == 0:
            self.stream = known.scope(run)()
            self._is_fresh = self.is_decorated = True
            return
        self.stream = known.scope.wrap(_Plain(body) if kind == 1 and not is_current else run())
        body.entered(where, before)

    def step(self, where: Where, take: Callable[[], Any] | None = None) -> bool:
        """Take a step at ``where``; tell whether there may be another."""
        if self._is_fresh:
            self._is_fresh = False
            self.body.entered(where)
        try:
            next(self.stream) if take is None else take()
        except (StopIteration, Boom):
            return False
        return True

    def any_step(self, where: Where) -> bool:
        """Take a step of any kind."""
        stream: Any = self.stream
        kind = self.body.stage.random.randrange(10)
        if self._is_new or kind > 2 or not hasattr(stream, "send"):
            self._is_new = False
            return self.step(where)
        return self.step(where, lambda: stream.throw(Boom()) if kind == 0 else stream.send(("bind", None)[kind - 1]))


def _consume(stage: Stage, where: Where, streams: list[Taken]) -> None:
    while streams:
        taken = stage.random.choice(streams)
        if not taken.any_step(where):
            streams.remove(taken)
        stage.leaf(where, "consumer")
        if stage.chance(10):
            return


def interleaved(stage: Stage, where: Where, _depth: int) -> None:
    """Take several streams in turns, and leave those that are not exhausted."""
    streams = [Taken(stage, where) for _ in range(stage.random.randrange(1, 4))]
    _consume(stage, where, streams)
    stage.leaf(where, "consumer")
    if stage.chance(30):
        for taken in streams:
            getattr(taken.stream, "close", list)()
    elif stage.chance(20):
        # For the garbage collector, in any thread. It may end the body of a wrapped generator, which is older than
        # what wraps it, before that can do so in the session; of a decorated one it does not.
        stage.cycles.append([[taken for taken in streams if taken.is_decorated], stage.cycles])
    streams.clear()
    stage.leaf(where, "after streams")


def from_scope(stage: Stage, where: Where, depth: int) -> None:
    """Begin a stream inside a scope and a span, and go on outside of them."""
    with stage.inside(where, stage.scope()) as inside, stage.current(inside, "asks") as asks:
        taken = Taken(stage, asks)
        more = taken.step(asks)
        stage.play(asks, depth)
    if more:
        _consume(stage, where, [taken])
    stage.leaf(where, "after streams")


def in_order(stage: Stage, where: Where, depth: int) -> None:
    """Take one stream to its end, or break; with a span that is current in its body."""
    taken = Taken(stage, where, is_current=True)
    while taken.step(where):
        stage.leaf(where, "consumer")
        if stage.chance(20):
            break
    if stage.chance(30):
        stage.play(where, depth)
    del taken
    stage.leaf(where, "after streams")


def in_threads(stage: Stage, where: Where, _depth: int) -> None:
    """Take each step in another thread, as web frameworks do."""
    streams, more = [Taken(stage, where)], True

    def work() -> None:
        nonlocal more
        more = streams[0].step(OUTSIDE)
        stage.leaf(OUTSIDE, "consumer in a thread")

    while more and stage.chance(90):
        stage.in_thread(work)
    streams.clear()
    stage.leaf(where, "after streams")


def _with_inside(stage: Stage, known: Known, where: Where) -> Iterator[Where]:
    with stage.inside(where, known) as inside:
        stage.leaf(inside, "plain with")
        yield inside
        yield inside


def plain_with(stage: Stage, where: Where, _depth: int) -> None:
    """Hold scopes open in generators that are not decorated: nothing of them is left when they have ended.

    Between the items the consumer may see them, so no other spans are looked at there.
    """
    here, generators = where, []
    for _ in range(stage.random.randrange(1, 4)):
        if stage.chance(30):
            generators.append(_with_inside(stage, stage.started(), OUTSIDE))
            stage.in_thread(partial(next, generators[-1]))
        else:
            generators.append(_with_inside(stage, stage.started(), here))
            here = next(generators[-1])
    stage.random.shuffle(generators)
    while generators:
        end = partial(list, generators.pop())
        stage.in_thread(end) if stage.chance(20) else end()
        del end
    stage.leaf(where, "after plain with")


ACTS: tuple[Act, ...] = (interleaved, interleaved, from_scope, in_order, in_threads, plain_with)
