"""Generators and streams: the body has its session at every step, and whoever consumes it never sees it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import gc
import inspect
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from openai import AsyncOpenAI, OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import baggage, context, trace

from otel_sessions import Session, SessionScope, get_session, set_session, step, turn
from otel_sessions.demo import StandIn
from otel_sessions.testing import InMemoryPipeline, assert_all_spans_have_session


def session_id():
    session = get_session()
    return None if session is None else session.id


pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")


@pytest.fixture(params=["decorated", "wrapped"])
def in_session(request):
    """Return what puts a generator function, async or not, into the session ``s``."""

    def wrapping(function):
        return lambda *args: set_session(session_id="s").wrap(function(*args))

    return {"decorated": set_session(None, "s"), "wrapped": wrapping}[request.param]


def test_the_body_has_its_session_at_every_step_and_the_consumer_never(in_session):
    def numbers(count):
        for number in range(count):
            yield number, session_id()

    seen = [(item, session_id()) for item in in_session(numbers)(3)]
    assert seen == [((number, "s"), None) for number in range(3)]


def test_the_async_body_has_its_session_at_every_step_and_the_consumer_never(in_session):
    async def numbers(count):
        for number in range(count):
            await asyncio.sleep(0)
            yield number, session_id()

    async def main():
        return [(item, session_id()) async for item in in_session(numbers)(3)]

    assert asyncio.run(main()) == [((number, "s"), None) for number in range(3)]


def test_the_consumer_keeps_its_own_session(in_session):
    def numbers():
        yield session_id()
        yield session_id()

    with set_session("consumer"):
        assert [(item, session_id()) for item in in_session(numbers)()] == [("s", "consumer")] * 2


def test_a_scope_of_the_consumer_around_one_step_is_not_seen_in_the_body(in_session):
    def numbers():
        yield session_id()
        yield session_id()

    stream = in_session(numbers)()
    with set_session("first"):
        seen = [next(stream)]
    with set_session("second"):
        seen.append(next(stream))
    assert seen == ["s", "s"]


def test_a_span_that_is_open_across_steps_is_current_in_the_body_and_nowhere_else(in_session, pipeline):
    def numbers():
        with pipeline.tracer.start_as_current_span("body") as span:
            for _ in range(2):
                pipeline.tracer.start_span("inner").end()
                yield trace.get_current_span() is span

    with pipeline.tracer.start_as_current_span("outer") as outer:
        assert [(item, trace.get_current_span()) for item in in_session(numbers)()] == [(True, outer)] * 2
    spans = pipeline.spans()
    assert spans["inner"].parent.span_id == spans["body"].context.span_id
    assert spans["body"].parent.span_id == spans["outer"].context.span_id
    assert [spans[name].attributes.get("session.id") for name in ("inner", "body", "outer")] == ["s", "s", None]


def test_what_is_sent_goes_in_and_what_is_returned_comes_out(in_session):
    def total():
        result = 0
        while (number := (yield session_id())) is not None:
            result += number
        return result, session_id()

    stream = in_session(total)()
    assert [next(stream), stream.send(1), stream.send(2)] == ["s"] * 3
    with pytest.raises(StopIteration) as stopped:
        stream.send(None)
    assert stopped.value.value == (3, "s")


def test_what_is_sent_to_an_async_generator_goes_in(in_session):
    async def echo():
        received = None
        while True:
            received = yield received, session_id()

    async def main():
        stream = in_session(echo)()
        seen = [await stream.asend(None), await stream.asend(1), await stream.__anext__()]
        await stream.aclose()
        return seen

    assert asyncio.run(main()) == [(None, "s"), (1, "s"), (None, "s")]


def test_what_is_thrown_goes_in_and_the_body_may_go_on(in_session):
    def patient():
        try:
            yield "waiting"
        except ZeroDivisionError as error:
            yield str(error), session_id()

    stream = in_session(patient)()
    next(stream)
    assert stream.throw(ZeroDivisionError("nothing")) == ("nothing", "s")
    assert list(stream) == []


def test_what_is_thrown_into_an_async_generator_goes_in(in_session):
    async def patient():
        try:
            yield "waiting"
        except ZeroDivisionError as error:
            yield str(error), session_id()

    async def main():
        stream = in_session(patient)()
        await stream.asend(None)
        seen = await stream.athrow(ZeroDivisionError("nothing"))
        return seen, [item async for item in stream]

    assert asyncio.run(main()) == (("nothing", "s"), [])


def test_an_exception_of_the_body_comes_out_and_leaves_nothing_to_collect(in_session):
    def failing():
        yield session_id()
        raise ZeroDivisionError

    def thrown_at():
        yield

    stream = in_session(failing)()
    next(stream)
    with pytest.raises(ZeroDivisionError):
        next(stream)
    stream = in_session(thrown_at)()
    next(stream)
    gc.collect()
    with contextlib.suppress(ZeroDivisionError):
        stream.throw(ZeroDivisionError())
    frames = [found for found in gc.get_objects() if inspect.isframe(found) and found.f_code is thrown_at.__code__]
    assert frames == []


def test_a_stop_iteration_inside_the_body_is_an_error_as_in_any_generator(in_session):
    def stopping():
        yield
        raise StopIteration  # noqa: PLR1708  # the mistake that is tested

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(in_session(stopping)())


@pytest.mark.parametrize("ended_by", ["close", "break", "garbage"])
def test_the_body_is_closed_in_its_session(in_session, ended_by):
    closed = []

    def numbers():
        try:
            yield 1
            yield 2
        finally:
            closed.append(session_id())

    if ended_by == "close":
        stream = in_session(numbers)()
        next(stream)
        stream.close()
    elif ended_by == "break":
        for _ in in_session(numbers)():
            break
    else:
        next(in_session(numbers)())
    gc.collect()
    assert (closed, session_id()) == (["s"], None)


@pytest.mark.parametrize("ended_by", ["aclose", "aclose in another task", "garbage", "end of the loop"])
def test_the_async_body_is_closed_in_its_session(in_session, ended_by, caplog):
    closed = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append(session_id())

    async def main():
        stream = in_session(numbers)()
        await stream.asend(None)
        if ended_by == "aclose":
            await stream.aclose()
        elif ended_by == "aclose in another task":
            await asyncio.create_task(stream.aclose())
        elif ended_by == "garbage":
            del stream
            gc.collect()
            for _ in range(5):
                await asyncio.sleep(0)
        else:
            kept.append(stream)
        return session_id()

    kept = []
    assert asyncio.run(main()) is None
    assert closed == ["s"]
    assert caplog.records == []


def test_a_body_that_will_not_be_closed_is_an_error_as_in_any_generator(in_session):
    def stubborn():
        while True:
            with contextlib.suppress(GeneratorExit):
                yield session_id()

    stream = in_session(stubborn)()
    next(stream)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        stream.close()
    assert session_id() is None
    with contextlib.suppress(KeyError):
        stream.throw(KeyError)  # so that it does not go on when it is collected


def test_a_stream_that_is_never_started_or_is_closed_at_once_does_nothing(in_session):
    def numbers():
        yield pytest.fail("it has run")

    in_session(numbers)().close()
    in_session(numbers)()
    gc.collect()


def test_the_steps_may_be_taken_in_many_threads(in_session):
    def numbers():
        with set_session("inner"):
            yield session_id()
        yield session_id()
        with step("deeper"):
            yield get_session().path
        yield get_session().path

    stream = in_session(numbers)()

    def one_step(_):
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(contextvars.copy_context().run, next, stream).result()

    assert list(map(one_step, range(4))) == ["inner", "s", "/deeper", None]


def test_each_task_that_takes_a_step_keeps_its_own_session(in_session):
    async def numbers():
        for _ in range(3):
            await asyncio.sleep(0)
            yield session_id()

    async def one_step(stream, number):
        with set_session(f"task-{number}"):
            return await stream.__anext__(), session_id()

    async def main():
        stream = in_session(numbers)()
        return [await asyncio.create_task(one_step(stream, number)) for number in range(3)]

    assert asyncio.run(main()) == [("s", f"task-{number}") for number in range(3)]


def test_a_step_that_is_cancelled_ends_the_body_in_its_session(in_session):
    seen = []

    async def numbers():
        try:
            yield
            await asyncio.Event().wait()
        finally:
            seen.append(session_id())

    async def consume(stream):
        async for _ in stream:
            pass

    async def main():
        task = asyncio.create_task(consume(in_session(numbers)()))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return session_id()

    assert asyncio.run(main()) is None
    assert seen == ["s"]


def test_a_step_that_is_suspended_and_dropped_leaves_the_place_that_collects_it_alone(in_session):
    class Pending:
        def __await__(self):
            yield

    async def numbers():
        await Pending()
        yield

    stream = in_session(numbers)()
    pending = stream.__anext__()
    contextvars.Context().run(pending.send, None)
    with set_session("here"):
        pending.close()
        assert session_id() == "here"


def test_a_task_that_is_started_in_the_body_and_outlives_it_keeps_its_session():
    async def background(event):
        await event.wait()
        return session_id()

    @set_session(session_id="s")
    async def numbers(event):
        yield asyncio.create_task(background(event))

    async def main():
        event = asyncio.Event()
        [task] = [item async for item in numbers(event)]
        event.set()
        return await task, session_id()

    assert asyncio.run(main()) == ("s", None)


def test_streams_that_are_interleaved_have_each_their_own():
    @set_session(session_id=lambda name: name)
    def named(name):
        for _ in range(2):
            yield name == session_id()

    streams = [named("a"), named("b"), named("c")]
    assert [next(stream) for _ in range(2) for stream in streams] == [True] * 6
    assert session_id() is None
    for stream in streams:
        stream.close()


def test_a_decorated_generator_function_is_one_still():
    @set_session(session_id="s")
    def numbers():
        """Count."""
        yield

    @set_session(session_id="s")
    async def async_numbers():
        yield

    assert inspect.isgeneratorfunction(numbers)
    assert inspect.isasyncgenfunction(async_numbers)
    assert (numbers.__name__, numbers.__doc__) == ("numbers", "Count.")


def test_methods_and_callable_objects_that_are_generator_functions_can_be_decorated():
    class Numbers:
        @set_session(session_id="s")
        @staticmethod
        def static():
            yield session_id()

        @set_session(session_id="s")
        def method(self):
            yield self is instance, session_id()

        def __call__(self):
            yield session_id()

    instance = Numbers()
    assert [*instance.static(), *instance.method(), *set_session("s")(instance)()] == ["s", (True, "s"), "s"]


def test_each_call_of_a_decorated_generator_function_is_a_session_of_its_own():
    @set_session()
    def numbers():
        yield session_id()
        yield session_id()

    first, second = list(numbers()), list(numbers())
    assert first[0] == first[1] != second[0] == second[1]


def test_the_id_is_computed_from_the_arguments_of_the_call():
    @set_session(session_id=lambda request, *, verbose: f"{request}-{verbose}")
    def numbers(request, *, verbose):  # noqa: ARG001
        yield session_id()

    assert list(numbers("r", verbose=1)) == ["r-1"]


def test_a_callable_that_fails_costs_the_id_and_not_the_stream(warnings):
    @set_session(session_id=lambda _request: 1 / 0)
    def numbers(request):
        yield request, session_id()

    assert list(numbers("r")) == [("r", None)]
    assert "ZeroDivisionError" in warnings()[0]


def test_entering_that_fails_costs_the_session_and_not_the_stream(monkeypatch, warnings):
    monkeypatch.setattr(SessionScope, "_inside", lambda *_: 1 / 0)

    @set_session(session_id="s")
    def numbers():
        yield session_id()

    assert list(numbers()) == [None]
    numbers = iter([1])
    assert set_session("s").wrap(numbers) is numbers
    assert len(warnings()) == 2


class Lines:
    """A stream as a client library has one."""

    def __init__(self):
        self.left = 2
        self.is_closed = False

    def __iter__(self):
        return self

    def __next__(self):
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return session_id()

    def close(self):
        self.is_closed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class AsyncLines(Lines):
    __iter__ = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return self.__next__()
        except StopIteration:
            raise StopAsyncIteration from None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()


def test_a_stream_of_a_client_library_keeps_what_else_it_can():
    lines = Lines()
    with set_session("s").wrap(lines) as stream:
        assert next(stream) == "s"
        assert (stream.left, stream.is_closed) == (1, False)
        assert list(stream) == ["s"]
    assert lines.is_closed


def test_a_stream_of_a_client_library_is_not_closed_by_an_early_break():
    lines = Lines()
    for _ in set_session("s").wrap(lines):
        break
    gc.collect()
    assert (lines.is_closed, next(lines)) == (False, None)


def test_an_async_stream_of_a_client_library_keeps_what_else_it_can():
    async def main(lines):
        async with set_session("s").wrap(lines) as stream:
            assert stream.left == 2
            return [(item, session_id()) async for item in stream]

    lines = AsyncLines()
    assert asyncio.run(main(lines)) == [("s", None)] * 2
    assert lines.is_closed


class Faltering:
    """An iterator that goes on after an error, as one that waits for the next item does."""

    def __init__(self):
        self.numbers = iter(range(4))

    def __iter__(self):
        return self

    def __next__(self):
        number = next(self.numbers)
        if number == 1:
            raise TimeoutError
        return number, session_id()

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0)
        try:
            return self.__next__()
        except StopIteration:
            raise StopAsyncIteration from None


def test_a_stream_goes_on_after_an_error_where_it_does_without_the_session():
    def items(stream):
        while True:
            try:
                yield next(stream)
            except TimeoutError:  # noqa: PERF203  # it goes on
                yield "late"
            except StopIteration:
                return

    async def async_items(stream):
        found = []
        while True:
            try:
                found.append(await stream.__anext__())
            except TimeoutError:  # noqa: PERF203  # it goes on
                found.append("late")
            except StopAsyncIteration:
                return found

    expected = [(0, "s"), "late", (2, "s"), (3, "s")]
    assert list(items(set_session("s").wrap(Faltering()))) == expected
    assert asyncio.run(async_items(set_session("s").wrap(Faltering()))) == expected


def test_what_can_be_iterated_over_in_both_ways_can_be_so_in_the_session():
    async def main():
        found = set_session("s").wrap(Faltering())
        return await found.__anext__(), next(set_session("s").wrap(Faltering()))

    assert asyncio.run(main()) == ((0, "s"), (0, "s"))


def test_an_iterator_may_be_shared_by_threads():
    class Endless:
        def __iter__(self):
            return self

        def __next__(self):
            return session_id()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            stream = set_session("s").wrap(Endless())
            with ThreadPoolExecutor(4) as workers:
                assert set(workers.map(lambda _: [next(stream) for _ in range(50)] == ["s"] * 50, range(8))) == {True}  # noqa: B023  # all in this turn
    finally:
        sys.setswitchinterval(interval)


class Managed(Lines):
    """A stream of which entering, leaving and closing are work, too."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __enter__(self):
        self.seen.append(session_id())
        return self

    def __exit__(self, *_):
        self.seen.append(session_id())

    def close(self):
        self.seen.append(session_id())
        return "closed"


