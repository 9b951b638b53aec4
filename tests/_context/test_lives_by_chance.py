"""Programs of requests, workers, jobs and binds, made by chance, against the rules as they are said in words."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import context
from opentelemetry.trace import set_span_in_context

from otel_sessions import bind_session, get_session
from otel_sessions._context import lives, local_trace
from recording import Pipeline

MINUTES = 60.0


@dataclass(eq=False)
class Life:
    """What is below one span, above which nothing is open: what it was bound to, in which bind, and when it was over."""

    session: str | None = None
    bind: int = 0
    over: float = 0.0


@dataclass(eq=False)
class Node:
    """One span as the oracle sees it; what is above it stays there for ever."""

    span: object
    above: Node | None
    life: Life
    carries: str | None
    is_here: bool = True
    ended: int | None = None

    @property
    def is_open(self):
        return self.is_here and self.ended is None

    @property
    def line(self):
        """This one and all above it, as far as its life goes."""
        found = [self]
        while found[-1].above is not None and found[-1].above.life is self.life:
            found.append(found[-1].above)
        return found


@dataclass
class World:
    """The real spans, and what the rules say of them."""

    pipeline: Pipeline
    nodes: list[Node] = field(default_factory=list)
    binds: int = 0
    now: float = 1000.0

    def session_below(self, node):
        """What a job has whose current span is that of ``node``."""
        life = node.life
        if any(each.is_open for each in node.line):
            return life.session
        had_ended = node.ended is not None and node.ended < life.bind
        is_quiet = not any(each.is_open and each.life is life for each in self.nodes)
        is_late = is_quiet and self.now - life.over >= 5 * MINUTES
        return None if had_ended or is_late else life.session

    def start(self, number, _):
        above = self.nodes[number % len(self.nodes)] if self.nodes and number % 5 else None
        span = self.pipeline.tracer.start_span("span", here(above))
        session = None if above is None else self.session_below(above)
        if above is not None and any(each.is_open for each in above.line):
            life = above.life
        else:
            life = Life(session, 0 if above is None else above.life.bind)
        self.nodes.append(Node(span, above, life, session))

    def end(self, number, _):
        node = self.chosen(number)
        if node is not None and node.is_open:
            node.span.end()
            node.ended = self.binds
            if not any(each.is_open and each.life is node.life for each in self.nodes):
                node.life.over = self.now

    def bind(self, number, name):
        node = self.chosen(number)
        if node is None:
            return
        run_below(node, lambda: bind_session(name))
        if not node.is_open:
            return
        self.binds += 1
        top = [each for each in node.line if each.is_open][-1]
        if top.line[-1] is not top:
            self.split(top)
        node.life.session, node.life.bind = name, self.binds
        for each in self.nodes:
            if each.life is node.life and each.is_open:
                each.carries = name

    def split(self, top):
        before, life = top.life, Life(top.life.session, top.life.bind)
        for each in [each for each in self.nodes if each.life is before and top in each.line]:
            each.life = life
        if not any(each.is_open and each.life is before for each in self.nodes):
            before.over = self.now

    def read(self, number, _):
        node = self.chosen(number)
        if node is not None:
            assert run_below(node, session_id) == self.session_below(node)

    def wait(self, number, _):
        self.now += (number % 11) * MINUTES

    def fork(self, number, _):
        if number % 4:
            return
        for life in {id(node.life): node.life for node in self.nodes if node.is_open}.values():
            life.over = self.now
        for node in self.nodes:
            node.is_here = False
        local_trace.CLOCK._fork()  # as it is called in a fork

    def chosen(self, number):
        return self.nodes[number % len(self.nodes)] if self.nodes else None


def here(node):
    return context.Context() if node is None else set_span_in_context(node.span, context.Context())


def session_id():
    session = get_session()
    return None if session is None else session.id


def run_below(node, work):
    token = context.attach(here(node))
    try:
        return work()
    finally:
        context.detach(token)


MOVES = ("start", "start", "start", "end", "end", "bind", "read", "wait", "fork")
PROGRAMS = st.lists(
    st.tuples(st.sampled_from(MOVES), st.integers(0, 60), st.sampled_from(["ada", "bob", "eve"])), max_size=60
)


@pytest.mark.warned_of
@given(program=PROGRAMS)
@settings(max_examples=400)
def test_a_program_of_requests_workers_and_binds_obeys_the_rules(program):
    world = World(Pipeline())
    with pytest.MonkeyPatch.context() as patch:
        for module in (lives, local_trace):
            patch.setattr(module, "monotonic", lambda: world.now)
        for move, number, name in program:
            getattr(world, move)(number, name)
            for node in world.nodes:
                assert run_below(node, session_id) == world.session_below(node)
    assert [node.span.attributes.get("session.id") for node in world.nodes] == [node.carries for node in world.nodes]
