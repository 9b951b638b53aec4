"""The page and its receivers run until they are told to end, and say where they are and what they can't."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import threading
import time
import webbrowser
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_sessions.view import serving
from otel_sessions.view.api.application import api_routes
from otel_sessions.view.options import Options, UsageError
from otel_sessions.view.page.application import page_routes
from otel_sessions.view.page.live import Live
from otel_sessions.view.receiving.access import Tokens
from otel_sessions.view.receiving.intake import Intake
from otel_sessions.view.receiving.sockets import listen
from otel_sessions.view.serving import application, serve, sockets_for
from otel_sessions.view.store.sqlite import SQLiteStore
from otlp_requests import span, traces
from ports import free_port
from receivers import PAGES, Kept, receiving

BODY = traces(span()).SerializeToString()


class Run:
    """What happened while it served."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.said: list[str] = []
        self.seconds_to_end = 0.0
        self.error: BaseException | None = None


def run(options: Options, client, *, ends_by: signal.Signals = signal.SIGINT) -> Run:
    """Serve until ``client`` has done what it does with the port and the run, and the signal has come."""
    done = Run()
    sockets = sockets_for(options)
    port = sockets[0].getsockname()[1]
    ended_at = 0.0

    def act() -> None:
        nonlocal ended_at
        try:
            _ask(port, "/")
            client(port, done)
        except BaseException as error:  # noqa: BLE001  # raised again below
            done.error = error
        ended_at = time.monotonic()
        os.kill(os.getpid(), ends_by)

    acting = threading.Thread(target=act)
    acting.start()
    serve(done.kept, [Live(lambda: 1).route(), *PAGES], options, sockets, done.said.append)
    done.seconds_to_end = time.monotonic() - ended_at
    acting.join()
    if done.error is not None:
        raise done.error
    return done