def test_entering_leaving_and_closing_a_stream_are_in_the_session_too():
    lines = Managed()
    with set_session("s").wrap(lines) as stream:
        assert stream.close() == "closed"
    assert lines.seen == ["s"] * 3


def test_entering_a_stream_may_give_something_else():
    class Manager(Lines):
        def __enter__(self):
            return "something else"

    with set_session("s").wrap(Manager()) as entered:
        assert entered == "something else"


def test_an_async_stream_is_closed_in_the_session_too():
    class Closing(AsyncLines):
        async def close(self):
            await asyncio.sleep(0)
            return session_id()

    async def main():
        return await set_session("s").wrap(Closing()).close(), session_id()

    assert asyncio.run(main()) == ("s", None)


def test_a_stream_passes_for_what_it_is_a_stream_of():
    lines = Lines()
    stream = set_session("s").wrap(lines)
    assert isinstance(stream, Lines)
    stream.left = 1
    assert lines.left == 1
    copied = copy.copy(stream)
    assert (type(copied), copied.left, next(copied)) == (Lines, 1, None)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = stream.nothing_of_the_kind
    with pytest.raises(AttributeError):
        _ = object.__new__(type(stream))._otel_sessions_inner


def test_a_generator_that_was_read_from_is_closed_with_its_stream_though_no_step_was_taken():
    closed = []

    def body():
        try:
            yield 1
            yield 2
        finally:
            closed.append(session_id())

    numbers = body()
    next(numbers)
    set_session("s").wrap(numbers).close()
    assert closed == ["s"]


