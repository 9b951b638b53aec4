"""In FastAPI, Flask and Django on real servers: late binds, scopes in dependencies, streams, and the next request."""

import asyncio
import contextlib
import contextvars
import gc
import threading
import time
from functools import partial

import anyio
import fastapi
import pytest
from fastapi import BackgroundTasks, Depends, Request, WebSocket, WebSocketDisconnect
from opentelemetry import propagate
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from websockets.sync.client import connect

from apps import (
    NOBODY,
    OURS,
    SECONDS,
    AsgiServer,
    Service,
    WsgiService,
    at_once,
    calls,
    django_app,
    flask_app,
    flask_app_with_context,
    ids_in,
    seen,
)
from otel_sessions import bind_session, get_session, set_session, to_carrier
from otel_sessions.sdk import SessionPropagator

SERVER_SPANS = {"GET /chat", "GET /chat http send"}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = TRACEPARENT[:-2] + "00"
FASTAPI = tuple(int(number) for number in fastapi.__version__.split(".")[:2])


def bind(session_id="ours", user_id="ada"):
    bind_session(session_id, user_id=user_id)


pytestmark = pytest.mark.usefixtures("no_error_of_anybody", "no_session_is_left_behind")


@pytest.fixture(scope="module")
def server():
    server = AsgiServer()
    yield server
    server.close()


@pytest.fixture
def make_service(server):
    services = []

    def make(pipeline):
        services.append(Service(server, pipeline))
        return services[-1]

    yield make
    for service in services:
        service.close()


@pytest.fixture
def service(make_service, pipeline):
    return make_service(pipeline)


@pytest.fixture
def span(pipeline):
    return pipeline.tracer.start_as_current_span


# Where a bind may stand in FastAPI


def in_a_sync_handler(app, handler):
    @app.get("/chat")
    def chat():
        bind()
        handler()


def in_an_async_handler(app, handler):
    @app.get("/chat")
    async def chat():
        bind()
        handler()


def in_a_sync_dependency(app, handler):
    @app.get("/chat", dependencies=[Depends(bind)])
    def chat():
        handler()


def in_an_async_dependency(app, handler):
    async def dependency():
        bind()

    @app.get("/chat", dependencies=[Depends(dependency)])
    def chat():
        handler()


def in_a_sync_dependency_with_yield(app, handler):
    def dependency():
        bind()
        yield

    @app.get("/chat", dependencies=[Depends(dependency)])
    def chat():
        handler()


def in_an_async_dependency_with_yield(app, handler):
    async def dependency():
        bind()
        yield

    @app.get("/chat", dependencies=[Depends(dependency)])
    async def chat():
        handler()


def in_a_middleware_function(app, handler):
    @app.middleware("http")
    async def middleware(request: Request, call_next):
        if request.url.path == "/chat":
            bind()
        return await call_next(request)

    @app.get("/chat")
    def chat():
        handler()


def in_an_asgi_middleware(app, handler):
    class Middleware:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["path"] == "/chat":
                bind()
            await self.app(scope, receive, send)

    app.add_middleware(Middleware)

    @app.get("/chat")
    async def chat():
        handler()


PLACES = [
    in_a_sync_handler,
    in_an_async_handler,
    in_a_sync_dependency,
    in_an_async_dependency,
    in_a_sync_dependency_with_yield,
    in_an_async_dependency_with_yield,
    in_a_middleware_function,
    in_an_asgi_middleware,
]


@pytest.mark.parametrize("place", PLACES)
def test_a_bind_reaches_every_span_of_the_request_and_none_of_the_next(service, span, place):
    def handler():
        with span("handler"):
            assert seen() == OURS

    place(service.app, handler)
    for _ in range(2):
        service.get()
        assert service.next_calls_are_clean()
    for call in service.calls():
        assert set(call) == {*SERVER_SPANS, "handler"}
        assert ids_in(call) == {OURS}


def test_the_next_request_in_the_same_worker_thread_has_no_session(service):
    @service.app.get("/chat")
    def chat(conversation: str):
        before = seen()
        if conversation:
            bind(conversation)
        return before, seen(), threading.get_ident()

    found = [service.get(f"/chat?conversation={name}").json() for name in ("one", "", "other", "")]
    assert [before for before, _, _ in found] == [list(NOBODY)] * 4
    assert [after for _, after, _ in found] == [["one", "ada"], list(NOBODY), ["other", "ada"], list(NOBODY)]
    assert len({thread for _, _, thread in found}) == 1


