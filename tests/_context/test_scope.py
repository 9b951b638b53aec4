"""How a scope is entered and left: again, inside itself, by many at once, out of order, from elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry import context as context_api
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context.context import _RuntimeContext
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.sdk.trace import TracerProvider

from otel_sessions import (
    Session,
    SessionScope,
    check,
    clear_session,
    from_carrier,
    get_session,
    set_session,
    step,
    to_carrier,
    turn,
    update_session,
)
from otel_sessions._context import entry as context_module
from otel_sessions._context.runtime import quickest
from otel_sessions.sdk import SessionPropagator

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")


def ids(pipeline, name):
    attributes = pipeline.attributes(name)
    return attributes.get("session.id"), attributes.get("user.id")


@pytest.fixture
def entries_alive(monkeypatch):
    alive = weakref.WeakSet()

    class Watched(context_module.Entry):
        __slots__ = ("__weakref__",)

        def __init__(self):
            alive.add(self)

    monkeypatch.setattr(context_module, "Entry", Watched)
    return alive


def test_a_scope_may_be_entered_again():
    scope = set_session(session_id="a")
    for _ in range(2):
        with scope as session:
            assert get_session() == session == Session("a")
        assert get_session() is None


def test_a_scope_may_be_entered_inside_itself():
    scope = step("deeper")
    with scope, scope as inner:
        assert inner.path == "/deeper/deeper"
        with scope:
            assert get_session().path == "/deeper/deeper/deeper"
        assert get_session().path == "/deeper/deeper"
    assert get_session() is None


def test_an_exception_passes_through_and_the_session_ends():
    with pytest.raises(ZeroDivisionError), set_session("a"):
        _ = 1 / 0
    assert get_session() is None


def test_async_with():
    async def main():
        async with set_session("a", user_id="ada") as session:
            await asyncio.sleep(0)
            assert get_session() == session == Session("a", "ada")
        return get_session()

    assert asyncio.run(main()) is None


def test_a_decorated_function_keeps_its_name_arguments_and_result():
    @set_session(session_id="a")
    def add(left: int, right: int = 2) -> tuple[int, Session | None]:
        """Add."""
        return left + right, get_session()

    assert add(1, right=4) == (5, Session("a"))
    assert (add.__name__, add.__doc__) == ("add", "Add.")


def test_a_decorated_coroutine_function_has_the_session_at_every_await():
    @set_session(session_id="a")
    async def work():
        before = get_session()
        await asyncio.sleep(0)
        return before, get_session()

    async def main():
        outside = asyncio.gather(work(), work())
        assert get_session() is None
        return await outside

    assert inspect.iscoroutinefunction(work)
    assert asyncio.run(main()) == [(Session("a"), Session("a"))] * 2


def test_each_decorated_call_starts_a_session_of_its_own():
    @set_session()
    def session_id():
        return get_session().id

    assert session_id() != session_id()


def test_the_id_may_be_computed_from_the_arguments_of_the_call():
    @set_session(session_id=lambda request, **_: request["session"])
    def handle(request, *, verbose=False):
        return verbose and request, get_session()

    assert handle({"session": "a"}, verbose=True) == ({"session": "a"}, Session("a"))
    assert handle({"session": 7}) == (False, Session("7"))
    assert handle({"session": None})[1].id is not None


def test_a_computed_id_in_a_with_block_is_computed_without_arguments():
    with set_session(session_id=lambda: "a", user_id="ada") as session:
        assert session == Session("a", "ada")


def test_methods_can_be_decorated():
    class Service:
        @set_session(session_id=lambda self, _question: self.session_id)
        def ask(self, question):
            return question, get_session()

        def __init__(self, session_id):
            self.session_id = session_id

    assert Service("a").ask("why?") == ("why?", Session("a"))


def test_static_and_class_methods_can_be_decorated():
    class Service:
        @set_session(session_id="a")
        @staticmethod
        def static(word):
            return word, get_session()

        @set_session(session_id="b")
        @classmethod
        def of_class(cls, word):
            return cls, word, get_session()

    assert Service().static("x") == ("x", Session("a"))
    assert Service.of_class("x") == (Service, "x", Session("b"))


def test_an_object_with_an_async_call_has_the_session_while_it_is_awaited():
    class Agent:
        async def __call__(self):
            await asyncio.sleep(0)
            return get_session()

    assert asyncio.run(set_session(session_id="a")(Agent())()) == Session("a")


@pytest.mark.parametrize("kind", ["coroutine", "generator", "async_generator"])
def test_a_decorated_function_whose_result_runs_later_says_so(kind, warnings):
    async def coroutine():
        return None

    def generator():
        yield

    async def async_generator():
        yield

    body = {"coroutine": coroutine, "generator": generator, "async_generator": async_generator}[kind]

    @set_session(session_id="a")
    def wrapper():
        return body()

    for _ in range(2):
        result = wrapper()
        if kind == "coroutine":
            result.close()
    assert len(warnings()) == 1
    assert f"<locals>.wrapper returned a {kind}, whose body runs outside the session" in warnings()[0]


def test_one_scope_shared_by_tasks_keeps_them_apart():
    scope = step("deeper")

    async def work(session_id):
        with set_session(session_id):
            for _ in range(3):
                async with scope:
                    await asyncio.sleep(0)
                    assert get_session() == Session(session_id, path="/deeper")
                await asyncio.sleep(0)
                assert get_session() == Session(session_id)

    async def main():
        await asyncio.gather(*(work(str(number)) for number in range(20)))

    asyncio.run(main())


def test_one_scope_shared_by_threads_keeps_them_apart():
    scope = set_session()
    barrier = threading.Barrier(8)

    def work():
        with scope as session:
            barrier.wait()
            assert get_session() == session
            barrier.wait()
        assert get_session() is None
        return session.id

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(work) for _ in range(8)]
    assert len({future.result() for future in futures}) == 8


def test_threads_that_pin_one_scope_agree():
    scope = set_session()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: scope.session.id, range(64)))
    assert len(set(ids)) == 1


def test_scopes_left_in_the_wrong_order_bring_no_dead_session_back():
    first, second = set_session(session_id="a", user_id="ada"), set_session(session_id="b")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert get_session() == Session("b", "ada")
    second.__exit__(None, None, None)
    assert get_session() is None
    assert dict(baggage.get_all()) == {}


def test_three_scopes_left_first_in_first_out():
    scopes = [set_session(session_id=name) for name in "abc"]
    for scope in scopes:
        scope.__enter__()
    for scope in scopes:
        scope.__exit__(None, None, None)
    assert get_session() is None


def test_leaving_a_scope_by_hand_does_not_end_a_decorated_call_of_it():
    scope = set_session(session_id="a")

    @scope
    def function():
        scope.__exit__(None, None, None)
        return get_session()

    assert function() == Session("a")


def test_what_was_below_both_comes_back_by_value():
    outer = set_session(session_id="outer", name="kept")
    first, second = set_session(session_id="a"), set_session(session_id="b")
    with outer:
        token = context.attach(context.set_value("mine", 1))
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        assert (get_session(), context.get_value("mine")) == (Session("outer", name="kept"), 1)
        assert dict(baggage.get_all()) == {"session.id": "outer", "session.name": "kept"}
        context.detach(token)


def test_hand_set_baggage_below_comes_back_by_value():
    token = context.attach(baggage.set_baggage("session.id", "hand-set", baggage.set_baggage("theirs", "1")))
    first, second = set_session(session_id="a"), set_session(session_id="b")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert get_session() == Session("hand-set")
    assert dict(baggage.get_all()) == {"session.id": "hand-set", "theirs": "1"}
    context.detach(token)


def test_a_scope_left_while_a_span_is_current_in_it_is_left_with_that(pipeline):
    """As by a stream that is left early: the span never ends, and the next jobs would be in its trace."""
    scope = set_session(session_id="a")
    with pipeline.tracer.start_as_current_span("around") as around:
        scope.__enter__()
        with pipeline.tracer.start_as_current_span("span") as span:
            scope.__exit__(None, None, None)
            assert trace.get_current_span() is around
            assert (get_session(), dict(baggage.get_all())) == (None, {})
            # Who has the span in hand goes on in its session: the trace is not torn.
            assert get_session(trace.set_span_in_context(span)) == Session("a")
        assert (get_session(), dict(baggage.get_all())) == (None, {})
    assert get_session() is None


def test_a_context_that_comes_back_after_the_scope_has_ended_carries_nothing():
    """Somebody else's token may hold the Context of a scope that has ended meanwhile."""
    scope = set_session(session_id="a")
    scope.__enter__()
    token = context.attach(context.set_value("mine", 1))
    scope.__exit__(None, None, None)
    context.detach(token)
    assert get_session() is None
    with set_session("b", name="n") as session:
        assert session == Session("b", name="n")


