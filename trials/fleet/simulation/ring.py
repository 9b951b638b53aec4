"""The ring by which the Collector's ``load_balancing`` exporter (v0.161.0) chooses the gateway of a key. Pure.

Each endpoint has points on a circle of positions, and a key belongs to the first point at or after its own position.
Where two points fall on one position, the later one steps ahead to a free one, and is left out if that is too far.
`tests/collector/test_ring.py` holds it against the binary.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

POSITIONS = 131_071

_POINTS = 200
_STEPS = 10
_DEFAULT_PORT = 4317


class _Point(NamedTuple):
    """Where an endpoint would like to be; in the order in which they are placed."""

    position: int
    digest: int
    endpoint: str


class Ring:
    """Tells the gateway of each key.

    Args:
        endpoints: As the resolver gives them. The port that an endpoint lacks is no part of what is hashed:
            ``gateway-1`` and ``gateway-1:4317`` are one address with two places on the ring.
    """

    def __init__(self, endpoints: Iterable[str]) -> None:
        """Place the points of all endpoints."""
        wanted = sorted(point for endpoint in endpoints for point in _points(endpoint))
        if not wanted:
            message = "a ring needs an endpoint"
            raise ValueError(message)
        placed = sorted(_placed(wanted))
        self._positions = [position for position, _ in placed]
        self._endpoints = [endpoint for _, endpoint in placed]

    def endpoint_of(self, key: bytes) -> str:
        """Return the endpoint for a key."""
        return self.endpoint_at(position_of(key))

    def endpoint_at(self, position: int) -> str:
        """Return the endpoint for the keys at a position."""
        index = bisect_left(self._positions, position)
        return self._endpoints[index if index < len(self._endpoints) else 0]

    def shares(self) -> dict[str, float]:
        """Return the share of all positions that each endpoint has."""
        counts: Counter[str] = Counter()
        before = self._positions[-1] - POSITIONS
        for position, endpoint in zip(self._positions, self._endpoints, strict=True):
            counts[endpoint] += position - before
            before = position
        return {endpoint: count / POSITIONS for endpoint, count in counts.items()}


def position_of(key: bytes) -> int:
    """Return where a key is on the ring."""
    return crc32(key) % POSITIONS


def session_key(session_id: str) -> bytes:
    """Return the key of a session, for ``routing_key: attributes`` and ``routing_attributes: [session.id]``.

    A span without the attribute has that of the empty id: all of them are at one gateway.
    """
    return f"session.id={session_id}|".encode()


def trace_key(trace_id: str) -> bytes:
    """Return the key of a trace id in hex digits, for ``routing_key: traceID``."""
    return bytes.fromhex(trace_id)


def address_of(endpoint: str) -> str:
    """Return where spans for an endpoint are sent to."""
    return endpoint if ":" in endpoint else f"{endpoint}:{_DEFAULT_PORT}"


@lru_cache(maxsize=4096)
def _points(endpoint: str) -> tuple[_Point, ...]:
    start = crc32(endpoint.encode())
    digests = (crc32(number.to_bytes(4, "little"), start) for number in range(_POINTS))
    return tuple(sorted(_Point(digest % POSITIONS, digest, endpoint) for digest in digests))


def _placed(wanted: Iterable[_Point]) -> Iterator[tuple[int, str]]:
    taken: set[int] = set()
    for position, _, endpoint in wanted:
        free = position if position not in taken else _free_from(position, taken)
        if free is not None:
            taken.add(free)
            yield free, endpoint


def _free_from(position: int, taken: Container[int]) -> int | None:
    ahead = ((position + step) % POSITIONS for step in range(_STEPS))
    return next((each for each in ahead if each not in taken), None)
