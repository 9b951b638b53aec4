"""A real Kafka broker on loopback: Apache Kafka from Maven Central, one node that is broker and controller (KRaft)."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from ports import free_port
from servers import Installed, Restartable, eventually, start, tail_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message
    from typing_extensions import Self

_POM = Path(__file__).with_name("kafka") / "pom.xml"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_FETCHED_WITHIN = 300
_STARTS_WITHIN = 240.0
_JAVA_VERSION = 17
# It lives for a minute: it is to start fast, rather than run fast.
_JAVA = ("java", "-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def why_not() -> str | None:
    """Return why this machine can't run a broker, if it can't."""
    lacks = [command for command in ("java", "mvn") if shutil.which(command) is None]
    if lacks:
        return f"no Kafka broker: it needs {' and '.join(lacks)}"
    told = subprocess.run([*_JAVA, "-version"], capture_output=True, text=True, timeout=240, check=True)
    version = int(re.search(r'version "(\d+)', told.stderr)[1])
    return f"no Kafka broker: it needs Java {_JAVA_VERSION}, and here is {version}" if version < _JAVA_VERSION else None


def libraries() -> Path:
    """Return the directory of Kafka's jars, which are fetched once."""
    version = re.search("<kafka.version>(.+)</kafka.version>", _POM.read_text())[1]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-sessions"
    jars = cache / f"kafka-{version}"
    if not jars.is_dir():
        sys.stderr.write(f"\nfetching Apache Kafka {version}, once: 43 MB\n")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as fetched:
            _fetch(Path(fetched) / "jars")
            (Path(fetched) / "jars").rename(jars)  # all of them, or none
    return jars


def _fetch(directory: Path) -> None:
    command = ["mvn", "-B", "-q", "-f", str(_POM), _COPY, "-DincludeScope=runtime", f"-DoutputDirectory={directory}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCHED_WITHIN, check=False)
    if done.returncode:
        pytest.fail(f"Apache Kafka can't be fetched:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


class Broker(Restartable):
    """One broker; its log, its settings and its data are in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._port, controller = free_port(), free_port()
        self._java = [*_JAVA, "-cp", f"{directory}{os.pathsep}{libraries()}/*"]  # the first for log4j2.properties
        properties = directory / "server.properties"
        super().__init__(
            Installed("kafka", [*self._java, "kafka.Kafka", str(properties)], {}, self._port, ""), directory
        )
        (directory / "log4j2.properties").write_text(_LOGGING)
        properties.write_text(_PROPERTIES.format(port=self._port, controller=controller, data=directory / "data"))
        self._format(properties)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def _format(self, properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        tool = [*self._java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={properties}"]
        done = subprocess.run(tool, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    def start(self) -> Self:
        """Start it, and wait until it answers; it does not speak HTTP."""
        self._process = start(self._installed, self._directory, self._running)
        if not eventually(self._answers, bool, _STARTS_WITHIN):
            pytest.fail(f"the broker does not answer:\n{tail_of(self._installed, self._directory)}")
        return self

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            pytest.fail(f"the broker ended:\n{tail_of(self._installed, self._directory)}")
        try:
            return bool(self.admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    @contextmanager
    def away(self) -> Iterator[None]:
        """Kill it, and start it again when the block is left."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def make_topic(self, name: str, partitions: int) -> None:
        admin = self.admin()  # which has to live until it is made
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)

    def shares(self, group: str) -> list[int]:
        """Return how many partitions each member of a consumer group has, none while nobody coordinates it."""
        admin = self.admin()
        try:
            members = admin.describe_consumer_groups([group])[group].result(30).members
        except KafkaException:
            return []
        return sorted(len(member.assignment.topic_partitions) for member in members)

    def send(self, topic: str, partition: int, value: bytes) -> None:
        producer = Producer({"bootstrap.servers": self.address})
        producer.produce(topic, value, partition=partition)
        producer.flush(30)

    def messages(self, topic: str) -> dict[int, list[Message]]:
        """Return what is in a topic now, by partition."""
        reader = Consumer({"bootstrap.servers": self.address, "group.id": "tests", "enable.partition.eof": True})
        partitions = reader.list_topics(topic).topics[topic].partitions
        reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        found: dict[int, list[Message]] = {number: [] for number in partitions}
        ended: set[int] = set()
        while ended != found.keys():
            message = reader.poll(30)
            if message.error():  # of which the only one is that a partition ends
                ended.add(message.partition())
            else:
                found[message.partition()].append(message)
        reader.close()
        return found


_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={data}
# One node has one copy of everything.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# After a crash the controller lets it in again only once it has given up the one before.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
# The first consumer of a group waits so long for others.
group.initial.rebalance.delay.ms=500
# A topic that nobody has made is a mistake.
auto.create.topics.enable=false
"""

_LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ABSOLUTE} %p %c{1} %m%n
"""


if __name__ == "__main__":  # fetches them, for tests that will have no network
    if why_not() is None:
        libraries()
