"""Where a request of MCP goes: to a program over stdio, or to a host; with the SDK, and with what is like it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from opentelemetry import baggage, trace
from opentelemetry.trace import SpanKind

from clients import propagating, w3c
from libraries import imported
from otel_sessions import from_carrier, set_session, to_carrier
from otel_sessions._propagation import mcp_target
from otel_sessions.sdk import SessionPropagator

IDS = "session.id=conv-42,user.id=ada"
SERVER = Path(__file__).parents[1] / "programs" / "meta_server.py"
STDIO = "a server of MCP over stdio"
SECONDS = 120

with_sdk = pytest.mark.skipif(version("mcp").startswith("1."), reason="this MCP SDK injects nothing by itself")


@contextlib.contextmanager
def over_http():
    """Run the server on a port of the loopback, and return its URL."""
    command = [sys.executable, str(SERVER), "streamable-http"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield process.stdout.readline().strip()
        process.kill()


async def _meta_of_call(transport, meta):
    """Return what a tool is sent as ``_meta`` in the session, with the ``meta`` that the application gives it."""
    from mcp import ClientSession

    async with transport as streams, ClientSession(*streams[:2]) as client:
        await client.initialize()
        with set_session(baggage.set_baggage("tenant", "acme"), "conv-42", user_id="ada"):
            result = await client.call_tool("meta", {}, meta=meta())
    return json.loads(result.content[0].text)


def called_over_stdio(meta=dict):
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    program = StdioServerParameters(command=sys.executable, args=[str(SERVER), "stdio"])
    return asyncio.run(asyncio.wait_for(_meta_of_call(stdio_client(program), meta), SECONDS))


def called_over_http(url, meta=dict):
    from mcp.client.streamable_http import streamable_http_client

    return asyncio.run(asyncio.wait_for(_meta_of_call(streamable_http_client(url), meta), SECONDS))


# The SDK itself


@with_sdk
@pytest.mark.parametrize(
    ("propagate_to", "expected"),
    [("private", "tenant=acme"), ("private,mcp", f"{IDS},tenant=acme"), ("mcp", f"{IDS},tenant=acme"),
     ("all", f"{IDS},tenant=acme"), ("none", "tenant=acme")],
)  # fmt: skip
def test_a_program_gets_the_session_where_the_word_is_listed(propagate_to, expected):
    guard = SessionPropagator(w3c(), propagate_to=propagate_to)
    with propagating(guard):
        assert called_over_stdio()["baggage"] == expected
    assert guard.refusals().keys() == ({STDIO} if expected == "tenant=acme" else set())


@with_sdk
def test_a_server_over_http_goes_by_its_host():
    with over_http() as url:
        for propagate_to, expected in (("private", f"{IDS},tenant=acme"), ("*.corp.example,mcp", "tenant=acme")):
            guard = SessionPropagator(w3c(), propagate_to=propagate_to)
            with propagating(guard):
                assert called_over_http(url)["baggage"] == expected
            assert guard.refusals().keys() == (set() if propagate_to == "private" else {"127.0.0.1"})


@with_sdk
@pytest.mark.parametrize("propagate_to", ["private", "none"])
def test_what_the_application_gives_a_request_itself_arrives(pipeline, propagate_to, monkeypatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", pipeline.provider)
    with propagating(SessionPropagator(w3c(), propagate_to=propagate_to)):
        meta = called_over_stdio(to_carrier)
        by_hand = called_over_stdio(lambda: {"baggage": "session.id=conv-42,x=1"})
    assert meta["baggage"] == f"{IDS},tenant=acme"
    with from_carrier(meta) as session:
        assert session.id == "conv-42"
    assert by_hand["baggage"] == "tenant=acme"


@with_sdk
def test_nor_does_the_host_of_a_server_matter_for_that():
    with over_http() as url, propagating(SessionPropagator(w3c(), propagate_to="*.corp.example")):
        assert called_over_http(url, to_carrier)["baggage"] == f"{IDS},tenant=acme"


@with_sdk
def test_it_is_said_once_with_the_word(caplog):
    caplog.set_level("INFO", "otel_sessions")
    with propagating(SessionPropagator(w3c())):
        for _ in range(2):
            called_over_stdio()
    told = [record.getMessage() for record in caplog.records if record.name == "otel_sessions"]
    said = (
        f"otel_sessions: calls to {STDIO} are sent without the session, which OTEL_SESSION_PROPAGATE_TO does not allow"
    )
    assert told == [f"{said}; if it is yours: OTEL_SESSION_PROPAGATE_TO=private,mcp"]


# What is like it: any version, and any transport

SESSION = """
from opentelemetry import propagate

