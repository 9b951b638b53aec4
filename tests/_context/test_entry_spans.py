"""A span that finds its request by `traceparent` alone belongs to the open span of that request, and to no other."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_sessions import Session, bind_session, clear_session, get_session, set_session, turn
from otel_sessions._context import entry_spans, resolution
from otel_sessions._context.baggage import CONTEXT_KEY
from otel_sessions.sdk import SessionSpanProcessor
from recording import Pipeline

TRACE = "5" * 32


def alone(parent="4" * 16, trace=TRACE):
    """Read a header as who reads it a second time does."""
    return TraceContextTextMapPropagator().extract({"traceparent": f"00-{trace}-{parent}-01"})


def received(session="conv-42", **where):
    """Read it with the baggage of the caller."""
    return baggage.set_baggage("session.id", session, alone(**where))


def of(span):
    """Read the header that ``span`` would send."""
    known = span.get_span_context()
    return alone(f"{known.span_id:016x}", f"{known.trace_id:032x}")


def session_in(current):
    token = context.attach(current)
    try:
        session = get_session()
    finally:
        context.detach(token)
    return None if session is None else session.id


@pytest.fixture
def engine(pipeline):
    """Return the tracer of an inference engine beside the one of the server."""
    return pipeline.provider.get_tracer("engine")


def start(tracer, name, where=None, kind=SpanKind.SERVER):
    return tracer.start_span(name, context=context.Context() if where is None else where, kind=kind)


def ids(pipeline):
    return {name: span.attributes.get("session.id") for name, span in pipeline.spans().items()}


@pytest.mark.parametrize("is_bound", [False, True], ids=["received", "bound"])
@pytest.mark.parametrize("scope", ["tests", "engine"])
def test_a_second_reader_of_the_header_inside_of_the_request_has_its_session(pipeline, scope, is_bound):
    token = context.attach(received())
    with pipeline.tracer.start_as_current_span("POST", kind=SpanKind.SERVER):
        if is_bound:
            bind_session("conv-43")
        with pipeline.tracer.start_as_current_span("endpoint"):
            start(pipeline.provider.get_tracer(scope), "llm_request", alone()).end()
    context.detach(token)
    session = "conv-43" if is_bound else "conv-42"
    assert ids(pipeline) == {"POST": session, "endpoint": session, "llm_request": session}


def test_the_engine_of_a_server_starts_its_span_outside_of_the_request(pipeline, engine):
    first = start(pipeline.tracer, "first", received("conv-1", parent="1" * 16))

    def work():
        start(engine, "llm_request", alone()).end()

    worker = contextvars.Context()
    worker.run(context.attach, set_span_in_context(first))  # it was begun in another request, which is still open
    post = start(pipeline.tracer, "POST", received())
    with ThreadPoolExecutor(1) as pool:
        pool.submit(worker.run, work).result()
    post.end()
    first.end()
    assert ids(pipeline) == {"first": "conv-1", "POST": "conv-42", "llm_request": "conv-42"}


def test_an_async_server_does_so_too(pipeline, engine):
    async def answer(jobs):
        token = context.attach(received())
        with pipeline.tracer.start_as_current_span("POST", kind=SpanKind.SERVER):
            done = asyncio.get_running_loop().create_future()
            await jobs.put(done)
            await done
        context.detach(token)

    async def generate(jobs):
        done = await jobs.get()
        start(engine, "llm_request", alone()).end()
        done.set_result(None)

    async def serve():
        jobs = asyncio.Queue()
        await asyncio.gather(generate(jobs), answer(jobs))

    asyncio.run(serve())
    assert ids(pipeline) == {"llm_request": "conv-42", "POST": "conv-42"}


@pytest.mark.parametrize("caller", [None, alone()], ids=["root", "remote"])
@pytest.mark.parametrize("kind", [SpanKind.SERVER, SpanKind.CONSUMER], ids=lambda kind: kind.name.lower())
def test_the_header_may_be_that_of_the_span_of_the_request(pipeline, engine, caller, kind):
    with set_session("conv-42"):
        where = caller and set_session(caller, "conv-42").context
        post = start(pipeline.tracer, "POST", where or context.get_current(), kind)
    start(engine, "llm_request", of(post)).end()
    post.end()
    assert ids(pipeline)["llm_request"] == "conv-42"


def test_a_bind_reaches_it_while_it_is_open_and_what_comes_below(pipeline, engine):
    post = start(pipeline.tracer, "POST", alone())
    request = start(engine, "llm_request", alone())
    assert session_in(set_span_in_context(request, alone())) is None
    token = context.attach(set_span_in_context(post))
    bind_session("conv-42", user_id="ada")
    context.detach(token)
    inside = set_span_in_context(request, alone())
    token = context.attach(inside)
    assert get_session() == Session("conv-42", "ada")
    with turn("turn", tracer=engine):
        pass
    context.detach(token)
    start(engine, "prefill", inside, SpanKind.INTERNAL).end()
    start(engine, "second request", alone()).end()
    request.end()
    post.end()
    assert ids(pipeline) == dict.fromkeys(["POST", "llm_request", "turn", "prefill", "second request"], "conv-42")


def test_a_bind_in_it_is_one_of_the_request(pipeline, engine):
    post = start(pipeline.tracer, "POST")
    request = start(engine, "llm_request", of(post))
    token = context.attach(set_span_in_context(request))
    bind_session("conv-42")
    context.detach(token)
    request.end()
    post.end()
    assert ids(pipeline) == {"POST": "conv-42", "llm_request": "conv-42"}


def test_it_goes_on_when_the_request_is_over(pipeline, engine):
    post = start(pipeline.tracer, "POST", received())
    request = start(engine, "llm_request", alone())
    post.end()
    start(engine, "below", set_span_in_context(request), SpanKind.INTERNAL).end()
    request.end()
    start(engine, "late", alone()).end()
    assert ids(pipeline) == {"POST": "conv-42", "below": "conv-42", "llm_request": "conv-42", "late": None}


def test_a_call_that_is_retried_or_fanned_out_has_nothing_of_the_other(pipeline, engine):
    first = start(pipeline.tracer, "first", received("conv-1"))
    start(pipeline.tracer, "retried", alone()).end()
    second = start(pipeline.tracer, "second", received("conv-2"))
    start(engine, "of which", alone()).end()
    first.end()
    start(engine, "of the second", alone()).end()
    second.end()
    assert ids(pipeline) == {
        "first": "conv-1",
        "retried": None,
        "second": "conv-2",
        "of which": None,
        "of the second": "conv-2",
    }


def test_another_caller_of_the_same_trace_is_another_request(pipeline, engine):
    post = start(pipeline.tracer, "POST", received())
    start(engine, "other", alone("6" * 16)).end()
    post.end()
    assert ids(pipeline) == {"POST": "conv-42", "other": None}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(lambda: received("conv-43"), "conv-43", id="baggage"),
        pytest.param(lambda: set_session(alone(), "conv-43").context, "conv-43", id="scope"),
        pytest.param(lambda: context.set_value("session.id", "conv-43", alone()), "conv-43", id="another tool"),
        pytest.param(lambda: clear_session(alone()).context, None, id="cleared"),
        pytest.param(context.Context, None, id="empty"),
        pytest.param(lambda: baggage.set_baggage("tenant", "acme", alone()), "bound", id="baggage of others"),
        pytest.param(lambda: baggage.set_baggage("user.id", "eve", alone()), "bound", id="a user alone"),
    ],
)
def test_what_the_context_brings_itself_counts(pipeline, engine, where, expected):
    post = start(pipeline.tracer, "POST", alone())
    token = context.attach(set_span_in_context(post))
    bind_session("bound")
    context.detach(token)
    start(engine, "llm_request", where()).end()
    post.end()
    assert ids(pipeline) == {"POST": "bound", "llm_request": expected}


def test_what_has_ended_in_the_context_brings_no_session(pipeline, engine):
    post = start(pipeline.tracer, "POST", received())
    with set_session(alone(), "over"):
        left = context.get_current()
    token = context.attach(left)
    start(engine, "after the block", context.get_current()).end()
    context.detach(token)
    post.end()
    assert ids(pipeline) == {"POST": "conv-42", "after the block": None}


def test_in_a_block_of_the_request_without_a_session_there_is_none(pipeline, engine):
    token = context.attach(received())
    with pipeline.tracer.start_as_current_span("POST", kind=SpanKind.SERVER):
        with clear_session():
            start(engine, "inside", alone()).end()
        start(engine, "after", alone()).end()
    context.detach(token)
    with clear_session():  # a worker as the docs advise
        post = start(pipeline.tracer, "second", received())
        start(engine, "of a worker", alone()).end()
        post.end()
    assert ids(pipeline) == {
        "inside": None,
        "after": "conv-42",
        "POST": "conv-42",
        "of a worker": "conv-42",
        "second": "conv-42",
    }


def test_what_is_not_sampled_is_no_request(make_pipeline, engine, pipeline):
    post = start(make_pipeline(sampler=ALWAYS_OFF).tracer, "POST", received())
    start(engine, "llm_request", alone()).end()
    post.end()
    assert ids(pipeline) == {"llm_request": None}


def test_a_value_that_raises_is_no_session_and_no_error(pipeline, engine, caplog):
    class Bad:
        def __str__(self):
            raise RuntimeError

    post = start(pipeline.tracer, "POST", received())
    start(engine, "llm_request", baggage.set_baggage("session.id", Bad(), alone())).end()
    post.end()
    assert ids(pipeline)["POST"] == "conv-42"
    assert [record.levelname for record in caplog.records if record.levelname == "ERROR"] == []


def test_two_processors_of_ours_are_as_one(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(), SessionSpanProcessor(dialects="genai"))
    engine = pipeline.provider.get_tracer("engine")
    post = start(pipeline.tracer, "POST", received())
    start(engine, "llm_request", alone()).end()
    post.end()
    assert ids(pipeline) == {"POST": "conv-42", "llm_request": "conv-42"}


# What is known of requests


def test_a_span_that_is_dropped_without_an_end_is_let_go(pipeline, engine):
    post = start(pipeline.tracer, "POST", received())
    known = weakref.ref(post)
    del post
    gc.collect()
    assert known() is None
    start(engine, "llm_request", alone()).end()
    assert ids(pipeline) == {"llm_request": None}


def test_requests_that_are_over_make_room(pipeline, engine, monkeypatch):
    monkeypatch.setattr(entry_spans._KNOWN, "most", 8)
    monkeypatch.setattr(entry_spans, "_OFTEN", 8)
    post = start(pipeline.tracer, "POST", received())
    for number in range(1, 100):
        start(pipeline.tracer, "short", alone(trace=f"{number:032x}") if number % 40 > 20 else None).end()
        assert len(entry_spans._by_trace) <= 16
    start(engine, "llm_request", alone()).end()
    post.end()
    assert ids(pipeline)["llm_request"] == "conv-42"


def test_requests_that_are_over_make_room_for_those_that_are_looked_for_later(pipeline, monkeypatch):
    monkeypatch.setattr(entry_spans._KNOWN, "most", 8)
    monkeypatch.setattr(entry_spans, "_OFTEN", 8)
    entry_spans.forget()
    opened = [start(pipeline.tracer, "GET", Context()) for _ in range(20)]
    for span in opened:
        entry_spans.note_entry(span)
    for span in opened[:7]:
        span.end()
    entry_spans._LATELY.sort_in()
    assert {each() for each in entry_spans._by_trace.values()} == set(opened[7:])
    assert entry_spans._KNOWN.most == 16
    for span in opened[7:]:
        span.end()


def test_there_are_never_more_than_a_fixed_number(pipeline, engine, monkeypatch):
    monkeypatch.setattr(entry_spans._KNOWN, "most", 8)
    monkeypatch.setattr(entry_spans, "_OFTEN", 8)
    monkeypatch.setattr(entry_spans, "MAX_TRACES", 32)
    opened = [start(pipeline.tracer, "open", alone(trace=f"{number:032x}")) for number in range(1, 100)]
    assert len(entry_spans._by_trace) <= 32
    post = start(pipeline.tracer, "POST", received())
    start(engine, "llm_request", alone()).end()
    for each in (*opened, post):
        each.end()
    assert ids(pipeline)["llm_request"] == "conv-42"


def test_of_too_many_requests_of_one_trace_none_is_found(pipeline, engine):
    opened = [start(pipeline.tracer, "open", alone(f"{number:016x}")) for number in range(100, 150)]
    post = start(pipeline.tracer, "POST", received())
    start(engine, "one of many", alone()).end()
    assert len(entry_spans._by_trace[int(TRACE, 16)]) == entry_spans.MAX_IN_TRACE + 1
    for each in opened:
        each.end()
    start(engine, "one", alone()).end()
    post.end()
    assert (ids(pipeline)["one of many"], ids(pipeline)["one"]) == (None, "conv-42")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_knows_no_request_of_its_parent(pipeline):
    post = start(pipeline.tracer, "POST", received())
    child = os.fork()
    if child == 0:
        os._exit(len(entry_spans._by_trace))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(entry_spans._by_trace) == 1
    post.end()


@pytest.mark.parametrize("moment", ["taken out", "put in"])
@pytest.mark.parametrize("makes_room", [False, True], ids=["", "making room"])
def test_what_another_thread_puts_in_meanwhile_is_kept(pipeline, engine, monkeypatch, moment, makes_room):
    start(pipeline.tracer, "ended", alone("6" * 16)).end()
    with monkeypatch.context() as apart:
        apart.setattr(entry_spans, "_by_trace", {})
        post = start(pipeline.tracer, "POST", received())

    class Crossed(dict):
        """Has the entry of another thread just before something is taken out of it, or just after."""

        def pop(self, key, default=None):
            if moment == "taken out":
                self[key] = weakref.ref(post)
            found = super().pop(key, default)
            if moment == "put in" and not is_done:
                is_done.append(self.setdefault(key, weakref.ref(post)))
            return found

    is_done = []
    monkeypatch.setattr(entry_spans, "_by_trace", crossed := Crossed(entry_spans._by_trace))
    if makes_room:
        entry_spans._make_room()
    else:
        other = start(pipeline.tracer, "other", alone("7" * 16))
        assert {each() for each in crossed[int(TRACE, 16)]} == {post, other}
        other.end()
    monkeypatch.setattr(entry_spans, "_by_trace", dict(crossed))
    start(engine, "llm_request", alone()).end()
    post.end()
    assert ids(pipeline)["llm_request"] == "conv-42"


def test_threads_lose_no_request(pipeline):
    """Each of two that overlap has to be known, or the child of one would be in the session of the other."""

    def serve(number):
        for step in range(200):
            where = f"{step // 4 + 1:032x}"
            span = start(pipeline.tracer, "request", alone(f"{number + 1:016x}", where))
            entries = entry_spans._by_trace.get(int(where, 16), ())
            found = [each() for each in entry_spans._all_of(entries)]
            lost.append(span not in found)
            span.end()

    lost = []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(serve, range(4)))
    # One that is just taken out by another thread, to be put in again, is not there for a moment.
    assert sum(lost) <= len(lost) // 20


# By chance


@dataclass(eq=False)
class Request:
    """A request that is open, as the oracle sees it."""

    span: object
    caller: int
    scope: int
    session: str | None
    children: list = field(default_factory=list)


class World:
    """Requests, retried and fanned out, and readers of their headers, against the rule as it is said in words."""

    def __init__(self):
        self.pipeline = Pipeline()
        self.tracers = [self.pipeline.provider.get_tracer(f"scope {number}") for number in range(3)]
        self.open: list[Request] = []
        self.expected: list[tuple[str, str | None]] = []
        self.count = 0

    def name(self):
        self.count += 1
        return f"span {self.count}"

    def of(self, caller):
        return [each for each in self.open if each.caller == caller]

    def request(self, number, choice):
        caller, scope, has_session = number % 3, choice % 3, choice % 2
        name = self.name()
        session = f"conv {self.count}" if has_session else None
        where = received(session, parent=f"{caller + 1:016x}") if has_session else alone(f"{caller + 1:016x}")
        others = self.of(caller)
        span = start(self.tracers[scope], name, where)
        if not has_session and len(others) == 1 and others[0].scope != scope:
            others[0].children.append((span, name))  # nothing tells it from a second reader
        else:
            self.open.append(Request(span, caller, scope, session, [(span, name)]))

    def read(self, number, choice):
        caller, scope = number % 3, choice % 3
        name = self.name()
        others = self.of(caller)
        span = start(self.tracers[scope], name, alone(f"{caller + 1:016x}"))
        if len(others) == 1 and others[0].scope != scope:
            others[0].children.append((span, name))
        else:
            self.open.append(Request(span, caller, scope, None, [(span, name)]))

    def reinjected(self, number, choice):
        if not self.open:
            return
        request, scope = self.open[number % len(self.open)], choice % 3
        name = self.name()
        span = start(self.tracers[scope], name, of(request.span))
        if request.scope != scope:
            request.children.append((span, name))
        else:
            span.end()
            self.expected.append((name, None))

    def bind(self, number, choice):
        if not self.open:
            return
        request = self.open[number % len(self.open)]
        span, _ = request.children[choice % len(request.children)]
        token = context.attach(set_span_in_context(span))
        request.session = self.name()
        bind_session(request.session)
        context.detach(token)

    def end(self, number, _choice):
        if self.open:
            self.over(self.open.pop(number % len(self.open)))

    def over(self, request):
        for span, name in reversed(request.children):
            span.end()
            self.expected.append((name, request.session))


STEPS = st.tuples(
    st.sampled_from(["request", "request", "read", "read", "reinjected", "bind", "end"]),
    st.integers(0, 30),
    st.integers(0, 30),
)


@given(st.lists(STEPS, max_size=40))
def test_calls_that_are_retried_and_fanned_out_by_chance(steps):
    entry_spans.forget()
    world = World()
    for act, number, choice in steps:
        getattr(world, act)(number, choice)
    while world.open:
        world.over(world.open.pop())
    assert {
        (span.name, span.attributes.get("session.id")) for span in world.pipeline.exporter.get_finished_spans()
    } == set(world.expected)


def test_roots_of_one_trace_are_all_known(make_pipeline):
    class OneTrace(RandomIdGenerator):
        def generate_trace_id(self):
            return 7

    tracer = make_pipeline(id_generator=OneTrace()).tracer
    spans = [tracer.start_span("server", context=Context(), kind=SpanKind.SERVER) for _ in range(2)]
    entry_spans._LATELY.sort_in()
    assert {each() for each in entry_spans._by_trace[7]} == set(spans)


def test_what_other_tools_have_for_baggage_may_raise(warnings):
    class Broken(dict):
        def __bool__(self):
            raise LookupError

        def __len__(self):
            raise LookupError

    assert resolution.names_session(Context({CONTEXT_KEY: Broken()}))
    assert len(warnings()) == 1