def test_a_stream_holds_nothing_of_what_it_has_handed_out(in_session):
    class Item:
        pass

    class Problem(Exception):  # noqa: N818
        pass

    def items():
        with contextlib.suppress(Problem):
            yield Item()
        yield None

    stream = in_session(items)()
    item = weakref.ref(next(stream))
    assert item() is None
    error = Problem()
    stream.throw(error)
    thrown = weakref.ref(error)
    del error
    gc.collect()
    assert thrown() is None


def test_a_stream_says_that_it_can_do_what_it_can_and_no_more():
    class Sized(Lines):
        def __len__(self):
            return self.left

    class Sync:
        def __iter__(self):
            return iter([session_id()])

        def __aiter__(self):
            return AsyncLines()

    wrap = set_session("s").wrap
    assert (len(wrap(Sized())), bool(wrap(Sized()))) == (2, True)
    assert not hasattr(wrap(iter([])), "__enter__")
    assert not hasattr(wrap(Lines()), "__aiter__")
    assert list(wrap(Sync())) == ["s"]
    stream = wrap(iter([1]))
    assert next(stream) == 1


class AsyncSource:
    """No iterator: it makes one, each time."""

    name = "source"

    async def __aiter__(self):
        yield session_id()


class AsyncLinesSource:
    def __aiter__(self):
        return AsyncLines()


