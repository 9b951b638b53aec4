"""Sessions that are bound late: anywhere, again, and while other threads start spans of the same trace."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_sessions import set_session

from ._model import OUTSIDE, Change, Ids, Where
from ._stage import Known

if TYPE_CHECKING:
    from ._stage import Act, Stage


def bind(stage: Stage, where: Where, depth: int) -> None:
    """Bind the trace that this is in."""
    if where.parent is None:
        request(stage, where, depth)
        return
    stage.bind(where, stage.session_id(), stage.user_id() if stage.chance(50) else None)
    stage.leaves(where, "after a bind")
    with stage.inside(where, stage.scope()) as inside:
        stage.leaf(inside, "scope after a bind")
        if stage.chance(30):
            stage.bind(inside, stage.session_id(), None)
            stage.leaf(inside, "scope before a bind")
        stage.play(inside, depth)
    stage.leaf(where, "after a bind")


def request(stage: Stage, where: Where, depth: int) -> None:
    """Open spans, then bind them: the current one, its ancestors, and a sibling."""
    with stage.current(where, "server") as server:
        sibling = stage.start(server, "open sibling")
        with stage.inside(server, stage.scope()) as inside, stage.current(inside, "handler") as handler:
            stage.play(handler, depth)
            stage.bind(handler, stage.session_id(), stage.user_id())
            stage.leaf(handler, "after a bind")
            stage.play(handler, depth)
        stage.end(*sibling)
        stage.leaf(server, "after a bind")
    stage.leaf(where, "next request")


def crossing(stage: Stage, _where: Where, _depth: int) -> None:
    """Bind a trace while three other threads start spans of it, in it and in scopes of their own."""

    def work(where: Where) -> None:
        for _ in range(stage.random.randrange(2, 12)):
            stage.leaf(where, "crossing a bind")
            ids = Ids(f"own-{stage.random.getrandbits(40)}", "own")
            known = Known(set_session(session_id=ids.session, user_id=ids.user), Change("start", ids))
            with stage.inside(where, known) as inside, stage.current(inside, "scope crossing a bind") as below:
                stage.leaf(below, "crossing a bind")

    def drive() -> None:
        with stage.current(OUTSIDE, "crossed by binds") as root:
            jobs = [stage.pool.submit(work, root) for _ in range(3)]
            for _ in range(stage.random.randrange(1, 4)):
                stage.bind(root, stage.session_id(), stage.user_id())
                stage.leaf(root, "after a bind")
            for job in jobs:
                job.result()
        stage.leaf(OUTSIDE, "after crossing binds")

    contextvars.Context().run(drive)


def second_reader(stage: Stage, _where: Where, _depth: int) -> None:
    """Start spans from the header of a request alone: inside of it they are of it, and a retried call is not."""
    ids = stage.random.getrandbits(127) + 1, stage.random.getrandbits(63) + 1
    sampled = TraceFlags(TraceFlags.SAMPLED)
    alone = set_span_in_context(NonRecordingSpan(SpanContext(*ids, is_remote=True, trace_flags=sampled)), Context())

    def serve() -> None:
        attach(alone)
        with stage.current(OUTSIDE, "server that was called") as server:
            reader = stage.start(server, "reader of the header", alone)
            if stage.chance(70):
                stage.bind(server, stage.session_id(), stage.user_id())
            with stage.inside(server, stage.started()):
                stage.leaf(server, "reader in a scope", alone)
            contextvars.Context().run(stage.pool.submit, stage.leaf, OUTSIDE, "retried call", alone).result()
            stage.leaf(server, "reader beside an ended call", alone)
            stage.end(*reader)

    contextvars.Context().run(serve)


ACTS: tuple[Act, ...] = (bind, bind, request, request, crossing, second_reader)