def test_a_context_that_comes_back_carries_what_was_below_the_scope_that_has_ended():
    scope = set_session(session_id="a")
    with set_session("outer", user_id="ada", tags=["t"]):
        scope.__enter__()
        token = context.attach(context.set_value("mine", 1))
        scope.__exit__(None, None, None)
        context.detach(token)
        assert get_session() == Session("outer", "ada", tags=("t",))


def test_a_context_that_was_kept_and_is_passed_has_its_session(pipeline):
    scope = set_session(session_id="a")
    scope.__enter__()
    kept = context.get_current()
    token = context.attach(context.set_value("mine", 1))
    scope.__exit__(None, None, None)
    assert (get_session(kept), get_session(), context.get_value("mine")) == (Session("a"), None, None)
    pipeline.tracer.start_span("passed", context=kept).end()
    context.detach(token)
    assert get_session() is None
    assert ids(pipeline, "passed") == ("a", None)


def test_what_is_made_of_a_context_that_came_back_has_no_session(pipeline):
    scope = set_session(session_id="a")
    scope.__enter__()
    token = context.attach(context.set_value("mine", 1))
    scope.__exit__(None, None, None)
    context.detach(token)
    made = context.set_value("more", 1)
    pipeline.tracer.start_span("made", context=made).end()
    assert ids(pipeline, "made") == (None, None)
    assert get_session() is None