class LinesSource(Lines):
    def __iter__(self):
        return Lines()


@pytest.mark.parametrize(("source", "count"), [(AsyncSource(), 1), (AsyncLinesSource(), 2)])
def test_what_makes_an_async_iterator_keeps_what_else_it_can_and_makes_one_each_time(source, count):
    async def main():
        stream = set_session("s").wrap(source)
        assert isinstance(stream, type(source))
        first = [item async for item in stream]
        return first, [item async for item in stream]

    assert asyncio.run(main()) == (["s"] * count, ["s"] * count)


def test_an_iterator_that_makes_another_one_is_iterated_over_as_that():
    assert list(set_session("s").wrap(LinesSource())) == ["s", "s"]


@pytest.mark.parametrize("data", [[1, 2], {"a": 1}, "text", 5, None], ids=repr)
def test_what_is_no_stream_is_returned_as_it_is_with_a_warning(data, warnings):
    """An iterable that holds its items, or a response that was not asked to stream, is no worse for it."""
    assert set_session("s").wrap(data) is data
    assert f"wrap: expected an iterator and got {type(data).__name__}" in warnings()[0]


@pytest.fixture
def chat():
    """Return what asks for a stream of the real client, under the real instrumentation, with its spans."""
    pipeline = InMemoryPipeline()
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=pipeline.tracer_provider)
    with StandIn(seconds_per_word=0) as api:
        yield pipeline, {"base_url": api.base_url, "api_key": "none"}
    instrumentor.uninstrument()


