"""What a span takes while it is held: in the memory of a tail sampler, and on the disk of an agent whose gateways are away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .cases import Case
from .payloads import BATCH, requests_for
from .throughput import resident_of, send

if TYPE_CHECKING:
    from .cases import Fleet

_WARM_UP = 20
_SECONDS = 3.0
_TAIL = Case(
    "held in memory",
    "",
    ("gateway-session-tail.yaml",),
    {"DECISION_WAIT": "600s", "SESSIONS_IN_MEMORY": "1000000", "SESSION_PERCENT": "100"},
)
_AWAY = Case("held on disk", "", ("agent.yaml",), {"GATEWAYS": "[127.0.0.1:1]"})


def bytes_in_memory(fleet: Fleet, requests: int) -> float:
    """Return the resident bytes of a span that waits for the decision on its session."""
    collector = fleet.start(_TAIL)
    send(collector, requests_for("warm-up", _WARM_UP))
    time.sleep(_SECONDS)
    before = resident_of(collector)
    send(collector, requests_for("held", requests))
    time.sleep(_SECONDS)
    return (resident_of(collector) - before) / (requests * BATCH)


def bytes_on_disk(fleet: Fleet, requests: int) -> float:
    """Return the bytes on disk of a span that waits for a gateway."""
    collector = fleet.start(_AWAY)
    send(collector, requests_for("waiting", requests))
    time.sleep(_SECONDS)
    files = [path for path in (collector.directory / "queue").rglob("*") if path.is_file()]
    return sum(path.stat().st_blocks * 512 for path in files) / (requests * BATCH)