def test_a_context_that_comes_back_after_an_ordinary_exit_carries_nothing(pipeline):
    """Two streams that are closed in the order in which they were opened: the second has the Context of the first."""
    with set_session("outer"):
        with set_session("a"), pipeline.tracer.start_as_current_span("turn"):
            first = context.attach(context.set_value("stream", 1))
            second = context.attach(context.set_value("stream", 2))
            context.detach(first)
        assert get_session() == Session("outer")
        context.detach(second)
        assert (get_session(), context.get_value("stream")) == (Session("outer"), None)
        assert dict(baggage.get_all()) == {"session.id": "outer"}
        with pipeline.tracer.start_as_current_span("later"):
            pipeline.tracer.start_span("below").end()
    assert (get_session(), context.get_value("stream")) == (None, None)
    assert ids(pipeline, "turn") == ("a", None)
    assert ids(pipeline, "later") == ids(pipeline, "below") == ("outer", None)


@pytest.mark.parametrize("is_read", [True, False])
def test_a_task_that_is_started_where_a_context_came_back_has_nothing_of_it(pipeline, is_read):
    async def words():
        with pipeline.tracer.start_as_current_span("stream"):
            yield 1
            yield 2

    async def job():
        pipeline.tracer.start_span("job").end()
        return get_session()

    async def main():
        async with contextlib.aclosing(words()) as stream:
            with set_session("a"):
                background = contextvars.copy_context()
                await anext(stream)
        if is_read:
            assert get_session() is None
        return await asyncio.create_task(job()), background.run(get_session)

    assert asyncio.run(main()) == (None, Session("a"))
    assert ids(pipeline, "job") == (None, None)


