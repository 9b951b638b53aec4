"""Scopes: nested, entered again, shared, decorated, left by exceptions, out of order and elsewhere; hops and threads."""

from __future__ import annotations

import contextvars
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import get_current_span, set_span_in_context

from otel_sessions import clear_session, from_carrier, set_session, to_carrier

from . import _model
from ._model import NONE, OUTSIDE, Change, Ids, Where
from ._stage import Boom, Known

if TYPE_CHECKING:
    from ._stage import Act, Stage

SHARED = [
    Known(
        set_session(session_id=f"shared-{n}", user_id=f"sharer-{n}"), Change("start", Ids(f"shared-{n}", f"sharer-{n}"))
    )
    for n in range(8)
]
"""Scopes that all threads and tasks enter."""

_CLEAR = Known(clear_session(), Change("clear", NONE))


def span(stage: Stage, where: Where, depth: int) -> None:
    with stage.current(where, "span") as inside:
        stage.play(inside, depth)
        stage.leaves(inside, "child")
    stage.leaf(where, "after span")


def nested(stage: Stage, where: Where, depth: int) -> None:
    with stage.inside(where, stage.scope()) as inside:
        stage.leaves(inside, "in scope")
        stage.play(inside, depth)
        stage.leaf(inside, "in scope")
    stage.leaf(where, "after scope")


def reentered(stage: Stage, where: Where, depth: int) -> None:
    known = stage.reentered() if stage.chance(50) else stage.random.choice(SHARED)
    with stage.inside(where, known) as outer, stage.inside(outer, known) as inner:
        stage.leaf(inner, "entered again")
        stage.play(inner, depth)
    with stage.inside(where, known) as inside:
        stage.leaf(inside, "entered again")
    stage.leaf(where, "after entering again")


def generated(stage: Stage, where: Where, _depth: int) -> None:
    """Enter a session with a generated id; outside of spans, as the trace would be torn."""
    with stage.inside(where, _CLEAR) as cleared:
        before = _model.tick()
        with set_session(user_id="ada") as session:
            change = Change("start", Ids(session.id, "ada"))
            stage.leaf(_model.entered(cleared, change, before), "generated id")


def decorated(stage: Stage, where: Where, depth: int) -> None:
    known = stage.scope()
    before = _model.tick()

    @known.scope
    def work(number: int) -> int:
        inside = _model.entered(where, known.change, before)
        stage.leaf(inside, "decorated function")
        stage.play(inside, depth)
        if stage.chance(20):
            raise Boom
        return number

    with suppress(Boom):
        assert work(7) == 7
    stage.leaf(where, "after decorated function")


def computed(stage: Stage, where: Where, _depth: int) -> None:
    ids = Ids(stage.session_id())
    before = _model.tick()

    @set_session(session_id=lambda session_id: session_id)
    def work(session_id: str) -> None:
        assert session_id
        stage.leaf(_model.entered(where, Change("start", ids), before), "computed id")

    work(ids.session or "")


def raised(stage: Stage, where: Where, depth: int) -> None:
    def work(inside: Where) -> None:
        with stage.inside(inside, stage.scope()) as inner:
            stage.play(inner, depth)
            raise Boom

    with suppress(Boom), stage.inside(where, stage.scope()) as outer, stage.current(outer, "raises") as inside:
        work(inside)
    stage.leaf(where, "after exception")


def out_of_order(stage: Stage, where: Where, _depth: int) -> None:
    """Leave scopes in any order: what counts is the innermost that is still open."""
    places: list[tuple[ExitStack, Where]] = []
    here = where
    for _ in range(stage.random.randrange(2, 5)):
        known, before, stack = stage.scope(), _model.tick(), ExitStack()
        stack.enter_context(known.scope)
        here = _model.entered(here, known.change, before)
        places.append((stack, here))
    while places:
        stack, _ = places.pop(stage.random.randrange(len(places)))
        stack.close()
        if stage.chance(20):
            stack.pop_all().close()
        stage.leaf(places[-1][1] if places else where, "out of order")


