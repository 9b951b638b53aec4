"""What a workload works with: spans that the oracle knows of, scopes with their model, and dice."""

from __future__ import annotations

import contextvars
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from opentelemetry.context import attach, detach
from opentelemetry.trace import set_span_in_context

from otel_sessions import bind_session, clear_session, get_session, set_session, step, update_session

from . import _model
from ._model import NONE, Change, Ids, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from random import Random

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from otel_sessions import SessionScope

    from ._model import Expected
    from ._oracle import Oracle

_IDS = 400

MAX_DEPTH = 4


Act: TypeAlias = "Callable[[Stage, Where, int], None]"


class Boom(Exception):  # noqa: N818  # it is no error
    """Raised by workloads, through whatever is open."""


class Known(NamedTuple):
    """A scope, and what it does by the model."""

    scope: SessionScope
    change: Change


class Setting(NamedTuple):
    """What all stages have in common."""

    tracer: Tracer
    oracle: Oracle
    pool: Executor
    acts: Sequence[Act]


class Stage:
    """One thread's place to play on.

    Attributes:
        budget: How many spans it may go on to make before a request comes to its end.
        cycles: Streams that were dropped, for the garbage collector to find.
    """

    def __init__(self, name: str, random: Random, setting: Setting) -> None:
        self.name = name
        self.random = random
        self.tracer, self.oracle, self.pool, self._acts = setting
        self.budget = 0
        self.cycles: list[Any] = []
        self._reentered = [self.scope() for _ in range(20)]

    def chance(self, of_100: int) -> bool:
        """Throw the dice."""
        return self.random.randrange(100) < of_100

    def session_id(self) -> str:
        """Return a session id of this thread: one of many, or one that was never there."""
        if self.chance(5):
            return f"{self.name}-once-{self.random.getrandbits(48)}"
        return f"{self.name}-{self.random.randrange(_IDS)}"

    def user_id(self) -> str:
        """Return a user id."""
        return f"user-{self.random.randrange(50)}"

    def start(
        self, where: Where, name: str, context: Context | None = None, attributes: dict[str, Any] | None = None
    ) -> tuple[Span, Expected]:
        """Start a span at ``where``, for `end`."""
        self.budget -= 1
        seen = _model.seen_at(where)
        span = self.tracer.start_span(name, context=context, attributes=attributes)
        return span, self.oracle.expect(span, where, seen)

    def end(self, span: Span, expected: Expected) -> None:
        """End a span."""
        expected.ending()
        span.end()

    def leaf(self, where: Where, name: str, context: Context | None = None) -> None:
        """Start a span at ``where`` and end it."""
        self.end(*self.start(where, name, context))

    def leaves(self, where: Where, name: str) -> None:
        """Make some spans at ``where``."""
        for _ in range(self.random.randrange(1, 5)):
            self.leaf(where, name)
        if self.chance(10):
            self.read(where, name)

    def read(self, where: Where, name: str) -> None:
        """Ask which session there is at ``where``."""
        session = get_session()
        found = (None,) * 4 if session is None else (session.id, session.user_id, session.name, session.path)
        self.oracle.check(f"{name}: get_session", _model.possible(where), found)

    @contextmanager
    def current(self, where: Where, name: str) -> Iterator[Where]:
        """Make a span the current one; the place inside."""
        span, expected = self.start(where, name)
        token = attach(set_span_in_context(span))
        try:
            yield where.below(expected)
        finally:
            detach(token)
            self.end(span, expected)

    @contextmanager
    def inside(self, where: Where, known: Known) -> Iterator[Where]:
        """Enter a scope; the place inside."""
        before = _model.tick()
        with known.scope:
            yield _model.entered(where, known.change, before)

    def scope(self) -> Known:
        """Return a new scope of any kind."""
        return self.random.choice(_MAKERS)(self)

    def reentered(self) -> Known:
        """Return a scope of this thread that is used again and again."""
        return self.random.choice(self._reentered)

    def started(self) -> Known:
        """Return a new scope of ``set_session`` with an id of any kind."""
        ids = Ids(self.session_id(), self.user_id() if self.chance(60) else None)
        if self.chance(70):
            return Known(set_session(session_id=ids.session, user_id=ids.user), Change("start", ids))
        ids = ids._replace(name="Trip" if self.chance(50) else None, path="/plan" if self.chance(50) else None)
        scope = set_session(ids.session, user_id=ids.user, name=ids.name, path=ids.path)
        return Known(scope, Change("start", ids))

    def bind(self, where: Where, session: str | None, user: str | None) -> None:
        """Bind the trace of ``where``."""
        bind = _model.bind_begun(where, _model.bound_ids(where, session, user))
        bind_session(session, user_id=user)
        _model.bind_done(where, bind)

    def in_thread(self, work: Callable[[], None]) -> None:
        """Run ``work`` in another thread, which takes no context along, and wait for it."""
        contextvars.Context().run(self.pool.submit, work).result()

    def play(self, where: Where, depth: int) -> None:
        """Do something at ``where``, chosen at random."""
        if depth >= MAX_DEPTH or self.budget < 0:
            self.leaves(where, "leaf")
            return
        for _ in range(2 if self.chance(30) else 1):
            self.random.choice(self._acts)(self, where, depth + 1)


def _updated(stage: Stage) -> Known:
    ids = Ids(user=stage.user_id(), name="Trip" if stage.chance(30) else None)
    return Known(update_session(user_id=ids.user, name=ids.name), Change("update", ids))


def _stepped(stage: Stage) -> Known:
    name = f"s{stage.random.randrange(9)}"
    return Known(step(name), Change("step", Ids(path=name)))


def _cleared(_stage: Stage) -> Known:
    return Known(clear_session(), Change("clear", NONE))


_MAKERS: tuple[Callable[[Stage], Known], ...] = (
    Stage.started,
    Stage.started,
    Stage.started,
    _updated,
    _stepped,
    _cleared,
)