def test_what_was_open_and_what_comes_later_in_tasks_and_threads_has_the_session(service, span):
    def work(name):
        with span(name):
            return seen()

    async def in_a_task():
        return work("task")

    @service.app.post("/chat")
    async def chat(request: Request):
        await request.body()
        with span("before"):
            bind("before", None)
        with span("open"):
            bind()
            with_copy = contextvars.copy_context()
            found = [seen(), await asyncio.create_task(in_a_task()), await run_in_threadpool(work, "threadpool")]
            found.append(await asyncio.get_running_loop().run_in_executor(None, with_copy.run, work, "executor"))
        return [*found, work("handler")]

    assert service.client.post("/chat", json="x").json() == [list(OURS)] * 5
    (call,) = service.calls("POST /chat")
    assert {"POST /chat", "POST /chat http receive", "POST /chat http send"} < set(call)
    assert call.pop("before") == {("before", None)}, "it had ended by then"
    # What has ended before the last bind keeps what it had.
    assert ids_in({name: ids for name, ids in call.items() if name != "POST /chat http receive"}) == {OURS}
    assert call["POST /chat http receive"] == {NOBODY}
    assert service.next_calls_are_clean()


# A scope in a dependency


@pytest.mark.parametrize("is_async", [True, False])
def test_in_an_async_dependency_with_yield_a_scope_is_around_the_handler_sync_or_not(service, span, is_async):
    async def dependency():
        with span("of dependency"), set_session("ours", user_id="ada"):
            yield
            assert seen() == OURS

    def sync_chat():
        with span("handler"):
            return seen()

    async def async_chat():
        return sync_chat()

    service.app.get("/chat", dependencies=[Depends(dependency)])(async_chat if is_async else sync_chat)
    assert service.get().json() == list(OURS)
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert (call["handler"], call["GET /chat"], call["of dependency"]) == ({OURS}, {NOBODY}, {NOBODY})


@pytest.mark.warned_of("around the yield")
@pytest.mark.parametrize("is_async", [True, False])
def test_in_a_sync_dependency_with_yield_a_scope_is_not_around_the_handler(service, span, is_async):
    """FastAPI runs each half of it in a worker thread; a bind is the way."""

    def dependency():
        with set_session("ours", user_id="ada"):
            with span("in dependency"):
                pass
            yield

    def sync_chat():
        with span("handler"):
            return seen()

    async def async_chat():
        return sync_chat()

    service.app.get("/chat", dependencies=[Depends(dependency)])(async_chat if is_async else sync_chat)
    assert service.get().json() == list(NOBODY)
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert call.pop("in dependency") == {OURS}
    assert ids_in(call) == {NOBODY}


@pytest.mark.warned_of("around the yield")
@pytest.mark.parametrize("is_async", [True, False])
def test_a_handler_that_raises_ends_the_scope_of_its_dependency(service, span, is_async):
    ended = []

    async def async_dependency():
        try:
            async with set_session("ours", user_id="ada"):
                yield
        finally:
            ended.append(seen())

    def sync_dependency():
        try:
            with set_session("ours", user_id="ada"):
                yield
        finally:
            ended.append(seen())

    @service.app.exception_handler(LookupError)
    async def answer(_request, _error):
        return StreamingResponse(iter(["sorry"]), status_code=400)

    @service.app.get("/chat", dependencies=[Depends(async_dependency if is_async else sync_dependency)])
    def chat():
        with span("handler"):
            raise LookupError

    assert service.client.get("/chat").status_code == 400
    assert service.next_calls_are_clean()
    assert ended == [NOBODY]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_scope_in_an_async_dependency_is_around_the_response_if_fastapi_ends_it_after_that(service, span, is_async):
    """Since FastAPI 0.118 a dependency ends after the response; before that, before it. A bind holds either way."""
    in_background = []

    async def dependency():
        with set_session("ours", user_id="ada"):
            yield

    @service.app.get("/chat", dependencies=[Depends(dependency)])
    def chat(tasks: BackgroundTasks):
        tasks.add_task(lambda: in_background.append(seen()))
        return StreamingResponse((async_body if is_async else sync_body)(span)("ours"))

    expected = OURS if FASTAPI >= (0, 118) else NOBODY
    assert service.get().text == "{} {}\n".format(*expected) * 3
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert (call["step"], in_background) == ({expected}, [expected])


# Streams


def sync_body(span):
    """Make a body: spans below one another at each step, and what it sees there."""

    def body(conversation):  # noqa: ARG001  # for a callable session_id
        for _ in range(3):
            with span("step") as step, span("call") as call:
                assert call.parent.span_id == step.get_span_context().span_id
                found = seen()
            yield f"{found[0]} {found[1]}\n"

    return body


