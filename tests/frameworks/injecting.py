"""Clients that inject by themselves, in a program of their own: ``python injecting.py CLIENT`` prints what each host got.

How it is traced says the environment: ``TRACED`` is ``sampled``, ``dropped`` (by a sampler that forgets), ``remembered`` (by
one of ours) or ``never`` (no SDK); ``OTEL_SDK_DISABLED`` and ``OTEL_SESSION_PROPAGATE_TO`` are as they are. A line of the
answer is a host, and all that it got: headers and bodies. No request leaves the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry import baggage, context, trace

from otel_sessions import set_session, to_carrier
from otel_sessions.sdk import ParentBasedSessionRatio, instrument
from ports import free_port

SESSION, USER = "conv-4242-s3cret", "ada-lovelace"
OTHER_NAMES = {
    "azure.ai.agentserver.session_id": "short",
    "microsoft.session.id": SESSION,
    "user.email": "ada@example.com",
    "client.address": "192.0.2.7",
    "any.name": f"https://chat.example/{SESSION}?of={USER}",
}
KEPT = {"tenant": "acme"}
SECRETS = (SESSION, USER, "ada@", "ada%40", "192.0.2.7", "short")

seen: list[tuple[str, str]] = []
"""Hosts, and what they got."""


def set_up():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

    samplers = {"sampled": ALWAYS_ON, "dropped": ALWAYS_OFF, "remembered": ParentBasedSessionRatio(0)}
    if (traced := os.environ["TRACED"]) in samplers:
        trace.set_tracer_provider(TracerProvider(samplers[traced], shutdown_on_exit=False))
    instrument()


@contextlib.contextmanager
def in_session():
    """Be in the session, with what other tools leave in baggage around it."""
    here = context.get_current()
    for key, value in {**OTHER_NAMES, **KEPT}.items():
        here = baggage.set_baggage(key, value, here)
    token = context.attach(here)
    with set_session(session_id=SESSION, user_id=USER), trace.get_tracer("app").start_as_current_span("turn"):
        yield
    context.detach(token)


def got(host, headers, body=b""):
    seen.append((host, json.dumps([*headers.items()]) + bytes(body).decode()))


@contextlib.contextmanager
def _host():
    """Be a host on the loopback, and return its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            got("127.0.0.1", self.headers)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_): ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


# Clients of models


def by_anthropic():
    import anthropic
    import httpx2

    answer = {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip

    def respond(request):
        got(request.url.host, request.headers, request.content)
        return httpx2.Response(200, json=answer)

    options = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    client = anthropic.Anthropic(api_key="none", http_client=httpx2.Client(transport=httpx2.MockTransport(respond)))
    with in_session():
        client.messages.create(**options)

    async def main():
        transport = httpx2.MockTransport(respond)
        client = anthropic.AsyncAnthropic(api_key="none", http_client=httpx2.AsyncClient(transport=transport))
        with in_session():
            await client.messages.create(**options)

    asyncio.run(main())


def by_mistral():
    os.environ["MISTRAL_SDK_TELEMETRY"] = "global"
    import httpx2
    from mistralai.client import Mistral

    message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [message], "usage": usage}

    def respond(request):
        got(request.url.host, request.headers, request.content)
        return httpx2.Response(200, json=answer)

    transport = httpx2.MockTransport(respond)
    client = Mistral(
        api_key="none",
        client=httpx2.Client(transport=transport),
        async_client=httpx2.AsyncClient(transport=transport),
    )
    options = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    with in_session():
        client.chat.complete(**options)
        asyncio.run(client.chat.complete_async(**options))


def by_azure():
    from azure.core.pipeline import Pipeline
    from azure.core.pipeline.policies import DistributedTracingPolicy
    from azure.core.pipeline.transport import HttpTransport
    from azure.core.rest import HttpRequest
    from azure.core.settings import settings

    class Transport(HttpTransport):
        def send(self, request, **_):
            got(request.url.split("/")[2], request.headers)
            return type("Response", (), {"status_code": 204, "headers": {}})()

        def open(self): ...

        def close(self): ...

        def __exit__(self, *_): ...

    settings.tracing_enabled = True
    for implementation in ("opentelemetry", None):
        settings.tracing_implementation = implementation
        with in_session():
            Pipeline(Transport(), [DistributedTracingPolicy()]).run(HttpRequest("GET", "https://models.azure.example/"))


