"""The configurations that need more than a Collector beside them: certificates, a Kafka broker, a ClickHouse."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING

import kafka_broker
from certificates import Authority
from clickhouse_bridge import Bridge
from clickhouse_database import database
from collectors import CONFIGURATIONS

from .cases import CLICKHOUSE, KAFKA_AGENT, KAFKA_GATEWAY, SECURE, Case, Measured, of_go

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from .cases import Fleet

_PARTITIONS = 6
_USER, _PASSWORD = "writer", "a secret"  # of a database that ends with the run


def started(fleet: Fleet, directory: Path, running: ExitStack) -> dict[str, Measured]:
    """Start them, and what they need, until ``running`` ends; those of Kafka where there is a broker."""
    (kafka,) = [{}] if kafka_broker.why_not() else through_kafka(fleet, directory, running)
    return {SECURE: _secure(fleet, directory), **kafka, CLICKHOUSE: _into_clickhouse(fleet, directory, running)}


def _secure(fleet: Fleet, directory: Path) -> Measured:
    authority = Authority(directory)
    certificate, key = authority.issue("gateway")
    (directory / "tokens").write_text("a-token")
    files = {"TLS_CERT_FILE": certificate, "TLS_KEY_FILE": key, "TOKEN_FILE": directory / "tokens"}
    environment = {name: str(path) for name, path in files.items()}
    collector = fleet.start(Case(SECURE, "", ("secure.yaml",), environment))
    trusting = ssl.create_default_context(cafile=authority.file)
    return Measured(collector, collector, {"Authorization": "Bearer a-token"}, trusting)


def through_kafka(
    fleet: Fleet, directory: Path, running: ExitStack, folders: Sequence[Path] = (CONFIGURATIONS,)
) -> list[dict[str, Measured]]:
    """Start a broker, and with it the agent and the gateway of each folder, which have topics of their own."""
    home = directory / "kafka"
    home.mkdir()
    broker = running.enter_context(kafka_broker.Broker(home))
    return [_around(broker, fleet, folder, str(number)) for number, folder in enumerate(folders)]


def _around(broker: kafka_broker.Broker, fleet: Fleet, folder: Path, number: str) -> dict[str, Measured]:
    traces, logs = f"spans-{number}", f"logs-{number}"
    for topic in (traces, logs):
        broker.make_topic(topic, _PARTITIONS)
    topics = {
        "KAFKA_BROKERS": json.dumps([broker.address]),
        "KAFKA_TRACES_TOPIC": traces,
        "KAFKA_LOGS_TOPIC": logs,
        "KAFKA_TRACES_GROUP": traces,
        "KAFKA_LOGS_GROUP": logs,
        **of_go(folder),
    }
    agent, gateway = (
        fleet.start(Case(f"{name}, {number}", "", (_file(folder, name),), topics))
        for name in (KAFKA_AGENT, KAFKA_GATEWAY)
    )
    return {KAFKA_AGENT: Measured(agent, agent), KAFKA_GATEWAY: Measured(gateway, agent)}


def _file(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).is_file() else CONFIGURATIONS / name


def _into_clickhouse(fleet: Fleet, directory: Path, running: ExitStack) -> Measured:
    target = running.enter_context(database(directory / "clickhouse", "spans"))
    bridge = running.enter_context(Bridge(directory / "clickhouse", _USER, _PASSWORD))
    (directory / "password").write_text(_PASSWORD)
    environment = {
        "CLICKHOUSE_ENDPOINT": f"{bridge.url}?compress=none",
        "CLICKHOUSE_DATABASE": target.name,
        "CLICKHOUSE_USER": _USER,
        "CLICKHOUSE_PASSWORD_FILE": str(directory / "password"),
    }
    collector = fleet.start(Case(CLICKHOUSE, "", ("clickhouse.yaml",), environment))
    return Measured(collector, collector)