def async_body(span):
    steps = sync_body(span)

    async def body(conversation):
        for item in steps(conversation):
            yield item
            await asyncio.sleep(0)

    return body


def decorated(body):
    return set_session(session_id=lambda conversation: conversation, user_id="ada")(body)("ours")


def wrapped(body):
    with set_session("ours", user_id="ada") as session:
        return set_session(session.id, user_id="ada").wrap(body("ours"))


BODIES = pytest.mark.parametrize("body_of", [sync_body, async_body])
STREAMS = pytest.mark.parametrize("inside", [decorated, wrapped])


@BODIES
@STREAMS
@pytest.mark.parametrize("is_async", [True, False])
def test_each_step_of_a_stream_is_in_its_session_and_nothing_else_is(service, span, body_of, inside, is_async):
    def sync_chat():
        return StreamingResponse(inside(body_of(span)))

    async def async_chat():
        return sync_chat()

    service.app.get("/chat")(async_chat if is_async else sync_chat)
    assert service.get().text == "ours ada\n" * 3
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert (call.pop("step"), call.pop("call")) == ({OURS}, {OURS})
    assert ids_in(call) == {NOBODY}


@BODIES
def test_a_bind_in_the_handler_reaches_each_step_of_the_stream_and_the_rest_of_the_request(service, span, body_of):
    @service.app.get("/chat")
    def chat():
        bind()
        return StreamingResponse(body_of(span)("ours"))

    assert service.get().text == "ours ada\n" * 3
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert {*SERVER_SPANS, "step"} < set(call)
    assert ids_in(call) == {OURS}


def test_a_scope_in_an_async_body_is_around_all_its_steps_and_what_the_server_sends_meanwhile(service, span):
    async def body():
        with set_session("ours", user_id="ada"):
            async for item in async_body(span)("ours"):
                yield item

    @service.app.get("/chat")
    def chat():
        return StreamingResponse(body())

    assert service.get().text == "ours ada\n" * 3
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert (call["step"], call["GET /chat"]) == ({OURS}, {NOBODY})
    assert call["GET /chat http send"] == {NOBODY, OURS}, "the consumer sees a scope that is open at a yield"


def test_a_scope_in_a_sync_body_is_around_its_first_step_alone(service, span):
    """Starlette takes each step in a worker thread, with a copy of its own context."""

    def body():
        with set_session("ours", user_id="ada"):
            yield from sync_body(span)("ours")

    @service.app.get("/chat")
    def chat():
        return StreamingResponse(body())

    assert service.get().text == "ours ada\nNone None\nNone None\n"
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert call.pop("step") == {OURS, NOBODY}
    assert {name for name, ids in call.items() if OURS in ids} == {"call"}


def crossing(span, body_of):
    """Make a body in a span that is open across its yields."""

    def sync_crossing(conversation):
        with span("stream") as stream:
            for item in sync_body(span)(conversation):
                with span("below") as below:
                    assert below.parent.span_id == stream.get_span_context().span_id
                yield item

    async def async_crossing(conversation):
        with span("stream") as stream:
            for item in sync_body(span)(conversation):
                with span("below") as below:
                    assert below.parent.span_id == stream.get_span_context().span_id
                yield item
                await asyncio.sleep(0)

    return sync_crossing if body_of is sync_body else async_crossing


@pytest.fixture
def failed_detaches(caplog):
    """Return a function that tells how often OpenTelemetry has failed to detach, and forgets it."""

    def count():
        failed = sum(record.getMessage() == "Failed to detach context" for record in caplog.records)
        caplog.clear()
        return failed

    return count


@BODIES
@STREAMS
def test_a_span_that_is_open_across_yields_stays_the_parent_at_each_step(
    service, span, body_of, inside, failed_detaches
):
    @service.app.get("/chat")
    def chat():
        return StreamingResponse(inside(crossing(span, body_of)))

    assert service.get().text == "ours ada\n" * 3
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert (call["stream"], call["below"], call["step"]) == ({OURS}, {OURS}, {OURS})
    failed_detaches()  # see the next test


@pytest.mark.parametrize(
    ("body_of", "inside"),
    [
        (async_body, decorated),
        (async_body, wrapped),
        *(
            pytest.param(
                sync_body,
                inside,
                marks=pytest.mark.xfail(
                    reason="the steps have an OpenTelemetry Context in common, but not a contextvars.Context, "
                    "so start_as_current_span across yields fails to detach as it does without us"
                ),
            )
            for inside in (decorated, wrapped)
        ),
    ],
)
def test_a_span_that_is_open_across_yields_ends_quietly(service, span, body_of, inside, failed_detaches):
    @service.app.get("/chat")
    def chat():
        return StreamingResponse(inside(crossing(span, body_of)))

    service.get()
    service.idle.wait()
    assert failed_detaches() == 0