def opened(pipeline, scope):
    with scope:
        pipeline.tracer.start_span("next").end()


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda p: opened(p, set_session("b")), id="set_session"),
        pytest.param(lambda p: opened(p, update_session(user_id="bob")), id="update_session"),
        pytest.param(lambda p: opened(p, turn("next", tracer=p.tracer)), id="turn"),
        pytest.param(lambda p: set_session("b")(lambda: p.tracer.start_span("next").end())(), id="decorated"),
        pytest.param(lambda p: next(set_session("b").wrap(p.tracer.start_span("next") for _ in "x")).end(), id="wrap"),
        pytest.param(lambda _: check("is_kind", passed=True), id="check"),
        pytest.param(lambda _: get_session(), id="get_session"),
        pytest.param(lambda _: to_carrier() == {} or pytest.fail("the span before"), id="to_carrier"),
        pytest.param(lambda _: SessionPropagator(W3CBaggagePropagator()).inject({}), id="inject"),
    ],
)
def test_whoever_asks_first_what_came_back_is_put_away(pipeline, act):
    contextvars.Context().run(came_back, pipeline, act)
    spans = [span for span in pipeline.spans().values() if span.name not in {"turn", "stream"}]
    assert spans
    for span in spans:
        assert (span.parent, span.attributes.get("session.id")) in {(None, None), (None, "b")}, span.name


def came_back(pipeline, act):
    def words():
        with pipeline.tracer.start_as_current_span("stream"):
            yield 1

    stream = words()
    with set_session("a", user_id="ada"), turn("turn", tracer=pipeline.tracer):
        next(stream)
    stream.close()
    act(pipeline)
    pipeline.tracer.start_span("after").end()


def test_where_somebody_outside_has_left_already_what_is_current_stays(pipeline):
    """As by the signals of Celery: a bare detach would make the ended span current again."""
    span = pipeline.tracer.start_as_current_span("task")
    scope = set_session(session_id="a")
    token = context.attach(context.set_value("mine", 1))
    span.__enter__()
    scope.__enter__()
    span.__exit__(None, None, None)
    scope.__exit__(None, None, None)
    assert (get_session(), context.get_value("mine")) == (None, 1)
    assert not trace.get_current_span().get_span_context().is_valid
    context.detach(token)


def test_scopes_and_turns_that_were_opened_above_stay_open():
    outer, inner, reply = set_session(session_id="a", user_id="ada"), update_session(name="n"), turn("reply")
    other = set_session(session_id="b", user_id="bob")
    outer.__enter__()
    left = context.attach(context.set_value("left", 1))
    inner.__enter__()
    reply.__enter__()
    other.__enter__()
    outer.__exit__(None, None, None)
    assert (get_session(), context.get_value("left")) == (Session("b", "bob"), 1)  # of the Context of the turn
    assert trace.get_current_span() is reply.span
    other.__exit__(None, None, None)
    assert get_session() == Session("a", "ada", "n")
    reply.__exit__(None, None, None)
    assert (get_session(), context.get_value("left")) == (Session("a", "ada", "n"), None)
    inner.__exit__(None, None, None)
    assert get_session() is None
    context.detach(left)
    assert get_session() is None


def test_the_first_scope_of_a_context_is_left_without_a_word(warnings):
    def enter_and_leave():
        with set_session("a"):
            pass
        return get_session()

    assert contextvars.Context().run(enter_and_leave) is None
    assert warnings() == []


def test_leaving_twice_or_without_entering_does_nothing():
    scope = set_session(session_id="a")
    scope.__exit__(None, None, None)
    with set_session("b"):
        scope.__exit__(None, None, None)
        with scope:
            pass
        scope.__exit__(None, None, None)
        assert get_session() == Session("b")


