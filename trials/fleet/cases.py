"""Which configurations are measured, each with what it sends to."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

from collectors import CONFIGURATIONS, Collector
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

    from typing_extensions import Self

_HERE = Path(__file__).parent
_SINK = _HERE / "sink.yaml"
_IN_MEMORY = _HERE / "in-memory.yaml"
_BY_TRACE = _HERE / "by-trace.yaml"

BY_SESSION = "agent.yaml"
BY_SESSION_IN_MEMORY = "agent.yaml, queue in memory"
BY_TRACE = "agent.yaml, by trace id"
BY_TRACE_IN_MEMORY = "agent.yaml, by trace id, queue in memory"
SECURE, CLICKHOUSE = "secure.yaml", "clickhouse.yaml"
KAFKA_AGENT, KAFKA_GATEWAY = "kafka-agent.yaml", "kafka-gateway.yaml"
ROUTING = (BY_SESSION, BY_TRACE, BY_SESSION_IN_MEMORY, BY_TRACE_IN_MEMORY)


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration to measure.

    Attributes:
        name: Of it, in the table.
        configurations: The files, a later one merged over the former.
        environment: What they read, beside the addresses.
        what: It does, in the table.
    """

    name: str
    what: str
    configurations: tuple[str | Path, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


CASES = (
    Case("receive and drop", "the floor: OTLP in, nothing out", (_SINK,)),
    Case(BY_SESSION, "routes by session, queue on disk", ("agent.yaml",)),
    Case(BY_TRACE, "the same, by trace id", ("agent.yaml", _BY_TRACE)),
    Case(BY_SESSION_IN_MEMORY, "routes by session", ("agent.yaml", _IN_MEMORY)),
    Case(BY_TRACE_IN_MEMORY, "the same, by trace id", ("agent.yaml", _BY_TRACE, _IN_MEMORY)),
    Case("agent-session-tail.yaml", "one trace per session, routed by it, queue on disk", ("agent-session-tail.yaml",)),
    Case("gateway.yaml", "all kept; users hashed, a dialect, queue on disk", ("gateway.yaml",), {"USER_SALT": "5f1c"}),
    Case(
        "gateway.yaml at 10 %",
        "a tenth of the sessions kept",
        ("gateway.yaml",),
        {"USER_SALT": "5f1c", "SESSION_PERCENT": "10"},
    ),
    Case(
        "gateway-session-tail.yaml",
        "holds sessions for 1 s, keeps 10 %",
        ("gateway-session-tail.yaml",),
        {"DECISION_WAIT": "1s", "SESSION_PERCENT": "10", "SESSIONS_IN_MEMORY": "200000"},
    ),
    Case("metrics.yaml", "spans to metrics", ("metrics.yaml",), {"PROMETHEUS_ENDPOINT": "127.0.0.1:{port}"}),
    Case(
        "multi-backend.yaml",
        "two backends and an archive, queues on disk",
        ("multi-backend.yaml",),
        {
            "PHOENIX_ENDPOINT": "{sink}",
            "LANGFUSE_ENDPOINT": "{sink}",
            "LANGFUSE_TOKEN_FILE": "{directory}/token",
            "ARCHIVE_FILE": "{directory}/archive.jsonl",
        },
    ),
)
OTHERS = {
    SECURE: "TLS, a token, a tenant; the backend has it before the sender is answered",
    KAFKA_AGENT: "to a broker, by session, queue on disk",
    KAFKA_GATEWAY: "from the broker, with the trace ids restored",
    CLICKHOUSE: "inserts through a bridge, queue on disk",
}
"""What needs more than a Collector beside it."""


def of_go(folder: Path = CONFIGURATIONS) -> dict[str, str]:
    """Return how seldom Go collects garbage where ``deploy/`` of a folder of configurations runs them; 100 is Go's own."""
    compose = folder / "deploy" / "compose.yaml"
    given = yaml.safe_load(compose.read_text())["services"]["agent"]["environment"] if compose.is_file() else {}
    return {"GOGC": given.get("GOGC", "100")}


class Measured(NamedTuple):
    """A Collector whose CPU is counted, and how requests come to it.

    Attributes:
        collector: The one that is counted.
        entry: The one that the requests are sent to.
        headers: Of the requests.
        trusting: What TLS is spoken with; ``None`` for plain text.
    """

    collector: Collector
    entry: Collector
    headers: Mapping[str, str] = {}
    trusting: SSLContext | None = None


class Fleet:
    """The Collectors of the cases, and those that they send to, which are not measured; all run while the block lasts."""

    def __init__(self, otelcol: str, directory: Path) -> None:
        """Start nothing yet: ``otelcol`` is the binary, and ``directory`` where all of them write."""
        self._otelcol, self._directory = otelcol, directory
        self._running = ExitStack()
        self._sinks: list[Collector] = []
        (directory / "token").write_text("none")

    def __enter__(self) -> Self:
        """Start the sinks."""
        self._sinks = [self._started(Case(f"sink-{number}", "", (_SINK,))) for number in range(3)]
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._running.close()

    def start(self, case: Case) -> Collector:
        """Start the Collector of a case."""
        return self._started(case)

    def _started(self, case: Case) -> Collector:
        targets = {}
        sink = ""
        if self._sinks:
            gateways, sink = json.dumps([each.grpc for each in self._sinks]), self._sinks[0].http
            targets = {"GATEWAYS": gateways, "BACKEND_ENDPOINT": sink}
        given = {
            key: value.replace("{sink}", sink)
            .replace("{directory}", str(self._directory))
            .replace("{port}", str(free_port()))
            for key, value in case.environment.items()
        }
        collector = Collector(
            self._otelcol,
            self._directory,
            *case.configurations,
            name=case.name.replace(" ", "-").replace(",", "").replace("%", "percent"),
            environment={"MEMORY_LIMIT_MIB": "4000", "MEMORY_SPIKE_MIB": "800", **of_go(), **targets, **given},
        )
        return self._running.enter_context(collector)