def test_without_us_a_span_that_is_open_across_the_yields_of_a_sync_body_fails_to_detach(
    service, span, failed_detaches
):
    def body():
        with span("stream"):
            yield "x"

    @service.app.get("/chat")
    def chat():
        return StreamingResponse(body())

    service.get()
    service.idle.wait()
    assert failed_detaches() == 1


# A stream or a request that does not come to its end


class Left:
    """What happens at the end of a body whose client has left."""

    def __init__(self, span) -> None:
        self.span = span
        self.client_is_gone = threading.Event()
        self.is_over = threading.Event()
        self.found = None

    def first(self):
        with self.span("first"):
            return "first\n"

    def cleaned_up(self):
        with self.span("cleaned up"):
            self.found = seen()
        self.is_over.set()

    def wait(self, service):
        """Wait until the body is over; Starlette drops one that it does not cancel, and does not close it."""
        service.idle.wait()
        until = time.monotonic() + SECONDS
        while not self.is_over.wait(0.02):  # the server may hold the error that has cancelled it for a moment
            assert time.monotonic() < until
            gc.collect()


def body_that_waits_for_good(left):
    async def body(conversation):  # noqa: ARG001
        try:
            yield left.first()
            await asyncio.Event().wait()
        finally:
            left.cleaned_up()

    return body


def async_body_that_goes_on(left):
    async def body(conversation):  # noqa: ARG001
        try:
            yield left.first()
            while True:
                await asyncio.sleep(0)
                yield "more\n"
        finally:
            left.cleaned_up()

    return body


def sync_body_that_goes_on(left):
    def body(conversation):  # noqa: ARG001
        try:
            yield left.first()
            assert left.client_is_gone.wait(SECONDS)
            while True:
                yield "more\n"
        finally:
            left.cleaned_up()

    return body


@pytest.mark.parametrize("body_of", [body_that_waits_for_good, async_body_that_goes_on, sync_body_that_goes_on])
@STREAMS
def test_where_the_client_leaves_in_the_middle_the_stream_is_ended_in_its_session(service, span, body_of, inside):
    left = Left(span)

    @service.app.get("/chat")
    async def chat():
        return StreamingResponse(inside(body_of(left)))

    with service.client.stream("GET", "/chat") as response:
        assert next(response.iter_lines()) == "first"
    left.client_is_gone.set()
    left.wait(service)
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert call["first"] == {OURS}
    if body_of is not sync_body_that_goes_on:  # which is left to the garbage collector: see below
        assert call["cleaned up"] == {OURS}


@STREAMS
def test_an_async_body_that_is_dropped_at_a_yield_is_ended_in_its_session(service, span, inside):
    """The event loop closes the stream, in a task of its own."""
    left = Left(span)

    class Stuck:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def stuck(message):
                await send(message)
                if message.get("body") and scope["path"] == "/chat":
                    await asyncio.Event().wait()

            await self.app(scope, receive, stuck)

    service.app.add_middleware(Stuck)

    @service.app.get("/chat")
    async def chat():
        return StreamingResponse(inside(async_body_that_goes_on(left)))

    with service.client.stream("GET", "/chat") as response:
        assert next(response.iter_lines()) == "first"
    left.wait(service)
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert (call["first"], call["cleaned up"]) == ({OURS}, {OURS})


def test_a_bound_stream_is_ended_in_its_session_where_the_client_leaves(service, span):
    left = Left(span)

    @service.app.get("/chat")
    async def chat():
        bind()
        return StreamingResponse(body_that_waits_for_good(left)("ours"))

    with service.client.stream("GET", "/chat") as response:
        assert next(response.iter_lines()) == "first"
    left.wait(service)
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert "cleaned up" in call
    assert ids_in(call) == {OURS}


def in_a_cycle(stream):
    """Drop ``stream`` as Starlette does: the frames of the error that has cancelled it hold it, and one another."""
    cycle = [stream]
    cycle.append(cycle)


