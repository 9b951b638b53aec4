"""What a span takes while it is held: in the memory of a tail sampler, and on the disk of an agent whose gateways are away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .cases import Case, Measured
from .payloads import BATCH, of_round
from .throughput import resident_of, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .cases import Fleet

_WARM_UP = 20
_SECONDS = 3.0
_TAIL = Case(
    "held in memory",
    "",
    ("gateway-session-tail.yaml",),
    {"DECISION_WAIT": "600s", "SESSIONS_IN_MEMORY": "1000000", "SESSION_PERCENT": "100", "GOGC": "100"},
)
_AWAY = Case("held on disk", "", ("agent.yaml",), {"GATEWAYS": "[127.0.0.1:1]"})


def bytes_in_memory(fleet: Fleet, requests: Sequence[bytes]) -> float:
    """Return the resident bytes of a span that waits for the decision on its session."""
    collector = fleet.start(_TAIL)
    send(Measured(collector, collector), of_round(requests[:_WARM_UP], 9001))
    time.sleep(_SECONDS)
    before = resident_of(collector)
    send(Measured(collector, collector), of_round(requests, 9002))
    time.sleep(_SECONDS)
    after = resident_of(collector)
    collector.kill()  # it would try to send what it holds, first
    return (after - before) / (len(requests) * BATCH)


def bytes_on_disk(fleet: Fleet, requests: Sequence[bytes]) -> float:
    """Return the bytes on disk of a span that waits for a gateway."""
    collector = fleet.start(_AWAY)
    send(Measured(collector, collector), requests)
    time.sleep(_SECONDS)
    collector.kill()
    files = [path for path in (collector.directory / "queue").rglob("*") if path.is_file()]
    return sum(path.stat().st_blocks * 512 for path in files) / (len(requests) * BATCH)