def test_a_scope_left_in_another_thread_ends_where_it_was_entered_and_touches_nothing_else():
    """Else the next job of the worker would have the session of the one before."""
    scope = set_session(session_id="a", user_id="ada")

    def leave():
        with set_session("theirs"):
            scope.__exit__(None, None, None)
            return get_session()

    with ThreadPoolExecutor(1) as worker, ThreadPoolExecutor(1) as other:
        worker.submit(scope.__enter__).result()
        assert worker.submit(get_session).result() == Session("a", "ada")
        assert other.submit(leave).result() == Session("theirs")
        assert worker.submit(get_session).result() is None
        assert worker.submit(baggage.get_all).result() == {}


def test_a_generator_that_is_collected_in_another_thread_leaves_no_session_behind():
    def answers():
        with set_session("a"):
            yield 1
            yield 2

    def abandon():
        generator = answers()
        next(generator)
        cycle = [generator]
        cycle.append(cycle)
        return get_session()

    with ThreadPoolExecutor(1) as worker:
        gc.disable()
        assert worker.submit(abandon).result() == Session("a")  # seen by the consumer: a known limit
        gc.enable()
        gc.collect()
        assert worker.submit(get_session).result() is None


def test_of_several_open_entries_each_place_ends_its_own():
    scope = set_session(session_id="a")
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        for worker in (first, second):
            worker.submit(scope.__enter__).result()
        for worker in (first, second):
            assert worker.submit(get_session).result() == Session("a")
            worker.submit(scope.__exit__, None, None, None).result()
            assert worker.submit(get_session).result() is None


@pytest.mark.parametrize("opened_first", ["the generator", "the closer"])
def test_a_generator_closed_inside_an_entry_of_another_thread_into_its_scope_ends_its_own(opened_first):
    scope = set_session(session_id="a")

    def body():
        with scope:
            yield

    numbers = body()

    def close_inside():
        with scope:
            if opened_first == "the closer":
                worker.submit(next, numbers).result()
            numbers.close()
            return get_session()

    with ThreadPoolExecutor(1) as worker:
        worker.submit(int).result()  # the thread starts here, and not inside the scope
        if opened_first == "the generator":
            worker.submit(next, numbers).result()
        assert close_inside() == Session("a")
        assert get_session() is None
        assert worker.submit(get_session).result() is None


def test_what_ends_inside_a_current_span_is_sent_no_more_once_the_span_is_over(pipeline):
    with contextlib.ExitStack() as stack:
        stack.enter_context(set_session(session_id="a", user_id="ada"))
        with pipeline.tracer.start_as_current_span("turn"):
            stack.close()
    pipeline.tracer.start_span("next").end()
    carrier = {}
    propagate.inject(carrier)
    assert (pipeline.attributes("next"), carrier) == ({}, {})


def test_scopes_that_overlap_for_ever_are_not_kept(entries_alive):
    def conversation(number):
        with set_session(f"s{number}"):
            yield

    previous = conversation(-1)
    next(previous)
    for number in range(200):
        current = conversation(number)
        next(current)
        previous.close()
        previous = current
    gc.collect()
    assert len(entries_alive) <= 3
    previous.close()


def test_leaving_in_a_copy_of_the_context_ends_the_session_there_and_where_it_was_entered():
    """As an async generator does that another task closes: neither that task nor the consumer has it afterwards."""
    scope = set_session(session_id="a")

    def enter_and_leave_elsewhere():
        scope.__enter__()
        copied = contextvars.copy_context()
        copied.run(scope.__exit__, None, None, None)
        return get_session(), copied.run(get_session)

    assert contextvars.copy_context().run(enter_and_leave_elsewhere) == (None, None)


def left_in_a_copy(scope, inside):
    """Enter ``scope``, and return what ``inside`` gives that is called in a copy of the place."""

    def enter_and_copy():
        scope.__enter__()
        found = contextvars.copy_context().run(inside)
        return found, get_session()

    return contextvars.copy_context().run(enter_and_copy)


