"""Where a server listens, and who does where it can't."""

from __future__ import annotations

import errno
import http.client
import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a machine answers that has no IPv6, or not this address.
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_BACKLOG = 1024
# A free port of one address may be somebody's at the other: then another one is asked for, so often.
_PORTS_TRIED = 5
_ASK_SECONDS = 1.0


class PortInUseError(OSError):
    """Somebody listens there already."""

    def __init__(self, host: str, port: int) -> None:
        """Name the place."""
        super().__init__(errno.EADDRINUSE, f"{written(host, port)} is in use")
        self.host = host
        self.port = port


def addresses_of(host: str) -> tuple[str, ...]:
    """Return where to listen: ``localhost`` is both addresses of loopback, since clients take either for it."""
    return ("127.0.0.1", "::1") if host in {"localhost", "127.0.0.1", "::1"} else (host,)


def written(host: str, port: int) -> str:
    """Return host and port as they stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Return sockets that listen at one port of each host that this machine has.

    Args:
        hosts: Names or addresses.
        port: 0 for a free one, which is the same at all hosts.

    Raises:
        PortInUseError: Somebody listens at one of them; of 0, at each of some that were free at the first host.
        OSError: No host is of this machine, or it may not listen there.
    """
    for _ in range(_PORTS_TRIED - 1 if port == 0 else 0):
        with suppress(PortInUseError):
            return _listen_at_all(hosts, port)
    return _listen_at_all(hosts, port)


def _listen_at_all(hosts: Sequence[str], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    with ExitStack() as closing:
        for host in hosts:
            listening = _listen(host, sockets[0].getsockname()[1] if sockets else port)
            if listening is not None:
                sockets.append(closing.enter_context(listening))
        closing.pop_all()
    if not sockets:
        raise OSError(errno.EADDRNOTAVAIL, f"this machine has no address {' or '.join(hosts)}")
    return sockets


def _listen(host: str, port: int) -> socket.socket | None:
    """Return a socket that listens there, ``None`` where this machine has no such address."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    try:
        # An IPv6 socket takes IPv6 alone, so that there may be one of IPv4 beside it.
        listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return None
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host, port) from error
        raise
    # Its connections have it from here. asyncio sets it only where a socket tells its protocol, as this one does not, and
    # an answer whose head and body are written apart would wait 40 ms for the client to acknowledge the head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def who_answers(host: str, port: int) -> str | None:
    """Return how an HTTP server there calls itself, nothing where it does not, ``None`` where none answers."""
    connection = http.client.HTTPConnection(host, port, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": f"localhost:{port}"})
        return connection.getresponse().getheader("server", "")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