def by_pydantic_ai():
    """A tool calls a host by an instrumented httpx, while the framework has the session's id in baggage."""
    import httpx
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from pydantic_ai import Agent
    from pydantic_ai.models.test import TestModel

    HTTPXClientInstrumentor().instrument()
    Agent.instrument_all()
    agent = Agent(TestModel(), name="helper")

    @agent.tool_plain
    async def weather(city: str) -> str:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(f"http://127.0.0.1:{port}/{city}")
        return "sunny"

    with _host() as port, in_session():
        asyncio.run(agent.run("weather?", conversation_id=SESSION))


# MCP


TOOL_SERVER = str(Path(__file__).with_name("tool_server.py"))


def _called(answer):
    """Keep what a server of MCP says that it was sent."""
    session_id, meta = json.loads(answer)
    seen.append(("tool", json.dumps(meta)))
    seen.append(("session", str(session_id)))


async def _ask(session, **options):
    with in_session():
        _called((await session.call_tool("whose", {}, **options)).content[0].text)


async def _with_sdk(transport, **options):
    from mcp import ClientSession

    async with transport as streams, ClientSession(*streams[:2]) as session:
        await session.initialize()
        await _ask(session, **options)


async def _with_recipe(transport):
    """As the documents have it: the application gives the request what it is to carry."""
    from mcp import ClientSession

    async with transport as streams, ClientSession(*streams[:2]) as session:
        await session.initialize()
        with set_session(session_id=SESSION, user_id=USER), trace.get_tracer("app").start_as_current_span("turn"):
            _called((await session.call_tool("whose", {}, meta=to_carrier())).content[0].text)


def _over_stdio():
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    command = [TOOL_SERVER, "stdio", "0"]
    return stdio_client(StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ)))


def by_mcp_stdio():
    asyncio.run(_with_sdk(_over_stdio()))


def by_mcp_stdio_recipe():
    asyncio.run(_with_recipe(_over_stdio()))


def _keeping():
    """Return a client of httpx2 that keeps what it sends."""
    import httpx2

    async def keep(request):
        got(request.url.host, request.headers, await request.aread())

    return httpx2.AsyncClient(event_hooks={"request": [keep]}, timeout=30)


@contextlib.contextmanager
def _server(transport):
    """Start a server of MCP over HTTP, and return its port."""

    from page import wait_for

    port = free_port()
    process = subprocess.Popen([sys.executable, TOOL_SERVER, transport, str(port)], stdout=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


def _over_http(port):
    from mcp.client.streamable_http import streamable_http_client

    url = f"http://127.0.0.1:{port}/mcp"
    return streamable_http_client(url, http_client=_keeping())


def by_mcp_http():
    with _server("streamable-http") as port:
        asyncio.run(_with_sdk(_over_http(port)))


def by_mcp_http_recipe():
    with _server("streamable-http") as port:
        asyncio.run(_with_recipe(_over_http(port)))


def by_mcp_sse():
    from mcp.client.sse import sse_client

    with _server("sse") as port:
        asyncio.run(_with_sdk(sse_client(f"http://127.0.0.1:{port}/sse")))


def by_mcp_in_memory():
    from mcp import Client

    from tool_server import server

    async def main():
        async with Client(server) as client:
            await _ask(client)

    asyncio.run(main())


def _by_fastmcp(transport, **options):
    from fastmcp import Client

    async def main():
        async with Client(transport) as client:
            await _ask(client, **options)

    asyncio.run(main())


def by_fastmcp_stdio():
    from fastmcp.client.transports import StdioTransport

    _by_fastmcp(StdioTransport(sys.executable, [TOOL_SERVER, "stdio", "0"], env=dict(os.environ)))


def by_fastmcp_stdio_recipe():
    from fastmcp.client.transports import StdioTransport

    with set_session(session_id=SESSION, user_id=USER):
        carrier = to_carrier()
    _by_fastmcp(StdioTransport(sys.executable, [TOOL_SERVER, "stdio", "0"], env=dict(os.environ)), meta=carrier)


def by_fastmcp_http():
    with _server("streamable-http") as port:
        _by_fastmcp(f"http://127.0.0.1:{port}/mcp")


# Clients that inject nothing by themselves


def by_own_inject():
    """The application injects into a mapping of its own, and into the headers of a client."""
    import httpx
    from opentelemetry import propagate

    with in_session():
        propagate.inject(own := {})
        propagate.inject(headers := httpx.Headers())
    got("own", own)
    got("headers", headers)


CLIENTS = {name.removeprefix("by_"): value for name, value in list(globals().items()) if name.startswith("by_")}


def main(client):
    os.environ.pop("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", None)
    set_up()
    CLIENTS[client]()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
