"""Spans per second of CPU through each configuration. The sender and what is behind it are not counted.

A round sends the same requests to each Collector in turn, in another order each time; the CPU of a Collector is read when
it has sent what it keeps. Each round has sessions of its own, as a tail sampler remembers those it knows.
"""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from harness.samples import in_rounds

from .payloads import BATCH, of_round

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collectors import Collector

    from .cases import Measured

_PATIENCE = 60.0
_QUIET = 0.4
_FEW = 2
_SETTLED = 1.5
"""Seconds after the last request: longer than a tail sampler waits, and than batches do."""


def measure(collectors: Mapping[str, Measured], rounds: int, requests: Sequence[bytes]) -> dict[str, list[float]]:
    """Return the spans per CPU-second of each round, by the name of the case."""
    found: dict[str, list[float]] = {name: [] for name in collectors}
    for number, names in in_rounds(list(collectors), rounds, warm_up=1 if rounds > _FEW else 0):
        bodies = of_round(requests, number + 1)
        for name in names:
            seconds = cpu_for(collectors[name], bodies)
            if number >= 0:
                found[name].append(len(bodies) * BATCH / seconds)
    return found


def cpu_for(measured: Measured, bodies: Sequence[bytes]) -> float:
    """Return the seconds of CPU that a Collector takes for these requests."""
    collector = measured.collector
    before = cpu_of(collector)
    send(measured, bodies)
    deadline = time.monotonic() + _PATIENCE
    time.sleep(_SETTLED)
    while not is_settled(collector):
        if time.monotonic() > deadline:
            message = f"{collector.name} has not sent all after {_PATIENCE:.0f} s"
            raise RuntimeError(message)
        time.sleep(_QUIET)
    return cpu_of(collector) - before


def send(measured: Measured, bodies: Sequence[bytes]) -> None:
    """Send requests one after the other, as an exporter does: uncompressed, on one connection."""
    connection = _connection(measured)
    headers = {"Content-Type": "application/x-protobuf", **measured.headers}
    for body in bodies:
        connection.request("POST", "/v1/traces", body, headers)
        response = connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            message = f"{measured.entry.name} has answered {response.status}"
            raise RuntimeError(message)
    connection.close()


def _connection(measured: Measured) -> http.client.HTTPConnection:
    address = urlsplit(measured.entry.http)
    assert address.hostname is not None
    if measured.trusting is None:
        return http.client.HTTPConnection(address.hostname, address.port, timeout=_PATIENCE)
    return http.client.HTTPSConnection(address.hostname, address.port, timeout=_PATIENCE, context=measured.trusting)


def is_settled(collector: Collector) -> bool:
    """Tell whether nothing waits in it, and it does next to nothing."""
    before = cpu_of(collector)
    time.sleep(_QUIET)
    return collector.metric("otelcol_exporter_queue_size") == 0 and cpu_of(collector) - before < _QUIET / 10


def cpu_of(collector: Collector) -> float:
    """Return the seconds of CPU that its process has taken so far."""
    times = psutil.Process(collector.pid).cpu_times()
    return float(times.user + times.system)


def resident_of(collector: Collector) -> int:
    """Return its resident memory in bytes."""
    return int(psutil.Process(collector.pid).memory_info().rss)
