"""A stream that was left early in one block, and is closed in a later one: its token brings back what was current in the first."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import baggage, context

from otel_sessions import clear_session, get_session, set_session, step, turn
from otel_sessions._context import order


@pytest.fixture(params=["for the first time", "later"], autouse=True)
def _as_noted(request):
    """What is open is noted only once it was asked for in this process; before, what the collector has not looked at."""
    order.ANYWHERE[:] = order.NOTED[:] = [True] * (request.param == "later")
    gc.collect()
    gc.disable()
    yield
    gc.enable()


pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")


def session_id():
    session = get_session()
    return None if session is None else session.id


@pytest.fixture
def stream(pipeline):
    def words(user):
        with pipeline.tracer.start_as_current_span(f"stream of {user}"):
            yield 1
            yield 2

    return words


@pytest.fixture(params=["in order", "out of order"])
def words(request, stream, pipeline):
    """Return a stream that was left early, in a block that was left in order, with what was around the stream, or not."""
    found = stream("ada")
    with set_session("ada"):
        if request.param == "in order":
            with pipeline.tracer.start_as_current_span("chat"):
                next(found)
        else:
            next(found)
    return found


@pytest.mark.parametrize("around", ["a step", "a span", "a turn"])
def test_each_message_of_a_worker_keeps_its_session_where_it_drops_the_stream_of_the_last(around, stream, pipeline):
    def message(user):
        return {
            "a step": lambda: step("chat"),
            "a span": lambda: pipeline.tracer.start_as_current_span(f"message of {user}"),
            "a turn": lambda: turn(f"message of {user}", tracer=pipeline.tracer),
        }[around]()

    words = None
    for user in ("ada", "bob", "cy"):
        with set_session(user), message(user):
            words = stream(user)  # the one before is dropped
            next(words)
            pipeline.tracer.start_span(f"tool of {user}").end()
            assert session_id() == user
        assert session_id() is None
        pipeline.tracer.start_span(f"after {user}").end()
    words.close()
    for user in ("ada", "bob", "cy"):
        assert pipeline.attributes(f"tool of {user}")["session.id"] == user
        assert pipeline.attributes(f"stream of {user}" if user != "cy" else "tool of cy")["session.id"] == user
        after = pipeline.spans()[f"after {user}"]
        assert (after.parent, dict(after.attributes)) == (None, {})


def test_the_innermost_block_that_is_open_goes_on(words):
    with set_session("bob"), set_session("carol", user_id="c"), step("one"):
        words.close()
        session = get_session()
        assert (session.id, session.user_id, session.path) == ("carol", "c", "/one")
        assert baggage.get_baggage("session.id") == "carol"


def test_a_block_that_clears_goes_on(words):
    with set_session("bob"), clear_session():
        words.close()
        assert session_id() is None


def test_what_was_below_the_block_goes_on_as_it_was(stream, pipeline):
    with set_session("bob"), pipeline.tracer.start_as_current_span("server") as server:
        words = stream("ada")
        with set_session("ada"):
            next(words)
        words.close()
        assert session_id() == "bob"
        pipeline.tracer.start_span("child").end()
    assert pipeline.spans()["child"].parent == server.get_span_context()


def test_a_session_that_was_attached_by_hand_goes_on(stream):
    with set_session("bob"):
        token = context.attach(set_session("by hand").context)
        words = stream("ada")
        with set_session("ada"):
            next(words)
        words.close()
        assert session_id() == "by hand"
        context.detach(token)


def test_a_block_that_is_left_before_anybody_asks_leaves_the_outer_one(words):
    with set_session("outer"):
        with set_session("inner"):
            words.close()
        assert session_id() == "outer"


def test_a_block_that_was_left_elsewhere_does_not_go_on(words):
    scope = set_session("bob")
    scope.__enter__()
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(scope.__exit__, None, None, None).result()
    words.close()
    assert session_id() is None


def test_nobody_elsewhere_gets_a_block_of_here():
    """Its place is another, also where that is a copy of this one."""
    with set_session("bob"):
        copied = contextvars.copy_context()

        def closed():
            with set_session("job"):
                inner = contextvars.copy_context()
            token = context.attach(context.Context())
            with set_session("carol"):
                left = context.get_current()
            context.attach(left)
            found = session_id()
            context.detach(token)
            return found, inner.run(session_id)

        assert copied.run(closed) == (None, "job")
        assert session_id() == "bob"


@pytest.mark.parametrize("kind", ["wrapped", "decorated"])
def test_a_stream_never_takes_the_session_of_its_consumer(kind, words):
    held, found = [words], []
    del words

    def body():
        yield session_id()
        held.clear()
        yield session_id()
        with set_session("inner"):
            yield session_id()
            yield session_id()

    stream = set_session("stream").wrap(body()) if kind == "wrapped" else set_session("stream")(body)()
    with set_session("bob"):
        for session in stream:
            found.append(session)
            assert session_id() == "bob"
    assert found[0] == "stream"
    assert "bob" not in found
    assert "ada" not in found


def test_the_consumer_never_takes_a_block_that_is_open_in_a_stream(words):
    @set_session("stream")
    def body():
        with set_session("inner"):
            yield session_id()
            yield session_id()

    with set_session("bob"):
        stream = body()
        next(stream)
        words.close()
        assert session_id() == "bob"
        assert next(stream) == "inner"
        stream.close()


def test_a_stream_may_be_the_first_to_leave_anything_out_of_order(stream):
    """That nobody has noted at its step, which ends all the same."""

    @set_session("stream")
    def body():
        with set_session("ada"):
            words = stream("ada")
            next(words)
        yield session_id()
        words.close()
        yield session_id()

    with set_session("bob"):
        steps = body()
        assert [next(steps), session_id()] == ["stream", "bob"]
        assert [next(steps), session_id()] == ["stream", "bob"]
        steps.close()


def test_a_chain_of_tasks_is_not_held():
    """What is noted of a place is not held by those that are started in it."""
    order.ANYWHERE[:] = order.NOTED[:] = [True]

    async def chain(length):
        seen = []

        async def link(left):
            with set_session(f"s-{left}"):
                seen.append(len(order._opened.get()))
                if left:
                    tasks.append(asyncio.create_task(link(left - 1)))

        tasks = [asyncio.create_task(link(length))]
        for task in tasks:
            await task
        return seen

    assert set(asyncio.run(chain(20))) == {1}


def test_what_a_stream_has_opened_is_not_open_for_its_consumer(words):
    def body():
        with set_session("of the stream"):
            yield
            yield

    steps = set_session("around the stream").wrap(body())
    next(steps)
    words.close()
    assert session_id() is None
    steps.close()


@pytest.mark.parametrize("caller", [None, "caller"])
@pytest.mark.parametrize("way", ["a block", "a stream"])
def test_what_an_earlier_job_of_a_worker_has_left_open_is_not_for_the_next_one(caller, way, stream):
    """The Context of each job is attached above, by what instruments executors; the thread remains the same."""
    handed_over = context.Context() if caller is None else set_session(caller).context

    def body():
        words = stream("ada")
        next(words)
        yield words

    def job():
        token = context.attach(handed_over)
        if way == "a block":
            with set_session("ada"):
                words = next(body())
        else:
            steps = set_session("ada").wrap(body())
            words = next(steps)
        words.close()
        found = session_id(), baggage.get_baggage("session.id")
        context.detach(token)
        return found

    scope = set_session("an earlier job")
    with ThreadPoolExecutor(1) as worker:
        worker.submit(scope.__enter__).result()
        assert worker.submit(job).result() == (caller, caller)
        worker.submit(scope.__exit__, None, None, None).result()


def test_a_block_goes_on_above_what_was_open_before(stream):
    with set_session("an earlier job"):
        token = context.attach(context.Context())
        words = stream("ada")
        with set_session("ada"):
            next(words)
        with set_session("bob"):
            words.close()
            assert session_id() == "bob"
        context.detach(token)
        assert session_id() == "an earlier job"


def test_of_what_was_opened_before_it_was_noted_the_older_is_not_taken_for_the_newer(stream):
    """Where the collector has looked at all of it, nobody can tell which was opened first."""
    order.ANYWHERE.clear()
    with set_session("an earlier job"):
        token = context.attach(context.Context())
        with set_session("ada"):
            words = stream("ada")
            next(words)
        gc.collect(0)
        words.close()
        assert session_id() is None
        context.detach(token)


def test_a_block_that_was_opened_before_it_was_noted_goes_on_if_it_is_the_newer(stream):
    order.ANYWHERE.clear()
    words = stream("ada")
    with set_session("ada"):
        next(words)
    gc.collect(0)
    with set_session("bob"):
        words.close()
        assert session_id() == "bob"
