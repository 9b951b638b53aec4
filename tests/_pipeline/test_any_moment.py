"""Random spans that others name sessions on at random moments, and processors in random order, beside a small oracle (rule 7).

The oracle knows the moments at which ours look: when a span starts, when its trace is bound, when it is ending, and
behind each processor of somebody else's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import bind_session, set_session
from otel_sessions._context import attribute_store
from otel_sessions.sdk import SessionSpanProcessor

SESSION, CONVERSATION = "session.id", "gen_ai.conversation.id"
KEPT = {SESSION: "session.displaced_id", CONVERSATION: "session.displaced_conversation_id"}
OTHERS, MASKED = ("x1", "y2", "z3"), ("", "***", "[Scrubbed due to 'session']")
FILLING = {f"key-{number}": number for number in range(130)}  # more than a span holds

values = st.dictionaries(st.sampled_from([SESSION, CONVERSATION]), st.sampled_from([*OTHERS, *MASKED]), max_size=2)


class Foreign(SpanProcessor):
    def __init__(self, hook, named):
        self.named = named
        setattr(self, hook, getattr(self, f"at_{hook}"))

    def at_on_start(self, span, parent_context=None):  # noqa: ARG002  # the SDK's signature
        span.set_attributes(self.named)

    def at__on_ending(self, span):
        attribute_store.change(span._attributes, self.named, kept=FILLING.keys() ^ span.attributes.keys())

    def at_on_end(self, span):
        span._attributes = {**span.attributes, **self.named}


@dataclass
class Name:
    """What is on the span under one name of the session."""

    value: str | None = None
    is_stamped: bool = False
    kept: str | None = None
    own: str | None = None
    is_lost: bool = False

    def is_another(self, ours):
        return self.value in OTHERS and self.value != ours


@dataclass
class Oracle:
    span_wins: bool
    names: dict[str, Name] = field(default_factory=lambda: {SESSION: Name(), CONVERSATION: Name()})
    ours: str = "ours"
    is_over: bool = False  # the span is of another session, and nothing of ours is on it

    def set(self, named):
        for key, value in named.items():
            self.names[key].value, self.names[key].is_lost = value, False

    def stamp(self, *keys):
        """Stamp the span, or stamp it anew."""
        is_lost = self.span_wins and SESSION in keys and self.names[SESSION].is_another(self.ours)
        for key in keys if not self.is_over and not is_lost else ():
            name = self.names[key]
            if key == CONVERSATION and name.value is None:
                continue  # it is not about generative AI
            if not name.is_another(self.ours):
                name.value, name.is_stamped = self.ours, True
        self.settle(*keys)
        if self.is_over and SESSION in keys:
            self.names[SESSION].own = self.names[SESSION].value

    def settle(self, *keys):
        disputed = [key for key in keys if self.names[key].is_another(self.ours) and not self.is_over]
        for key in disputed:
            name = self.names[key]
            name.kept = name.kept or (self.ours if self.span_wins else name.value)
            name.value, name.is_stamped = (name.value, False) if self.span_wins else (self.ours, True)
        if self.span_wins and SESSION in disputed:
            self.is_over = True
            other = self.names[CONVERSATION]
            if other.is_stamped and other.value == self.ours:
                other.value = None

    def fill(self):
        for name in self.names.values():
            if name.value is not None:
                name.value, name.is_lost = None, True

    def end(self):
        for name in self.names.values():
            if name.is_lost:
                name.value = self.ours if name.is_stamped and not self.is_over else name.own

    def bind(self, keys):
        for name in self.names.values():
            if name.value == self.ours:
                name.value = "bound" if name.is_stamped else name.value
        self.ours = "bound"
        self.stamp(*keys)

    @property
    def attributes(self):
        found = {key: name.value for key, name in self.names.items()}
        return {**found, **{KEPT[key]: name.kept for key, name in self.names.items()}}


@pytest.fixture(autouse=True, scope="module")
def _the_sdk_need_not_say_what_it_drops():
    logger = logging.getLogger("opentelemetry.attributes")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


foreign = st.tuples(st.sampled_from(["on_start", "_on_ending", "on_end"]), values)
ours = st.sampled_from([["genai"], [""], ["", "genai"], ["genai", ""], ["", ""]])


@st.composite
def orders(draw):
    """Return hooks and names of others, and dialects of ours, in any order but that of ours among each other."""
    dialects, others = draw(ours), draw(st.lists(foreign, max_size=4))
    places = draw(st.permutations(["ours"] * len(dialects) + ["other"] * len(others)))
    dialects, others = iter(dialects), iter(others)
    return [next(dialects) if place == "ours" else next(others) for place in places]


class Program(NamedTuple):
    """What stands where in a pipeline, and what becomes of a span in it.

    Attributes:
        order: Dialects of ours, hooks and names of others.
        conflict: Who wins.
        start: What the span starts with.
        during: What is set on it one after the other.
        bound: Before which of those its trace is bound.
        is_filled: At last it gets more attributes than it holds.
    """

    order: list[str | tuple[str, dict[str, str]]]
    conflict: str
    start: dict[str, str]
    during: list[dict[str, str]]
    bound: int | None
    is_filled: bool

    @property
    def mine(self) -> list[str]:
        return [each for each in self.order if isinstance(each, str)]

    def others(self, hook: str) -> list[dict[str, str]]:
        return [each[1] for each in self.order if not isinstance(each, str) and each[0] == hook]


BY_THAT_NAME_ALONE = Program(["", "genai"], "scope", {SESSION: "x1", CONVERSATION: ""}, [{}], 0, is_filled=False)
"""A span that nothing else shows to be about generative AI, and that is bound."""

programs = st.builds(
    Program,
    order=orders(),
    conflict=st.sampled_from(["scope", "span"]),
    start=values,
    during=st.lists(values, max_size=3),
    bound=st.one_of(st.none(), st.integers(0, 3)),
    is_filled=st.booleans(),
)


@pytest.mark.warned_of
@given(programs)
@example(BY_THAT_NAME_ALONE)
def test_whoever_names_a_session_at_whatever_moment(program):
    # Where the span wins, the first of ours leaves it, and the second has nothing to say any more.
    assume(program.conflict == "scope" or len(set(program.mine)) == 1)
    exporter, processors = InMemorySpanExporter(), []
    provider = TracerProvider(shutdown_on_exit=False)
    for each in program.order:
        if isinstance(each, str):
            processors.append(SessionSpanProcessor(dialects=each, conflict=program.conflict))
        provider.add_span_processor(processors[-1] if isinstance(each, str) else Foreign(*each))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    run(program, provider.get_tracer("t"))
    attributes, expected = exporter.get_finished_spans()[0].attributes, foretold(program)
    assert {key: attributes.get(key) for key in expected} == expected
    stats = [processor.stats() for processor in processors]
    assert sum(each.displaced + each.overwritten for each in stats) == (expected[KEPT[SESSION]] is not None)
    assert sum(each.displaced_conversation for each in stats) == (expected[KEPT[CONVERSATION]] is not None)
    assert [each.stamped for each in stats] == [1] + [0] * (len(stats) - 1)


def is_bound(program, number):
    return number == program.bound and program.conflict == "scope"


def run(program, tracer):
    with set_session("ours"), tracer.start_as_current_span("span", attributes=program.start) as span:
        for number, named in enumerate(program.during):
            if is_bound(program, number):
                bind_session("bound")
            span.set_attributes(named)
        span.set_attributes(FILLING if program.is_filled else {})


def foretold(program):
    """Return what is on the span in the end, one moment after the other."""
    oracle = Oracle(program.conflict == "span")
    every = [SESSION] + [CONVERSATION] * ("genai" in program.mine)
    oracle.set(program.start)
    is_first = True
    for each in program.order:
        if isinstance(each, str):
            oracle.stamp(*[SESSION] * is_first, *[CONVERSATION] * (each == "genai"))
            is_first = False
        elif each[0] == "on_start":
            oracle.set(each[1])
    for number, named in enumerate(program.during):
        if is_bound(program, number):
            oracle.bind(every)
        oracle.set(named)
    if program.is_filled:
        oracle.fill()
    ended(program, oracle, every)
    return oracle.attributes


def ended(program, oracle, every):
    for each in program.order:
        if isinstance(each, str):  # each of ours looks at the names that it has
            oracle.end()
            oracle.settle(SESSION, *[CONVERSATION] * (each == "genai"))
        elif each[0] != "on_start":  # behind which one of ours stands, for all of us
            oracle.set(each[1] if each[0] == "_on_ending" else {})
            oracle.settle(*every)
    for named in program.others("on_end"):
        oracle.set(named)
        oracle.settle(*every)