def test_a_task_that_closes_what_another_has_opened_keeps_its_own_span(pipeline):
    scope = set_session(session_id="a")

    def close():
        with pipeline.tracer.start_as_current_span("closing") as span:
            scope.__exit__(None, None, None)
            found = trace.get_current_span() is span, dict(baggage.get_all())
        return *found, get_session()

    assert left_in_a_copy(scope, close) == ((True, {}, None), None)


def test_a_task_that_closes_what_another_has_opened_below_a_scope_of_its_own_keeps_that(pipeline):
    scope = set_session(session_id="a")

    def close():
        with set_session("own"), pipeline.tracer.start_as_current_span("closing"):
            scope.__exit__(None, None, None)
            found = get_session()
        return found, get_session()

    assert left_in_a_copy(scope, close) == ((Session("own"), None), None)


def test_a_task_that_closes_one_of_two_that_it_was_started_in_changes_nothing_for_itself():
    scope, inner = set_session(session_id="a"), set_session(session_id="b")

    def enter_both_and_close_the_outer():
        with scope:
            inner.__enter__()
            copied = contextvars.copy_context()
            copied.run(scope.__exit__, None, None, None)
            found = get_session(), copied.run(get_session)
            inner.__exit__(None, None, None)
            return *found, get_session()

    assert contextvars.copy_context().run(enter_both_and_close_the_outer) == (Session("b"), Session("b"), None)


def test_a_task_that_closes_a_scope_with_a_context_of_its_own_has_nothing_of_that():
    token = context.attach(baggage.set_baggage("shared", "around", context.set_value("shared key", "around")))
    scope = set_session(of_another_place()[0], "a")

    def close():
        own = context.attach(context.set_value("own", 1, context.set_value("key", "own")))
        scope.__exit__(None, None, None)
        found = get_session(), dict(baggage.get_all()), context.get_value("own"), context.get_value("key")
        context.detach(own)
        return *found, context.get_value("shared key")

    found, _ = left_in_a_copy(scope, close)
    assert found == (None, {"shared": "around"}, 1, "own", "inner")
    context.detach(token)


def test_what_came_back_from_inside_two_that_have_ended_is_as_below_both():
    outer, inner = set_session(session_id="a"), set_session(session_id="b")
    with set_session("around"):
        outer.__enter__()
        inner.__enter__()
        token = context.attach(context.set_value("stream", 1))
        taken = context.attach(context.get_current())
        context.detach(token)
        inner.__exit__(None, None, None)
        outer.__exit__(None, None, None)
        context.detach(taken)
        assert (get_session(), context.get_value("stream")) == (Session("around"), None)


def of_another_place():
    """Return a Context of another trace and session, with baggage and a value of its own."""

    def made():
        ctx = baggage.set_baggage("theirs", "1", baggage.set_baggage("shared", "inner", context.get_current()))
        ctx = context.set_value("key", "inner", context.set_value("shared key", "inner", ctx))
        with set_session(ctx, "elsewhere", user_id="eve"), TracerProvider().get_tracer("t").start_as_current_span("s"):
            return context.get_current(), to_carrier()

    return contextvars.Context().run(made)


@pytest.mark.parametrize(
    "outer",
    [
        pytest.param(lambda ctx, _: set_session(ctx, "other"), id="set_session"),
        pytest.param(lambda ctx, _: clear_session(ctx), id="clear_session"),
        pytest.param(lambda _, carrier: from_carrier(carrier), id="from_carrier"),
    ],
)
@pytest.mark.parametrize("in_between", [contextlib.nullcontext, lambda: set_session("between")])
def test_of_a_scope_with_a_context_of_its_own_nothing_stays_when_it_is_left_out_of_order(outer, in_between):
    surroundings = baggage.set_baggage("shared", "around", context.set_value("shared key", "around"))
    token = context.attach(surroundings)
    scopes = [outer(*of_another_place()), in_between(), set_session("inner")]
    for scope in scopes:
        scope.__enter__()
    for scope in scopes:
        scope.__exit__(None, None, None)
    assert get_session() is None
    assert dict(baggage.get_all()) == {"shared": "around"}
    assert not trace.get_current_span().get_span_context().is_valid
    assert (context.get_value("key"), context.get_value("shared key")) == (None, "around")
    context.detach(token)