ASK = {"model": "m", "messages": [{"role": "user", "content": "What is a span?"}], "stream": True}


def test_a_stream_of_an_instrumented_client_is_wrapped(chat):
    pipeline, options = chat
    scope = set_session("conv-1")
    with OpenAI(**options) as client:
        with scope:
            stream = scope.wrap(client.chat.completions.create(**ASK))
        with stream:
            assert stream.response.status_code == 200
            assert {session_id() for _ in stream} == {None}
    assert_all_spans_have_session(pipeline.spans(), "conv-1")


def test_an_async_stream_of_an_instrumented_client_is_wrapped(chat):
    pipeline, options = chat
    scope = set_session("conv-1")

    async def main():
        async with AsyncOpenAI(**options) as client:
            with scope:
                stream = scope.wrap(await client.chat.completions.create(**ASK))
            async with stream:
                return [session_id() async for _ in stream]

    assert set(asyncio.run(main())) == {None}
    assert_all_spans_have_session(pipeline.spans(), "conv-1")


def test_a_wrapped_stream_outlives_the_block_and_keeps_its_span(pipeline):
    def body():
        pipeline.tracer.start_span("item").end()
        yield

    scope = set_session("s", user_id="ada")
    with pipeline.tracer.start_as_current_span("request"), scope:
        stream = scope.wrap(body())
    assert session_id() is None
    list(stream)
    assert pipeline.attributes("item") == {"session.id": "s", "user.id": "ada"}
    assert pipeline.spans()["item"].parent.span_id == pipeline.spans()["request"].context.span_id