class Session:
    def __init__(self, stream):
        self.name, self.stream = "x", stream

    def call(self):
        meta = {}
        self._inject(meta)
        return meta

    @staticmethod
    def _inject(meta):
        propagate.inject(meta)

class Slotted:
    __slots__ = ("stream",)
    call = Session.call
    _inject = staticmethod(Session._inject)

def call_deep(depth):
    if depth:
        return call_deep(depth - 1)
    propagate.inject(meta := {})
    return meta
"""
TRANSPORT = """
import asyncio

async def run(held, stop):
    stream = held
    await stop.wait()

async def post(endpoint_url, held, stop):
    await stop.wait()

class Transport:
    url = "https://tools.example/mcp"

    async def write(self, held, stop):
        await wait(stop)

async def wait(stop):
    await stop.wait()
"""


class Stream:
    """One end of a stream, which has one state with the other."""

    def __init__(self, state=None):
        self._state = state

    async def send(self, item): ...

    async def aclose(self): ...


@pytest.fixture
def sdk(monkeypatch, tmp_path):
    return imported(monkeypatch, tmp_path / "site-packages", "mcp.shared.anything", SESSION)


@pytest.fixture
def transports(monkeypatch, tmp_path):
    """Return transports, by name."""
    return {
        name: imported(monkeypatch, tmp_path / "site-packages", f"mcp.client.{name}", TRANSPORT)
        for name in ("stdio", "anything")
    }


def called(session, transport=None, count=1):
    """Return what ``session`` injects while the coroutine of a ``transport`` runs, each of ``count`` times."""

    async def main():
        stop = asyncio.Event()
        running = asyncio.create_task(transport(stop)) if transport else None
        await asyncio.sleep(0)
        with set_session("conv-42", user_id="ada"):
            metas = [session.call() for _ in range(count)]
        stop.set()
        if running:
            await running
        return metas

    return asyncio.run(main())[-1]


@pytest.fixture
def guard():
    guard = SessionPropagator(w3c(), propagate_to="private,mcp")
    with propagating(guard):
        yield guard


def test_who_holds_the_other_end_tells_where_it_goes(guard, sdk, transports):
    state = object()
    session = sdk.Session(Stream(state))
    assert called(session, lambda stop: transports["stdio"].run(Stream(state), stop), count=2) == {"baggage": IDS}
    assert guard.refusals() == {}
    del session
    gc.collect()
    assert not mcp_target._known


@pytest.mark.parametrize(
    ("url", "expected"), [("https://tools.example/mcp", {}), ("http://tools.internal/mcp", {"baggage": IDS}), ("?", {})]
)
def test_a_transport_of_http_has_a_url(guard, sdk, transports, url, expected):
    session = sdk.Session(stream := Stream())
    assert called(session, lambda stop: transports["anything"].post(url, stream, stop)) == expected
    assert guard.refusals() == (
        {} if expected else {"tools.example" if "tools" in url else "a destination that can't be told": 1}
    )


def test_or_is_an_object_that_has_one(guard, sdk, transports):
    session = sdk.Session(stream := Stream())
    assert called(session, lambda stop: transports["anything"].Transport().write(stream, stop)) == {}
    assert guard.refusals() == {"tools.example": 1}


@pytest.mark.parametrize("of_another", [Stream(object()), Stream(), object()], ids=["state", "none", "no-stream"])
@pytest.mark.usefixtures("guard")
def test_a_transport_of_another_session_tells_nothing_of_this_one(sdk, transports, of_another):
    session = sdk.Session(Stream(object()))
    assert called(session, lambda stop: transports["stdio"].run(of_another, stop)) == {}


@pytest.mark.usefixtures("guard")
def test_without_a_transport_a_stream_or_a_session_it_can_not_be_told(sdk):
    for session in (sdk.Session(Stream()), sdk.Session(None), sdk.Slotted()):
        assert called(session) == {}
    with set_session("conv-42"):
        assert sdk.Session(Stream()).call() == {}  # in no loop
        assert sdk.call_deep(20) == {}


async def deep(depth, stop):
    await (deep(depth - 1, stop) if depth else stop.wait())


@pytest.mark.usefixtures("guard")
def test_a_task_that_waits_far_down_is_not_looked_at_to_its_end(sdk):
    assert called(sdk.Session(Stream()), lambda stop: deep(20, stop)) == {}


def test_a_program_that_gets_no_session_is_said_with_the_word_that_allows_it(sdk, transports, caplog):
    caplog.set_level("INFO", "otel_sessions")
    state = object()
    with propagating(SessionPropagator(w3c())):
        assert called(sdk.Session(Stream(state)), lambda stop: transports["stdio"].run(Stream(state), stop)) == {}
    assert "if it is yours: OTEL_SESSION_PROPAGATE_TO=private,mcp" in caplog.text


@pytest.mark.usefixtures("guard")
def test_a_transport_that_is_not_found_is_not_looked_for_for_ever(sdk, transports, monkeypatch):
    session = sdk.Session(stream := Stream())
    looked = []
    monkeypatch.setattr(mcp_target, "_target", lambda *_: looked.append(1))
    assert called(session, lambda stop: transports["stdio"].run(stream, stop), count=10) == {}
    assert len(looked) == 3


@pytest.mark.usefixtures("guard")
def test_a_session_of_which_nothing_can_be_kept_gets_nothing_but_the_trace(pipeline, sdk, transports):
    class Unhashable(sdk.Session):
        __hash__ = None

    session = Unhashable(stream := Stream())
    with pipeline.tracer.start_as_current_span("work"):
        assert called(session, lambda stop: transports["stdio"].run(stream, stop)).keys() == {"traceparent"}


def test_what_takes_the_trace_alone_and_sends_by_the_sdk_is_no_refusal(guard, monkeypatch, tmp_path):
    fastmcp = imported(monkeypatch, tmp_path / "site-packages", "fastmcp.telemetry")
    with set_session("conv-42"):
        assert fastmcp.inject({}) == {}
    assert (guard.refusals(), guard.withheld()) == ({}, {})


@pytest.mark.usefixtures("guard")
def test_what_an_instrumentation_writes_leaves_what_the_application_has_put_there(monkeypatch, tmp_path):
    module = imported(monkeypatch, tmp_path / "site-packages", "openinference.instrumentation.mcp.anything")
    with set_session("conv-42"):
        own = to_carrier()
        assert module.inject(dict(own)) == own
        assert module.inject({"baggage": "session.id=conv-42,x=1"}) == {"baggage": "x=1"}


def test_a_span_that_names_a_host_goes_by_that(guard, pipeline, sdk):
    session, name = sdk.Session(Stream()), "MCP send tools/call"
    with pipeline.tracer.start_as_current_span(
        name, kind=SpanKind.CLIENT, attributes={"server.address": "tools.example"}
    ):
        assert called(session).keys() == {"traceparent"}
    assert guard.refusals() == {"tools.example": 1}