def test_a_scope_with_a_context_of_its_own_is_left_with_what_is_current_in_it(pipeline):
    scope = from_carrier(of_another_place()[1])
    scope.__enter__()
    with pipeline.tracer.start_as_current_span("mine"):
        scope.__exit__(None, None, None)
        assert not trace.get_current_span().get_span_context().is_valid
        assert (get_session(), dict(baggage.get_all())) == (None, {})
    assert get_session() is None
    assert dict(baggage.get_all()) == {}


def test_a_task_that_outlives_the_scope_keeps_its_session():
    async def background():
        await asyncio.sleep(0)
        with set_session("inner"):
            await asyncio.sleep(0)
        return get_session()

    async def main():
        with set_session("a", user_id="ada"):
            task = asyncio.create_task(background())
        after = get_session()
        return after, await task

    assert asyncio.run(main()) == (None, Session("a", "ada"))


def test_a_task_keeps_its_session_too_when_the_scope_was_left_out_of_order():
    async def background():
        await asyncio.sleep(0)
        return get_session()

    async def main():
        scope, other = set_session(session_id="a"), set_session(session_id="b")
        scope.__enter__()
        task = asyncio.create_task(background())
        other.__enter__()
        scope.__exit__(None, None, None)
        other.__exit__(None, None, None)
        return get_session(), await task

    assert asyncio.run(main()) == (None, Session("a"))


def test_tasks_that_start_each_other_for_ever_do_not_keep_the_scopes_before(entries_alive):
    def work(number):
        with set_session(f"s{number}"):
            return contextvars.copy_context()  # what a task that is started here runs in

    following = contextvars.copy_context()
    for number in range(200):
        following = following.run(work, number)
    gc.collect()
    assert following.run(get_session) == Session("s199")
    assert len(entries_alive) <= 2  # the last, and what it was entered above


def test_a_new_session_in_the_middle_of_a_trace_warns_once(pipeline, warnings):
    with set_session("a"), pipeline.tracer.start_as_current_span("span"):
        for _ in range(3):
            with set_session():
                pass
    assert len(warnings()) == 1
    assert "will split the trace" in warnings()[0]


def test_a_warning_names_the_line_of_the_application_and_not_of_what_runs_the_scope(pipeline, warnings):
    with set_session("a"), pipeline.tracer.start_as_current_span("span"), contextlib.ExitStack() as stack:
        stack.enter_context(set_session())
    assert "test_scope.py" in warnings()[0]


def test_the_same_mistake_in_two_decorators_is_two_warnings(warnings):
    @set_session(session_id=lambda: 1 / 0)
    def one():
        return None

    @set_session(session_id=lambda: 1 / 0)
    def two():
        return None

    for function in (one, two, one):
        function()
    assert len(warnings()) == 2


def test_a_new_session_outside_a_trace_or_by_id_does_not_warn(pipeline, warnings):
    with set_session("a"):
        with set_session():
            pass
        with pipeline.tracer.start_as_current_span("span"), set_session("b"), update_session(name="n"):
            pass
    with pipeline.tracer.start_as_current_span("no session yet"), set_session():
        pass
    assert warnings() == []


def test_a_scope_says_what_it_does_and_not_for_whom():
    assert isinstance(step("x"), SessionScope)
    assert repr(set_session(session_id="conv-42", user_id="ada")) == "<SessionScope Start>"


def broken(*_):
    raise ZeroDivisionError


def test_a_failure_on_entering_never_reaches_the_application(monkeypatch, warnings):
    monkeypatch.setattr("otel_sessions._context.scope.enter", broken)
    with set_session("a") as session:
        assert session == Session()
    assert set_session(session_id="a")(lambda: 5)() == 5
    assert ["entering a scope raised ZeroDivisionError" in message for message in warnings()] == [True, True]