def test_a_wrapped_stream_of_a_scope_with_a_generated_id_has_one_id_for_all_steps():
    def body():
        yield session_id()
        yield session_id()

    first, second = set_session().wrap(body())
    assert first == second is not None


def test_a_plain_block_in_a_generator_is_seen_by_the_consumer_between_steps_and_ends_with_the_body():
    """As it has to be: a context manager made of a generator is nothing else."""

    def body():
        with set_session("s"):
            yield session_id()

    @contextlib.contextmanager
    def manager():
        with set_session("s"):
            yield

    stream = body()
    assert [next(stream), session_id()] == ["s", "s"]
    stream.close()
    assert session_id() is None
    with manager():
        assert session_id() == "s"
    assert session_id() is None


# What a step has left behind


@pytest.fixture(params=["wrap", "decorated", "turn"])
def handed_on(request, pipeline):
    """Return a function that makes a stream in a session, which goes on outside of the block."""

    def wrapped(body):
        with set_session("around"):
            return set_session("a", user_id="ada").wrap(body())

    def decorated(body):
        return set_session("a", user_id="ada")(body)()

    def of_a_turn(body):
        with set_session("a", user_id="ada"), turn("reply", tracer=pipeline.tracer) as t:
            return t.wrap(body())

    return {"wrap": wrapped, "decorated": decorated, "turn": of_a_turn}[request.param]


def test_a_step_that_is_brought_back_late_brings_no_session_to_the_consumer(handed_on):
    tokens = []

    def body():
        tokens.append(context.attach(context.set_value("kept", 1)))
        yield get_session().id
        yield get_session().id

    stream = handed_on(body)
    assert next(stream) == "a"
    context.detach(tokens.pop())  # as the instrumentation of a stream does that is closed from outside
    assert (get_session(), dict(baggage.get_all()), context.get_value("kept")) == (None, {}, None)
    assert next(stream) == "a"
    assert get_session() is None


def test_a_task_that_a_step_has_started_keeps_the_session(handed_on):
    copies = []

    def body():
        copies.append(contextvars.copy_context())
        yield

    list(handed_on(body))
    assert get_session() is None
    assert copies[0].run(get_session) == Session("a", "ada")


def test_a_stream_inside_the_step_of_another_leaves_it_its_session(handed_on):
    def inner():
        yield get_session().id

    def body():
        with turn("inner") as t:
            yield from t.wrap(inner())
        yield get_session().id
        yield from handed_on(inner)
        yield get_session().id

    assert list(handed_on(body)) == ["a"] * 4
    assert get_session() is None
