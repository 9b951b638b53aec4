"""A stream whose steps are taken in several threads or tasks: late, its Context is brought back in any of them without its session."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from opentelemetry.context import Context, attach

from otel_sessions import get_session, set_session
from otel_sessions._context import order
from otel_sessions._context.surroundings import Surroundings

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")


@pytest.fixture(params=["for the first time", "later"], autouse=True)
def _as_noted(request):
    """What is open is noted only once it was asked for in this process; the garbage collector says what is young then."""
    order.ANYWHERE[:] = order.NOTED[:] = [True] * (request.param == "later")
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def session_id():
    session = get_session()
    return None if session is None else session.id


@pytest.fixture
def places():
    """Return functions that run one in a thread, each in its own."""
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1) as third:
        yield [lambda work, *given, pool=pool: pool.submit(work, *given).result() for pool in (one, other, third)]


@pytest.fixture
def words(pipeline):
    """Return a stream of others that was begun, and whose span stays current until it is closed."""

    def words():
        with pipeline.tracer.start_as_current_span("words"):
            yield

    def begun():
        found = words()
        next(found)
        return found

    return begun


@pytest.fixture
def stream(words):
    def body():
        while True:
            assert session_id() == "stream"
            yield words()

    return set_session("stream").wrap(body())


def closed(words, *, inside=None):
    """Close late what a step has begun here, and return the session that is read then."""
    if inside is None:
        words.close()
        return session_id()
    with set_session(inside):
        words.close()
        return session_id()


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("inside", [None, "bob"])
def test_what_a_step_has_begun_is_closed_late_in_each_thread(count, inside, stream, places):
    here, there, _ = places
    late = [(place, place(next, stream)) for _ in range(count) for place in (here, there)]
    for place, words in late:
        assert place(lambda words=words: closed(words, inside=inside)) == inside
        assert place(session_id) is None


def test_it_is_closed_late_by_those_that_took_a_step_long_ago_as_well(stream, places):
    late = [(place, place(next, stream)) for place in (*places, *places)]
    for place, words in late:
        assert place(closed, words) is None


def test_it_is_closed_late_while_another_thread_is_in_a_step(words, places):
    begun, go_on = threading.Event(), threading.Event()

    def body():
        yield words()
        begun.set()
        go_on.wait(60)
        yield session_id()

    here, _, _ = places
    stream = set_session("stream").wrap(body())
    late = here(next, stream)
    with ThreadPoolExecutor(1) as there:
        step = there.submit(next, stream)
        begun.wait()
        assert here(closed, late) is None
        go_on.set()
        assert step.result() == "stream"


class Shared:
    """An iterator that may be in several steps at a time."""

    def __init__(self, words):
        self.words = words
        self.numbers = iter(range(9))
        self.begun = [threading.Event() for _ in range(9)]
        self.go_on = [threading.Event() for _ in range(9)]

    def __iter__(self):
        return self

    def __next__(self):
        number = next(self.numbers)
        words = self.words()
        self.begun[number].set()
        self.go_on[number].wait(60)
        return words, session_id()


@pytest.mark.parametrize("first", [0, 1])
def test_threads_that_are_in_a_step_at_the_same_time_are_in_its_session_until_each_has_ended_it(first, words):
    shared = Shared(words)
    stream = set_session("stream").wrap(shared)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        steps = []
        for number, pool in enumerate((one, other)):
            steps.append((pool, pool.submit(next, stream)))
            shared.begun[number].wait()
        for number in (first, 1 - first):
            pool, step = steps[number]
            shared.go_on[number].set()
            late, found = step.result()
            assert found == "stream"
            assert pool.submit(closed, late).result() is None
        shared.go_on[2].set()
        late, found = one.submit(next, stream).result()
        assert [found, one.submit(closed, late).result()] == ["stream", None]


def test_a_step_in_a_step_is_one_of_the_same_stream():
    """The consumer's session is back after the outer one."""

    class Nested:
        def __init__(self):
            self.found = []

        def __iter__(self):
            return self

        def __next__(self):
            if not self.found:
                self.found.append(session_id())
                next(stream)
            self.found.append(session_id())
            return self.found

    nested = Nested()
    stream = set_session("stream").wrap(nested)
    with set_session("bob"):
        assert next(stream) == ["stream", "stream", "stream"]
        assert session_id() == "bob"


def test_a_block_of_the_body_goes_on_in_another_thread(places):
    def body():
        with set_session("inner"):
            yield session_id()
            yield session_id()
        yield session_id()

    here, there, _ = places
    stream = set_session("stream").wrap(body())
    assert [place(next, stream) for place in (here, there, here)] == ["inner", "inner", "stream"]
    assert [place(session_id) for place in (here, there)] == [None, None]


def test_what_the_body_has_attached_in_a_thread_is_detached_there_though_another_took_a_step(pipeline, places):
    def body():
        with pipeline.tracer.start_as_current_span("across steps"):
            yield session_id()
            yield session_id()
        yield session_id()

    here, there, _ = places
    stream = set_session("stream").wrap(body())
    assert [place(next, stream) for place in (here, there, here)] == ["stream"] * 3


def test_tasks_of_one_thread_are_places_of_their_own(words):
    async def body():
        while True:
            yield words()

    async def main():
        stream = set_session("stream").wrap(body())
        asked: asyncio.Queue[object] = asyncio.Queue()

        async def other():
            late = await anext(stream)
            await asked.put(None)
            await gone.wait()
            return closed(late)

        gone = asyncio.Event()
        late = await anext(stream)
        task = asyncio.create_task(other())
        await asked.get()
        found = [closed(late)]
        late = await anext(stream)
        gone.set()
        found += [await task, closed(late)]
        await stream.aclose()
        return found

    assert asyncio.run(main()) == [None, None, None]


def test_of_two_places_one_is_the_first():
    surroundings = Surroundings(set_session("stream").context, None)
    _, entry = surroundings.last
    assert [surroundings._is_for(entry, Context()) for _ in range(2)] == [True, False]


def test_a_step_in_a_step_that_is_ended_elsewhere_changes_nothing():
    surroundings = Surroundings(set_session("stream").context, None)
    last = surroundings.last
    token = copy_context().run(attach, Context())
    surroundings._leave(token, None)
    assert surroundings.last is last


def test_what_was_made_before_it_was_noted_is_as_old_as_all_of_that():
    class Entry:
        pass

    older, younger, known = Entry(), Entry(), Entry()
    known.number = 7
    order._number_all([older], [younger, known])
    assert (older.number, known.number) == (order._OLDER, 7)
    assert younger.number > order._OLDER