@pytest.fixture
def _no_collection_by_itself():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection_by_itself")
@pytest.mark.parametrize(
    "inside",
    [
        decorated,
        pytest.param(
            wrapped,
            marks=pytest.mark.xfail(
                reason="of two generators in one cycle Python closes first which it finds first: "
                "here the body, and not the stream that has its session"
            ),
        ),
    ],
)
def test_a_sync_body_that_the_garbage_collector_closes_ends_in_its_session(span, inside):
    left = Left(span)
    stream = inside(sync_body_that_goes_on(left))
    assert next(stream) == "first\n"
    in_a_cycle(stream)
    del stream
    gc.collect()
    assert left.found == OURS


def as_it_is(body):
    return body("ours")


@pytest.mark.usefixtures("_no_collection_by_itself")
@pytest.mark.parametrize(
    ("inside", "found"),
    [(as_it_is, NOBODY), (decorated, OURS), (wrapped, OURS)],
)
def test_an_async_body_that_the_garbage_collector_closes_can_still_await(monkeypatch, span, inside, found):
    left, unraisable = Left(span), []
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)

    async def body(conversation):  # noqa: ARG001
        try:
            yield left.first()
        finally:
            await asyncio.sleep(0)
            left.cleaned_up()

    async def main():
        stream = inside(body)
        assert await stream.__anext__() == "first\n"
        in_a_cycle(stream)
        del stream
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    asyncio.run(main())
    assert [str(each.exc_value) for each in unraisable] == []
    assert left.found == found


@pytest.mark.parametrize("is_bound", [True, False])
def test_a_request_that_takes_too_long_leaves_no_session(service, span, is_bound):
    left = Left(span)
    after, limits = [], []

    class TimeOut:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["path"] != "/chat":
                await self.app(scope, receive, send)
                return
            with anyio.move_on_after(SECONDS) as limit:
                limits.append(limit)
                await self.app(scope, receive, send)
            after.append(seen())
            await StreamingResponse(iter(["late"]))(scope, receive, send)

    service.app.add_middleware(TimeOut)

    @service.app.get("/chat")
    async def chat():
        if is_bound:
            bind()
            await body_that_waits_for_good(left)("ours").__anext__()
        async with set_session("ours", user_id="ada"):
            try:
                limits[0].deadline = anyio.current_time()  # a time of its own may be over before a busy machine is here
                await asyncio.Event().wait()
            finally:
                left.cleaned_up()

    assert service.get().text == "late"
    assert left.is_over.is_set()
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert call.pop("cleaned up") == {OURS}
    assert ids_in(call) == ({OURS} if is_bound else {NOBODY})
    assert after == [OURS if is_bound else NOBODY]


# WebSockets


@pytest.fixture
def conversing(service, span):
    """Return a function that opens a conversation, whose first message is its id, and each other an answer's worth."""

    @service.app.websocket("/chat")
    async def chat(socket: WebSocket):
        await socket.accept()
        try:
            if conversation := await socket.receive_text():
                bind_session(conversation, user_id=f"user of {conversation}")
            while True:
                text = await socket.receive_text()
                with span(f"message {text}"):
                    await socket.send_json(seen())
        except WebSocketDisconnect:
            with span("left"):
                pass

    return lambda: connect(f"ws://127.0.0.1:{service.port}/chat", sock=service.connect(), compression=None)


def said(socket, text):
    socket.send(text)
    return socket.recv(SECONDS)


def test_a_bind_by_the_first_message_of_a_web_socket_is_for_all_that_follow(service, conversing):
    with conversing() as socket:
        socket.send("ours")
        assert [said(socket, "1"), said(socket, "2")] == ['["ours","user of ours"]'] * 2
    with conversing() as socket:
        socket.send("")
        assert said(socket, "3") == "[null,null]"
    assert service.next_calls_are_clean()
    ours, names = ("ours", "user of ours"), {"message 1", "message 2", "left"}
    bound, bare = service.calls("message 1") + service.calls("message 3")
    server_span = next(iter(bound))
    assert {name for name, ids in bound.items() if ids == {ours}} == {server_span, *names}
    # Those of the server that had ended before the bind have none.
    assert {name: ids for name, ids in bound.items() if ids != {ours}} == {
        f"{server_span} websocket {kind}": {NOBODY, ours} for kind in ("receive", "send")
    }
    assert ids_in(bare) == {NOBODY}


def test_two_conversations_at_the_same_time_stay_apart(service, conversing):
    with conversing() as one, conversing() as other, conversing() as bare:
        for socket, conversation in ((one, "one"), (other, "other"), (bare, "")):
            socket.send(conversation)
        for number in ("1", "2"):
            assert said(one, number) == '["one","user of one"]'
            assert said(bare, number) == "[null,null]"
            assert said(other, number) == '["other","user of other"]'
    assert service.next_calls_are_clean()
    found = [call["message 1"] | call["message 2"] | call["left"] for call in service.calls("message 1")]
    expected = [{("one", "user of one")}, {("other", "user of other")}, {NOBODY}]
    assert sorted(found, key=str) == sorted(expected, key=str)


