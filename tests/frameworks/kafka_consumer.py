"""Consumes with the function ``answer`` of a program of the page, in a thread for each partition, until it is terminated.

``python kafka_consumer.py MODULE [RECORDS]``: one record after the other, or up to so many at once.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from threading import Event, Thread

import confluent_kafka
from confluent_kafka.admin import AdminClient
from opentelemetry import trace

TOPIC = "questions"


def consume(answer, at_once: int, partition: int, over: Event) -> None:
    consumer = confluent_kafka.Consumer({"bootstrap.servers": os.environ["KAFKA_SERVERS"], "group.id": "workers"})
    consumer.assign([confluent_kafka.TopicPartition(TOPIC, partition, confluent_kafka.OFFSET_BEGINNING)])
    while not over.is_set():
        records = consumer.consume(at_once, 0.1) if at_once > 1 else [consumer.poll(0.1)]
        for record in records:
            if record is not None and not record.error():
                with contextlib.suppress(ValueError):  # of the jobs that fail
                    answer(record)
    consumer.close()


def main(module: str, at_once: str = "1") -> None:
    answer, over = importlib.import_module(module).answer, Event()
    cluster = AdminClient({"bootstrap.servers": os.environ["KAFKA_SERVERS"]})
    partitions = cluster.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    threads = [Thread(target=consume, args=(answer, int(at_once), partition, over)) for partition in partitions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trace.get_tracer_provider().shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
