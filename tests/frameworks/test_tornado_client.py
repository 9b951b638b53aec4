"""Tornado's client whose tracer is switched off: allowed hosts get the session, and a redirect takes it to no other."""

from __future__ import annotations

import asyncio
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry import propagate
from opentelemetry.instrumentation.tornado import TornadoInstrumentor
from opentelemetry.trace import NoOpTracerProvider
from tornado.httpclient import AsyncHTTPClient

from otel_sessions import set_session
from otel_sessions.sdk import SessionPropagator

ALLOWED, REFUSED = "svc.internal", "api.third-party.example"
IDS = "session.id=conv-4242424242,user.id=ada-lovelace"


class Host:
    """A server that keeps the headers of each request, and answers ``/to/HOST`` by a redirect to there."""

    def __init__(self):
        self.seen = seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append((self.headers["host"].partition(":")[0], str(self.headers).lower()))
                to = self.path.partition("/to/")[2]
                self.send_response(302 if to else 204)
                self.send_header("location", f"http://{to}:{self.server.server_address[1]}/")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, name, path=""):
        return f"http://{name}:{self.server.server_address[1]}/{path}"


@pytest.fixture
def host(monkeypatch):
    look_up = socket.getaddrinfo

    def looked_up(name, *args, **options):
        return look_up("127.0.0.1" if name in {ALLOWED, REFUSED} else name, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(SessionPropagator(before))
    TornadoInstrumentor().instrument(tracer_provider=NoOpTracerProvider())
    host = Host()
    yield host
    TornadoInstrumentor().uninstrument()
    propagate.set_global_textmap(before)
    host.server.shutdown()
    host.server.server_close()


def seen(host, url):
    async def call():
        with set_session("conv-4242424242", user_id="ada-lovelace"):
            await AsyncHTTPClient(force_instance=True).fetch(url)

    asyncio.run(call())
    return host.seen


def test_an_allowed_host_gets_the_session_and_another_does_not(host):
    seen(host, host.url(ALLOWED))
    (_, allowed), (_, refused) = seen(host, host.url(REFUSED))
    assert f"baggage: {IDS}" in allowed
    assert "4242424242" not in refused
    assert "lovelace" not in refused


def test_no_redirect_takes_it_to_another(host):
    (first, allowed), (second, refused) = seen(host, host.url(ALLOWED, f"to/{REFUSED}"))
    assert (first, second) == (ALLOWED, REFUSED)
    assert f"baggage: {IDS}" in allowed
    assert "4242424242" not in refused
    assert "lovelace" not in refused