# Background tasks


@pytest.mark.parametrize("is_async", [True, False])
def test_a_background_task_of_a_bound_request_has_the_session(service, span, is_async):
    def sync_work():
        with span("background"):
            assert seen() == OURS

    async def async_work():
        sync_work()

    @service.app.get("/chat")
    def chat(tasks: BackgroundTasks):
        bind()
        tasks.add_task(async_work if is_async else sync_work)

    service.get()
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert {*SERVER_SPANS, "background"} <= set(call)
    assert ids_in(call) == {OURS}


def test_a_background_task_has_the_session_of_a_scope_if_that_is_around_the_task(service, span):
    def work(name):
        with span(name):
            pass

    @service.app.get("/chat")
    async def chat(tasks: BackgroundTasks):
        scope = set_session("ours", user_id="ada")
        with scope:
            tasks.add_task(work, "added in it")
        tasks.add_task(scope(work), "decorated")
        tasks.add_task(work, "after that")

    service.get()
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert (call["added in it"], call["decorated"], call["after that"]) == ({NOBODY}, {OURS}, {NOBODY})


# Requests at the same time


@pytest.mark.parametrize("headers", [{}, {"traceparent": TRACEPARENT}], ids=["traces", "one trace"])
@pytest.mark.parametrize("is_async", [True, False])
def test_calls_at_the_same_time_stay_apart(service, span, headers, is_async):
    """Also where both belong to one distributed trace."""
    arrived, all_are_here = threading.Barrier(3), []

    def work(conversation, when):
        if conversation:
            assert get_session() is None or when == "later"
        with span(when):
            found = seen()
        return found[0] == (conversation or None) or when == "sooner"

    def sync_chat(conversation: str):
        work(conversation, "sooner")
        if conversation:
            bind(conversation, f"user of {conversation}")
        arrived.wait(SECONDS)
        return work(conversation, "later")

    async def async_chat(conversation: str):
        work(conversation, "sooner")
        if conversation:
            bind(conversation, f"user of {conversation}")
        mine = asyncio.Event()
        all_are_here.append(mine)
        if len(all_are_here) == 3:
            for event in all_are_here:
                event.set()
        await mine.wait()
        return work(conversation, "later") and await run_in_threadpool(work, conversation, "later")

    service.app.get("/chat")(async_chat if is_async else sync_chat)
    ask = [partial(service.get, f"/chat?conversation={name}", headers=headers) for name in ("one", "other", "")]
    assert [response.json() for response in at_once(*ask)] == [True] * 3
    assert service.next_calls_are_clean()
    found = service.calls()
    for call in found:
        call.pop("sooner")
    expected = [{("one", "user of one")}, {("other", "user of other")}, {NOBODY}]
    assert sorted(map(ids_in, found), key=str) == sorted(expected, key=str)


# What comes in with a request


def test_a_bind_wins_over_the_session_that_comes_in_and_does_not_get_its_user(service, span):
    @service.app.get("/chat")
    def chat():
        with span("before"):
            before = seen()
        bind_session("ours")
        with span("handler"):
            return before, seen(), to_carrier()["baggage"]

    headers = {"traceparent": TRACEPARENT, "baggage": "session.id=theirs,user.id=eve"}
    before, after, sent = service.get(headers=headers).json()
    assert (before, after, sent) == (["theirs", "eve"], ["ours", None], "session.id=ours")
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert call.pop("before") == {("theirs", "eve")}, "it had ended by then"
    assert ids_in(call) == {("ours", None)}


def outgoing_baggage(service, headers):
    """Return what an instrumented client sends, where a request comes in with ``headers``."""

    @service.app.get("/chat")
    def chat():
        bind()
        carrier = {}
        SessionPropagator(propagate.get_global_textmap()).inject(carrier)
        return carrier.get("baggage", "")

    return sorted(service.get(headers=headers).json().split(","))


@pytest.mark.parametrize("headers", [{}, {"baggage": "session.id=theirs,user.id=eve"}], ids=["none", "theirs"])
def test_the_next_service_gets_the_session_that_was_bound(service, headers):
    assert outgoing_baggage(service, headers) == ["session.id=ours", "user.id=ada"]


# What is not recorded