def _ask(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("localhost", port, timeout=60)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def _post(port: int) -> int:
    with closing(HTTPConnection("localhost", port, timeout=60)) as connection:
        connection.request("POST", "/v1/traces", BODY, {"Content-Type": "application/x-protobuf"})
        return connection.getresponse().status


def options(**more) -> Options:
    return Options(**{"port": 0, "grpc_port": 0, "browser": False, **more})


@pytest.mark.parametrize("ends_by", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(ends_by):
    def client(port: int, _done: Run) -> None:
        assert _post(port) == 200
        assert _ask(port, "/users") == (200, b"page /users ")

    before = signal.getsignal(signal.SIGTERM)
    done = run(options(), client, ends_by=ends_by)
    assert len(done.kept.spans) == 1
    assert re.fullmatch(r"Sessions   http://localhost:\d+", done.said[0])
    assert re.fullmatch(r"OTLP       http://localhost:\d+ \(HTTP\)", done.said[1])
    assert signal.getsignal(signal.SIGTERM) is before


def test_it_ends_soon_though_pages_are_open_and_clients_connected():
    connections = []

    def client(port: int, _done: Run) -> None:
        for path in ("/live", "/"):
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert connection.recv(99)
            connections.append(connection)

    done = run(options(), client)
    for each in connections:
        each.close()
    assert done.seconds_to_end < 30  # two seconds, on a machine that has time; connections are kept for 75


def test_what_was_acknowledged_when_it_ends_is_kept():
    acknowledged, ports = [], []

    def send() -> None:
        while _post(*ports) == 200:
            acknowledged.append(1)

    def send_until_it_ends() -> None:
        with suppress(OSError, HTTPException):
            send()

    def client(port: int, _done: Run) -> None:
        ports.append(port)

        for each in senders:
            each.start()
        while len(acknowledged) < 20:
            time.sleep(0.01)

    senders = [threading.Thread(target=send_until_it_ends) for _ in range(3)]
    done = run(options(), client)
    for each in senders:
        each.join()
    assert 20 <= len(acknowledged) <= len(done.kept.spans)


def test_spans_come_over_grpc_at_both_addresses(pipeline):
    grpc_port = free_port()
    with pipeline.tracer.start_as_current_span("turn"):
        pass

    def client(_port: int, _done: Run) -> None:
        for host in ("127.0.0.1", "[::1]"):
            exporter = OTLPSpanExporter(f"http://{host}:{grpc_port}", insecure=True)
            assert exporter.export(pipeline.exporter.get_finished_spans()) is SpanExportResult.SUCCESS
            exporter.shutdown()

    done = run(options(grpc_port=grpc_port), client)
    assert len(done.kept.spans) == 2
    assert f"port {grpc_port} (gRPC)" in done.said[1]


def test_without_the_port_of_grpc_it_goes_on():
    [taken] = listen(["127.0.0.1"], 0)
    with taken:
        port = taken.getsockname()[1]
        done = run(options(grpc_port=port), lambda port, _done: _post(port))
    assert done.said[0] == f"Without gRPC: 127.0.0.1:{port} is in use. Another port: --grpc-port NUMBER, or 0 for none"
    assert "gRPC" not in done.said[2]


def test_the_link_of_a_server_with_a_token_opens_once(tmp_path):
    file = tmp_path / "token"
    file.write_text("token-of-this-test\n")
    file.chmod(0o600)

    def client(port: int, done: Run) -> None:
        assert _ask(port, "/")[0] == 401
        while not done.said:
            time.sleep(0.01)
        path = done.said[0].partition(str(port))[2]
        assert [_ask(port, path)[0] for _ in range(2)] == [303, 401]
        assert _ask(port, "/", Authorization="Bearer token-of-this-test")[0] == 200
        assert _post(port) == 401

    done = run(options(token_file=file), client)
    assert "token-of-this-test" not in "".join(done.said)


def test_a_port_that_another_view_has_is_said():
    with receiving() as receiver, pytest.raises(UsageError) as raised:
        sockets_for(options(port=receiver.port))
    assert str(raised.value) == (
        f"127.0.0.1:{receiver.port} is in use: another otel-sessions view is there, http://localhost:{receiver.port} "
        "Another port: --port NUMBER"
    )


@pytest.mark.parametrize(("server", "who"), [(b"nginx\x1b[2J", r"nginx\x1b[2J"), (b"", "another program")])
def test_a_port_that_somebody_else_has_is_said(server, who):
    [other] = listen(["127.0.0.1"], 0)
    port = other.getsockname()[1]

    def answer() -> None:
        connection, _ = other.accept()
        with connection:
            connection.recv(999)
            connection.sendall(b"HTTP/1.1 200 OK\r\nServer: %b\r\nContent-Length: 0\r\n\r\n" % server)

    answering = threading.Thread(target=answer)
    answering.start()
    with other, pytest.raises(UsageError) as raised:
        sockets_for(options(port=port))
    answering.join()
    assert str(raised.value) == f"127.0.0.1:{port} is in use: {who} is there. Another port: --port NUMBER"


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(OSError, match="no address"):
        sockets_for(options(host="192.0.2.1"))


def test_another_address_of_this_machine_is_written_in_the_link(tmp_path):
    file = tmp_path / "token"
    file.write_text("token-of-this-test\n")
    file.chmod(0o600)
    chosen = options(host="0.0.0.0", allow_remote=True, token_file=file)  # noqa: S104
    done = run(chosen, lambda port, _done: _ask(port, "/"))
    assert done.said[0].startswith("Sessions   http://0.0.0.0:")


def test_the_browser_is_opened_where_somebody_sits(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(serving, "has_browser", lambda: True)
    done = run(options(browser=True), lambda port, _done: _ask(port, "/"))
    assert opened == [done.said[0].split()[1]]
    run(options(browser=False), lambda port, _done: _ask(port, "/"))
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("is_terminal", "environment", "expected"),
    [
        (True, {"DISPLAY": ":0"}, True),
        (True, {}, False),
        (False, {"WAYLAND_DISPLAY": "w"}, False),
        (True, {"DISPLAY": ":0", "NO_BROWSER": "1"}, False),
        (True, {"DISPLAY": ":0", "NO_BROWSER": ""}, True),
    ],
)
def test_somebody_sits_at_a_terminal_with_a_screen(monkeypatch, is_terminal, environment, expected):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "NO_BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert serving.has_browser() is expected


@pytest.mark.parametrize("path", ["/api/nothing", "/session", "/session/", "/api/spans/x/y"])
def test_a_query_that_is_not_utf8_is_answered_as_any_other(path):
    """Asked without a parser of HTTP, some of which refuse it."""
    statuses = []

    async def send(message):
        statuses.append(message.get("status"))

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"id=\xff",
        "headers": [(b"host", b"[::1]")],
    }
    with closing(SQLiteStore.open(None)) as store, closing(Intake(store.write)) as intake:
        asyncio.run(
            application(intake, Tokens(None), [*api_routes(store), *page_routes(store)], Options(), 0)(
                scope, None, send
            )
        )
    assert statuses[0] in {400, 404}
