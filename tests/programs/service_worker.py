"""A worker of the queue that calls a third party; whom it sees it writes to the file ``seen`` beside the queue."""

from __future__ import annotations

import json
import logging

import requests
from opentelemetry import trace
from service_names import FOLDER, SECONDS, THIRD_PARTY, ids, queue

from otel_sessions import from_carrier


@queue.task(bind=True, name="work")
def work(self, number):
    with from_carrier(self.request.headers), trace.get_tracer("service").start_as_current_span("work") as span:
        span.set_attribute("number", number)
        logging.getLogger("service").warning("%d", number)
        requests.get(f"{THIRD_PARTY}/worker/{number}", timeout=SECONDS)
        seen = ids()
    with (FOLDER / "seen").open("a") as file:
        file.write(json.dumps([number, *seen]) + "\n")