def overlapping(stage: Stage, where: Where, _depth: int) -> None:
    """Leave a scope with a context of its own before or after the one inside: nothing of that context is left."""
    before = _model.tick()
    if stage.chance(50):
        change = Change("carry", _model.one(where))
        outer, there = from_carrier(to_carrier()), where
    else:
        other, change = stage.started(), Change("start", Ids(stage.session_id()))
        outer = set_session(other.scope.context, change.ids.session)
        there = _model.entered(where, other.change, before)
    outer_stack, inner_stack, inner = ExitStack(), ExitStack(), stage.started()
    outer_stack.enter_context(outer)
    outside = _model.entered(there, change, before)
    before = _model.tick()
    inner_stack.enter_context(inner.scope)
    inside = _model.entered(outside, inner.change, before)
    if stage.chance(50):
        outer_stack.close()
        stage.leaf(inside, "outer one left")
        inner_stack.close()
    else:
        inner_stack.close()
        stage.leaf(outside, "inner one left")
        outer_stack.close()
    stage.leaf(where, "after overlapping")


def left_elsewhere(stage: Stage, where: Where, _depth: int) -> None:
    """Leave scopes in another thread: here they have ended too."""
    known, before = stage.started(), _model.tick()
    stack = ExitStack()
    stack.enter_context(known.scope)
    inside = _model.entered(where, known.change, before)
    stage.leaf(inside, "to be left elsewhere")
    kept = contextvars.copy_context()

    def leave() -> None:
        stack.close()
        stage.leaf(OUTSIDE, "where others leave")

    stage.in_thread(leave)
    stage.leaf(where, "left elsewhere")
    kept.run(stage.leaf, inside, "copy keeps what was left elsewhere")


def entered_elsewhere(stage: Stage, where: Where, _depth: int) -> None:
    """Leave here what another thread has entered: nothing changes here, and nothing stays there."""
    known = stage.started()
    stage.in_thread(known.scope.__enter__)
    known.scope.__exit__(None, None, None)
    stage.leaf(where, "entered elsewhere")


def explicit_context(stage: Stage, where: Where, _depth: int) -> None:
    known, before = stage.started(), _model.tick()
    context = known.scope.context
    stage.leaf(_model.entered(where, known.change, before), "context of a scope", context)
    stage.leaf(where, "beside context of a scope")


def lost_context(stage: Stage, where: Where, _depth: int) -> None:
    """Start spans with a context of nothing but the parent span, and of nothing at all."""
    stage.leaf(OUTSIDE, "empty context", Context())
    with stage.current(where, "parent") as inside:
        lost = Where(parent=inside.parent)
        stage.leaf(lost, "parent only", set_span_in_context(get_current_span(), Context()))


def made_up(stage: Stage, where: Where, _depth: int) -> None:
    """Start a span with a session id of its own: that of the scope wins."""
    with stage.inside(where, stage.started()) as inside:
        stage.end(*stage.start(inside, "made-up id", attributes={"session.id": "made-up"}))


def many_attributes(stage: Stage, where: Where, _depth: int) -> None:
    span, expected = stage.start(where, "many attributes")
    for number in range(stage.random.choice((120, 130, 200))):
        span.set_attribute(f"message.{number}", number)
    stage.end(span, expected)


def never_ended(stage: Stage, where: Where, _depth: int) -> None:
    span, _ = stage.start(where, "never ended")
    stage.oracle.never_ends(span)


def hop(stage: Stage, where: Where, depth: int) -> None:
    """Take the session to another thread, by strings."""
    carrier = to_carrier()
    change = Change("carry", _model.one(where))

    def receive() -> None:
        stage.leaf(OUTSIDE, "before a carrier")
        with stage.inside(OUTSIDE, Known(from_carrier(carrier), change)) as inside:
            stage.leaf(inside, "from a carrier")
            stage.play(inside, depth)
            with stage.current(inside, "request") as request:
                stage.play(request, depth)
        stage.leaf(OUTSIDE, "after a carrier")

    stage.in_thread(receive)
    with stage.inside(where, Known(from_carrier(carrier), change)) as inside:
        stage.leaf(inside, "carrier of the own trace")


def thread(stage: Stage, where: Where, depth: int) -> None:
    """Work in another thread that takes the context along, by the instrumentation or as a copy."""

    def work() -> None:
        stage.leaves(where, "in a thread")
        stage.play(where, depth)

    if stage.chance(50):
        stage.pool.submit(work).result()
    else:
        contextvars.Context().run(stage.pool.submit, contextvars.copy_context().run, work).result()
    stage.in_thread(lambda: stage.leaf(OUTSIDE, "next job of a thread"))
    stage.leaf(where, "after a thread")


ACTS: tuple[Act, ...] = (
    span,
    span,
    nested,
    nested,
    reentered,
    generated,
    decorated,
    computed,
    raised,
    out_of_order,
    overlapping,
    left_elsewhere,
    entered_elsewhere,
    explicit_context,
    lost_context,
    made_up,
    many_attributes,
    never_ended,
    hop,
    thread,
)
