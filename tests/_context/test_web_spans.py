"""The spans that ASGI's instrumentation makes of each message, and what is in one WebSocket: on a real server."""

from __future__ import annotations

import pytest
from fastapi import WebSocket, WebSocketDisconnect
from websockets.sync.client import connect

from apps import NOBODY, SECONDS, AsgiServer, Service, ids_in
from otel_sessions import bind_session, set_session, turn
from otel_sessions._context.providers import PROVIDERS
from otel_sessions.sdk import instrument

pytestmark = pytest.mark.usefixtures("no_error_of_anybody", "no_session_is_left_behind")

OF_HEADER = ("ours", None)


@pytest.fixture(scope="module")
def server():
    server = AsgiServer()
    yield server
    server.close()


@pytest.fixture
def service(server, pipeline):
    PROVIDERS.use(pipeline.provider, None)
    service = Service(server, pipeline)
    yield service
    service.close()


def test_where_a_header_names_the_session_each_message_of_a_request_has_it(service):
    instrument(service.pipeline.provider, incoming_headers="session.id=x-session-id")

    @service.app.post("/chat")
    async def chat(words: dict[str, str]):
        return words

    service.client.post("/chat", json={"a": "b"}, headers={"x-session-id": "ours"})
    (call,) = service.calls("POST /chat")
    assert set(call) == {"POST /chat", "POST /chat http receive", "POST /chat http send"}
    assert ids_in(call) == {OF_HEADER}


def test_a_bind_in_the_handler_comes_too_late_for_what_was_received_alone(service):
    @service.app.post("/chat")
    async def chat(words: dict[str, str]):
        bind_session("ours")
        return words

    service.client.post("/chat", json={"a": "b"})
    (call,) = service.calls("POST /chat")
    assert {name for name, ids in call.items() if ids != {OF_HEADER}} == {"POST /chat http receive"}
    assert call["POST /chat http receive"] == {NOBODY}


@pytest.mark.parametrize("new_trace", [True, False])
def test_the_sessions_of_one_web_socket_stay_apart_and_nothing_is_warned_of(service, new_trace, warnings):
    @service.app.websocket("/chat")
    async def chat(socket: WebSocket):
        await socket.accept()
        try:
            while True:
                session, _, question = (await socket.receive_text()).partition(" ")
                with set_session(session), turn("chat", input=question, new_trace=new_trace) as t:
                    t.output = f"{question}, answered"
                    await socket.send_text(t.output)
        except WebSocketDisconnect:
            pass

    url = f"ws://127.0.0.1:{service.port}/chat"
    with connect(url, sock=service.connect(), compression=None) as socket:
        for message in ("one a", "other b", "one c"):
            socket.send(message)
            assert socket.recv(SECONDS) == f"{message[-1]}, answered"
    service.idle.wait()
    spans = service.pipeline.exporter.get_finished_spans()
    words = ("session.id", "input.value", "output.value")
    turns = [tuple(map(span.attributes.get, words)) for span in spans if span.name == "chat"]
    (root,) = [tuple(map(span.attributes.get, words)) for span in spans if span.kind.name == "SERVER"]
    assert turns == [("one", "a", "a, answered"), ("other", "b", "b, answered"), ("one", "c", "c, answered")]
    assert root == ((None, None, None) if new_trace else (None, "c", "c, answered"))
    assert warnings() == []
