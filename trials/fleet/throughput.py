"""Spans per second of CPU through each configuration. The sender and what is behind it are not counted.

A round sends the same requests to each Collector in turn, in another order each time; the CPU of a Collector is read when
it has sent what it keeps. Each round has sessions of its own, as a tail sampler remembers those it knows.
"""

from __future__ import annotations

import http.client
import os
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
_TICK = 1 / os.sysconf("SC_CLK_TCK")
"""The least CPU time that can be told, in seconds; a short run may take less."""


def measure(
    collectors: Mapping[str, Measured], rounds: int, requests: Sequence[bytes], at_a_time: int = 1
) -> dict[str, list[float]]:
    """Return the spans per CPU-second of each round, by the name of the case.

    More than one ``at_a_time`` take turns on the cores: it is over soon, and the figures say little.
    """
    found: dict[str, list[float]] = {name: [] for name in collectors}
    for number, names in in_rounds(list(collectors), rounds, warm_up=1 if rounds > _FEW else 0):
        bodies = of_round(requests, number + 1)
        for start in range(0, len(names), at_a_time):
            some = names[start : start + at_a_time]
            for name, seconds in zip(some, cpu_for([collectors[name] for name in some], bodies), strict=True):
                if number >= 0:
                    found[name].append(len(bodies) * BATCH / seconds)
    return found


def cpu_for(some: Sequence[Measured], bodies: Sequence[bytes]) -> list[float]:
    """Return the seconds of CPU that each of some Collectors takes for these requests, which it is sent in its turn."""
    before = [cpu_of(each.collector) for each in some]
    for each in some:
        send(each, bodies)
    deadline = time.monotonic() + _PATIENCE
    time.sleep(_SETTLED)
    while busy := are_busy([each.collector for each in some]):
        if time.monotonic() > deadline:
            message = f"{', '.join(busy)}: not all is sent after {_PATIENCE:.0f} s"
            raise RuntimeError(message)
        time.sleep(_QUIET)
    return [max(cpu_of(each.collector) - cpu, _TICK) for each, cpu in zip(some, before, strict=True)]


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


def are_busy(collectors: Sequence[Collector]) -> list[str]:
    """Return the names of those in which something waits, or that do more than next to nothing."""
    before = [cpu_of(each) for each in collectors]
    time.sleep(_QUIET)
    return [
        each.name
        for each, cpu in zip(collectors, before, strict=True)
        if each.metric("otelcol_exporter_queue_size") or cpu_of(each) - cpu >= _QUIET / 10
    ]


def cpu_of(collector: Collector) -> float:
    """Return the seconds of CPU that its process has taken so far."""
    times = psutil.Process(collector.pid).cpu_times()
    return float(times.user + times.system)


def resident_of(collector: Collector) -> int:
    """Return its resident memory in bytes."""
    return int(psutil.Process(collector.pid).memory_info().rss)
