"""A server listens where it was told, and knows who does where it can't."""

from __future__ import annotations

import socket
import threading

import pytest

from otel_sessions.view.receiving import sockets
from otel_sessions.view.receiving.sockets import PortInUseError, addresses_of, listen, who_answers, written
from ports import free_port
from receivers import receiving


def test_loopback_is_both_addresses():
    assert addresses_of("localhost") == addresses_of("::1") == ("127.0.0.1", "::1")
    assert addresses_of("192.0.2.1") == ("192.0.2.1",)


def test_a_free_port_is_the_same_at_both():
    opened = listen(["127.0.0.1", "::1"], 0)
    try:
        assert [each.family for each in opened] == [socket.AF_INET, socket.AF_INET6]
        assert len({each.getsockname()[1] for each in opened}) == 1
    finally:
        for each in opened:
            each.close()


@pytest.fixture
def overtake(monkeypatch):
    """Return a function that has somebody take so many ports at ::1, each a moment before it would be ours."""
    others, create = [], socket.create_server

    def start(times):
        def create_late(address, **options):
            if address[0] == "::1" and len(others) < times:
                others.append(create(address, family=socket.AF_INET6))
            return create(address, **options)

        monkeypatch.setattr(sockets.socket, "create_server", create_late)
        return others

    yield start
    for each in others:
        each.close()


def test_a_port_that_is_free_at_one_address_alone_is_none(overtake):
    others = overtake(2)
    opened = listen(["127.0.0.1", "::1"], 0)
    assert len({each.getsockname()[1] for each in (*others, *opened)}) == 3
    for each in opened:
        each.close()


def test_ports_that_are_always_taken_are_said(overtake):
    others = overtake(1_000)
    with pytest.raises(PortInUseError) as raised:
        listen(["127.0.0.1", "::1"], 0)
    assert (raised.value.host, raised.value.port) == ("::1", others[-1].getsockname()[1])


def test_answers_do_not_wait_until_their_head_is_acknowledged():
    [opened] = listen(["127.0.0.1"], 0)
    with opened, socket.create_connection(opened.getsockname()):
        accepted, _ = opened.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_at_one_is_said_and_none_is_kept(taken):
    port = free_port()
    [other] = listen([taken], port)
    with other, pytest.raises(PortInUseError) as raised:
        listen(["127.0.0.1", "::1"], port)
    assert (raised.value.host, raised.value.port) == (taken, port)
    assert raised.value.strerror == f"{written(taken, port)} is in use"
    listen(["127.0.0.1"], port)[0].close()


def test_an_address_that_this_machine_has_not_is_left_out():
    [only] = listen(["127.0.0.1", "192.0.2.1"], 0)
    only.close()
    with pytest.raises(OSError, match="no address"):
        listen(["192.0.2.1"], 0)


def test_what_else_goes_wrong_is_raised_as_it_is(monkeypatch):
    def refuse(*_args, **_more):
        raise PermissionError(13, "not allowed")

    monkeypatch.setattr(sockets.socket, "create_server", refuse)
    with pytest.raises(PermissionError):
        listen(["127.0.0.1"], 80)


def test_another_one_says_who_it_is():
    with receiving() as receiver:
        assert who_answers("127.0.0.1", receiver.port).startswith("otel-sessions/")
        assert who_answers("::1", receiver.port).startswith("otel-sessions/")


def test_who_does_not_answer_is_nobody(monkeypatch):
    monkeypatch.setattr(sockets, "_ASK_SECONDS", 0.05)
    [silent] = listen(["127.0.0.1"], 0)
    with silent:
        assert who_answers("127.0.0.1", silent.getsockname()[1]) is None


def test_who_answers_something_else_is_nobody():
    [other] = listen(["127.0.0.1"], 0)

    def answer():
        connection, _ = other.accept()
        with connection:
            connection.recv(999)
            connection.sendall(b"SSH-2.0\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    with other:
        assert who_answers("127.0.0.1", other.getsockname()[1]) is None
        thread.join()