@pytest.fixture
def unsampled(make_service, make_pipeline):
    service = make_service(make_pipeline(sampler=ParentBased(ALWAYS_OFF)))
    yield service
    assert calls(service.pipeline) == []


def nested(service):
    """Return what is seen in a span inside a span."""
    span = service.pipeline.tracer.start_as_current_span
    with span("handler"), span("nested"):
        return seen()


@pytest.mark.parametrize("headers", [{}, {"traceparent": UNSAMPLED}], ids=["by us", "by the caller"])
@pytest.mark.parametrize("is_async", [True, False])
def test_a_bind_holds_where_nothing_is_recorded(unsampled, headers, is_async):
    def sync_chat():
        bind()
        return seen(), nested(unsampled), sorted(to_carrier()["baggage"].split(","))

    async def async_chat():
        found = sync_chat()
        assert await run_in_threadpool(nested, unsampled) == await asyncio.to_thread(nested, unsampled) == OURS
        return found

    unsampled.app.get("/chat")(async_chat if is_async else sync_chat)
    found = unsampled.get(headers=headers).json()
    assert found == [list(OURS), list(OURS), ["session.id=ours", "user.id=ada"]]
    for url in ("/sync", "/async", "/sync"):
        assert unsampled.get(url).json() == list(NOBODY)


def test_two_binds_at_the_same_time_in_one_trace_that_is_not_recorded_stay_apart(unsampled):
    both_are_here, both_are_done = threading.Barrier(2), threading.Barrier(2)

    @unsampled.app.get("/chat")
    def chat(conversation: str):
        bind(conversation, None)
        both_are_here.wait(SECONDS)
        found = seen(), nested(unsampled)
        both_are_done.wait(SECONDS)
        return found

    headers = {"traceparent": UNSAMPLED}
    ask = [partial(unsampled.get, f"/chat?conversation={name}", headers=headers) for name in ("one", "other")]
    # A span inside can't tell whose it is: better no session than another's.
    assert [answer.json() for answer in at_once(*ask)] == [[[name, None], list(NOBODY)] for name in ("one", "other")]


@pytest.mark.xfail(reason="where nothing is recorded, a bind is found by the trace id, which both calls have")
def test_a_call_beside_a_bound_one_in_a_trace_that_is_not_recorded_has_no_session(unsampled):
    is_bound, other_is_done = threading.Event(), threading.Event()

    @unsampled.app.get("/chat")
    def chat():
        bind()
        is_bound.set()
        assert other_is_done.wait(SECONDS)

    @unsampled.app.get("/other")
    def other():
        try:
            assert is_bound.wait(SECONDS)
            return seen()
        finally:
            other_is_done.set()

    headers = {"traceparent": UNSAMPLED}
    _, answer = at_once(partial(unsampled.get, headers=headers), partial(unsampled.get, "/other", headers=headers))
    assert answer.json() == list(NOBODY)


# Flask and Django

APPS = pytest.mark.parametrize("make_app", [flask_app, django_app])


@pytest.fixture
def serve_with(pipeline):
    """Return a function that serves a view, and beside it one without a session."""
    with contextlib.ExitStack() as stack:

        def start(make_app, view, middleware=None, *, threaded):
            def bare(_query):
                with pipeline.tracer.start_as_current_span("handler"):
                    return str(seen())

            app = stack.enter_context(make_app(pipeline, {"chat": view, "bare": bare}, middleware))
            service = WsgiService(pipeline, app, threaded=threaded)
            stack.callback(service.close)
            return service

        yield start


@pytest.fixture(params=[True, False], ids=["threaded", "one thread"])
def serve(request, serve_with):
    return partial(serve_with, threaded=request.param)


@APPS
@pytest.mark.parametrize("is_in_middleware", [True, False])
def test_a_bind_in_a_wsgi_application_reaches_every_span_of_the_request_and_none_of_the_next(
    serve, span, make_app, is_in_middleware
):
    def bind_by(query):
        if "conversation" in query:
            bind(query["conversation"])

    def view(query):
        if not is_in_middleware:
            with span("before"):
                bind_by(query)
        with span("handler"):
            return str(seen())

    service = serve(make_app, view, bind_by if is_in_middleware else None)
    for _ in range(2):
        assert service.get(conversation="ours") == str(OURS)
        assert service.next_calls_are_clean()
        assert service.get() == str(NOBODY)
    bound, bare, *others = service.calls()
    assert set(bound) == {"handler", service.root, *(() if is_in_middleware else ("before",))}
    assert (ids_in(bound), ids_in(bare)) == ({OURS}, {NOBODY})
    assert others == [bound, bare]


