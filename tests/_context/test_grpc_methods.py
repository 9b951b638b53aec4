"""Methods of gRPC on a real server, sync and aio: what they bind is on each span of the call, at each step of a stream."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import grpc.aio
import pytest
from opentelemetry.instrumentation.grpc import aio_server_interceptor, server_interceptor

from otel_sessions import bind_session, get_session, set_session, turn
from otel_sessions._context.providers import PROVIDERS

pytestmark = pytest.mark.usefixtures("no_session_is_left_behind")

SECONDS = 60
CALLS = ("conv-1", "conv-2", "conv-3", "conv-4")


def session_of(context):
    return dict(context.invocation_metadata())["x-session-id"]


def seen():
    return getattr(get_session(), "id", "nobody").encode()


# Methods: what they answer is what they see at each step.


def bound_unary(_request, context):
    bind_session(session_of(context))
    with turn("chat", input="q") as t:
        t.output = "a"
    return seen()


def bound_stream(_request, context):
    bind_session(session_of(context))
    yield seen()
    with turn("chat", input="q"):
        pass
    yield seen()


@set_session(session_id=lambda request, context: session_of(context))  # noqa: ARG005  # the arguments of a method
def scoped_unary(_request, _context):
    with turn("chat"):
        return seen()


@set_session(session_id=lambda request, context: session_of(context))  # noqa: ARG005
@turn("chat")
def scoped_stream(_request, _context):
    yield seen()
    yield seen()


async def bound_unary_aio(request, context):
    return bound_unary(request, context)


async def bound_stream_aio(request, context):
    for word in bound_stream(request, context):
        yield word
        await asyncio.sleep(0)


@set_session(session_id=lambda request, context: session_of(context))  # noqa: ARG005
async def scoped_unary_aio(_request, _context):
    with turn("chat"):
        return seen()


@set_session(session_id=lambda request, context: session_of(context))  # noqa: ARG005
@turn("chat")
async def scoped_stream_aio(_request, _context):
    yield seen()
    await asyncio.sleep(0)
    yield seen()


def handlers_of(method):
    make = grpc.unary_stream_rpc_method_handler if "stream" in method.__name__ else grpc.unary_unary_rpc_method_handler
    return [grpc.method_handlers_generic_handler("Chat", {"Ask": make(method)})]


def answers(channel, method, session):
    metadata = [("x-session-id", session)]
    if "stream" in method.__name__:
        return [*channel.unary_stream("/Chat/Ask")(b"", metadata=metadata, timeout=SECONDS)]
    return [channel.unary_unary("/Chat/Ask")(b"", metadata=metadata, timeout=SECONDS)]


def ask_all(port, method):
    """Ask for all sessions at once, and each twice: the threads of the server are used again."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, ThreadPoolExecutor(len(CALLS)) as pool:
        asked = CALLS * 2
        return [*zip(asked, pool.map(lambda session: answers(channel, method, session), asked), strict=True)]


@contextmanager
def served(pipeline, method):
    interceptor = server_interceptor(tracer_provider=pipeline.provider)
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, interceptors=[interceptor])
        server.add_generic_rpc_handlers(handlers_of(method))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield port
        server.stop(SECONDS).wait()


async def served_aio(pipeline, method):
    server = grpc.aio.server(interceptors=[aio_server_interceptor(tracer_provider=pipeline.provider)])
    server.add_generic_rpc_handlers(handlers_of(method))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    found = await asyncio.to_thread(ask_all, port, method)
    await server.stop(SECONDS)
    return found


def are_right(pipeline, found, *, is_bound):
    for session, words in found:
        assert set(words) == {session.encode()}
    spans = pipeline.exporter.get_finished_spans()
    expected = sorted(session for session, _ in found)
    for name in ("chat", "/Chat/Ask"):
        ids = [span.attributes.get("session.id") for span in spans if span.name == name]
        assert sorted(map(str, ids)) == (expected if name == "chat" or is_bound else ["None"] * len(expected))


@pytest.mark.parametrize("method", [bound_unary, bound_stream, scoped_unary, scoped_stream])
def test_each_call_of_a_method_has_its_session_at_each_step(pipeline, method):
    PROVIDERS.use(pipeline.provider, None)
    with served(pipeline, method) as port:
        found = ask_all(port, method)
    are_right(pipeline, found, is_bound=method.__name__.startswith("bound"))


@pytest.mark.parametrize("method", [bound_unary_aio, bound_stream_aio, scoped_unary_aio, scoped_stream_aio])
def test_each_call_of_an_async_method_has_its_session_at_each_step(pipeline, method):
    PROVIDERS.use(pipeline.provider, None)
    found = asyncio.run(served_aio(pipeline, method))
    are_right(pipeline, found, is_bound=method.__name__.startswith("bound"))
