"""Ports of this machine that no other process takes meanwhile: one to listen at, and one where nobody does."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PORTS = range(20_000, 32_000)
_taken: set[int] = set()


def free_port() -> int:
    """Return a port that was not returned before, in this process or in another one of the same run of tests.

    Of those that the system gives to nobody by itself: one that it gives, and that is given back to be listened at a moment
    later, may be somebody else's by then. So a server that is started again finds its own still free, too.
    """
    mine = ports_of(os.environ)
    while True:
        port = secrets.choice(mine)  # whatever a test has seeded
        if port not in _taken and _is_free(port):
            _taken.add(port)
            return port


def ports_of(environment: Mapping[str, str]) -> range:
    """Return the ports of a worker of pytest-xdist, which no other one has; outside of it all of them."""
    workers = int(environment.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(environment.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return _PORTS[number::workers]


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


@contextmanager
def refusing_port() -> Iterator[int]:
    """Give a port that refuses connections as long as the block lasts: it is taken, and nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