@APPS
def test_a_scope_in_a_wsgi_view_is_around_what_is_in_it(serve, span, make_app):
    def view(_query):
        with set_session("ours", user_id="ada"), span("inside"):
            found = seen()
        with span("after"):
            return str([found, seen()])

    service = serve(make_app, view)
    assert service.get() == str([OURS, NOBODY])
    assert service.next_calls_are_clean()
    assert service.calls() == [{service.root: {NOBODY}, "inside": {OURS}, "after": {NOBODY}}]


@pytest.mark.parametrize("make_app", [flask_app, flask_app_with_context, django_app])
@STREAMS
def test_each_step_of_a_stream_of_a_wsgi_application_is_in_its_session(serve, span, make_app, inside):
    """The server takes the steps after the end of its span: a wrapped one stays below that, as it is now."""
    service = serve(make_app, lambda _query: inside(crossing(span, sync_body)))
    assert service.get() == "ours ada\n" * 3
    assert service.next_calls_are_clean()
    (call,) = service.calls("stream")
    assert (call["stream"], call["below"], call["step"]) == ({OURS}, {OURS}, {OURS})
    if make_app is not flask_app_with_context:  # with which it depends on the version of Flask
        assert (service.root in call) == (inside is wrapped)


@APPS
def test_a_scope_in_a_stream_of_a_wsgi_application_is_around_all_its_steps(serve, span, make_app):
    """One thread takes them all."""

    def body():
        with set_session("ours", user_id="ada"):
            yield from sync_body(span)("ours")

    service = serve(make_app, lambda _query: body())
    assert service.get() == "ours ada\n" * 3
    assert service.next_calls_are_clean()
    found = service.calls("step")
    assert len(found) == 3, "they are not below the span of the server, which has ended"
    assert all(ids_in(call) == {OURS} for call in found)


@APPS
def test_a_bind_in_a_wsgi_view_does_not_reach_its_stream_unless_that_is_wrapped(serve, span, make_app):
    """The server takes the steps when the trace is no longer current, so without the session they are not in it either."""

    def view(query):
        session = bind_session("ours", user_id="ada")
        body = sync_body(span)("ours")
        return set_session(session.id).wrap(body) if query else body

    service = serve(make_app, view)
    assert service.get() == "None None\n" * 3
    assert service.get(wrapped="yes") == "ours ada\n" * 3
    assert service.next_calls_are_clean()
    plain, bound = service.calls()
    assert plain == {service.root: {OURS}}
    assert bound == {service.root: {OURS}, "step": {OURS}, "call": {OURS}}


@APPS
@STREAMS
def test_where_the_client_of_a_wsgi_application_leaves_the_stream_is_ended_in_its_session(
    serve, span, make_app, inside
):
    left = Left(span)
    service = serve(make_app, lambda _query: inside(sync_body_that_goes_on(left)))
    with service.client.stream("GET", "/chat") as response:
        assert next(response.iter_lines()) == "first"
    left.client_is_gone.set()
    left.wait(service)
    assert service.next_calls_are_clean()
    found = [call.get(name) for name in ("first", "cleaned up") for call in service.calls(name)]
    assert found == [{OURS}, {OURS}]


@APPS
@pytest.mark.parametrize("headers", [{}, {"traceparent": TRACEPARENT}], ids=["traces", "one trace"])
def test_calls_of_a_wsgi_application_at_the_same_time_stay_apart(serve_with, span, make_app, headers):
    arrived = threading.Barrier(3)

    def view(query):
        if query["conversation"]:
            bind(query["conversation"], None)
        arrived.wait(SECONDS)
        with span("handler"):
            return str(seen()[0])

    service = serve_with(make_app, view, threaded=True)
    names = ("one", "other", "")
    ask = [partial(service.get, headers=headers, conversation=name) for name in names]
    assert at_once(*ask) == ["one", "other", "None"]
    assert service.next_calls_are_clean()
    assert sorted(map(ids_in, service.calls()), key=str) == sorted(
        [{("one", None)}, {("other", None)}, {NOBODY}], key=str
    )


@APPS
def test_a_bind_in_a_wsgi_application_wins_over_the_session_that_comes_in(serve, span, make_app):
    def view(_query):
        before = seen()
        bind_session("ours")
        with span("handler"):
            return str([before, seen()])

    service = serve(make_app, view)
    headers = {"baggage": "session.id=theirs,user.id=eve"}
    assert service.get(headers=headers) == str([("theirs", "eve"), ("ours", None)])
    assert service.next_calls_are_clean()
    (call,) = service.calls()
    assert ids_in(call) == {("ours", None)}