def test_a_failure_on_leaving_never_reaches_the_application(monkeypatch, warnings):
    def leave_both():
        monkeypatch.setattr("otel_sessions._context.scope.leave", broken)
        monkeypatch.setattr("otel_sessions._context.scope.leave_where", broken)
        with set_session("a"):
            pass
        asyncio.run(leave_in_a_task())
        return set_session(session_id="a")(lambda: 5)()

    async def leave_in_a_task():
        async with set_session("a"):
            pass

    assert contextvars.copy_context().run(leave_both) == 5
    assert ["leaving a scope raised ZeroDivisionError" in message for message in warnings()] == [True] * 3


class ThreadLocalRuntime(_RuntimeContext):
    """A runtime context that is not made of contextvars, as ``OTEL_PYTHON_CONTEXT`` may name one."""

    def __init__(self):
        self._local = threading.local()

    def attach(self, ctx):
        before, self._local.current = self.get_current(), ctx
        return before

    def get_current(self):
        return getattr(self._local, "current", context.Context())

    def detach(self, token):
        self._local.current = token


class RuntimeWithoutDefault(ContextVarsRuntimeContext):
    """A runtime context whose variable is unset at first."""

    def __init__(self):
        self._current_context = contextvars.ContextVar("current")

    def get_current(self):
        return self._current_context.get(context.Context())


@pytest.mark.parametrize("runtime", [ThreadLocalRuntime, RuntimeWithoutDefault])
def test_scopes_work_with_another_runtime_context(monkeypatch, runtime):
    monkeypatch.setattr(context_api, "_RUNTIME_CONTEXT", runtime())
    reader, attaching = quickest()
    assert (reader, attaching) == (context_api.get_current, context_api.attach)
    monkeypatch.setattr(context_module, "attach", attaching)
    monkeypatch.setattr(context_module, "get_current", reader)
    monkeypatch.setattr("otel_sessions._context.scope.get_current", reader)
    monkeypatch.setattr("otel_sessions._context.calls.get_current", reader)
    monkeypatch.setattr("otel_sessions._context.surroundings.get_current", reader)
    monkeypatch.setattr("otel_sessions._context.surroundings.attach", attaching)
    with set_session("a", user_id="ada"):
        with set_session("b"):
            assert get_session() == Session("b", "ada")
        assert get_session() == Session("a", "ada")
    stream = set_session("s").wrap(get_session() for _ in range(2))
    assert [(item, get_session()) for item in stream] == [(Session("s"), None)] * 2
    assert get_session() is None


def test_of_each_decorated_function_what_is_wrong_is_said_with_its_own_place(warnings):
    @set_session(session_id=lambda: 1.5)
    def answer():
        return get_session()

    @set_session(session_id=lambda: 1.5)
    async def awaited():
        return get_session()

    @set_session(session_id=lambda: 1.5)
    def stream():
        yield get_session()

    @set_session(session_id=lambda: 1.5)
    @turn("answer")
    def twice():
        return get_session()

    decorated = (answer, awaited, stream, twice)
    for call in (answer, lambda: asyncio.run(awaited()), lambda: list(stream()), twice):
        call()  # at one line for all of them, as a framework does
    lines = [inspect.unwrap(each).__code__.co_firstlineno for each in decorated]
    assert [text.rpartition("/")[2] for text in warnings()] == [f"test_scope.py:{line})" for line in lines]


@pytest.mark.parametrize("circle", [False, True], ids=["no code", "wrapped in a circle"])
def test_what_is_wrong_with_something_decorated_that_has_no_place_is_said_with_that_of_the_call(warnings, circle):
    class Answer:
        def __call__(self):
            return get_session()

    answer = Answer()
    if circle:
        answer.__wrapped__ = answer
    call = set_session(session_id=lambda: 1.5)(answer)
    line = inspect.currentframe().f_lineno + 1
    call()
    assert warnings()[0].endswith(f"test_scope.py:{line})")
