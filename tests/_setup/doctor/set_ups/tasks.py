"""Celery with a broker in a folder: what is asked for in a session is worked on in it."""

import os
import sys
from pathlib import Path

from celery import Celery
from celery.signals import worker_process_init
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import from_carrier, set_session, to_carrier
from otel_sessions.sdk import instrument

folder = Path(os.environ["BROKER_FOLDER"])
app = Celery("tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder / "control"),
    },
    worker_hijack_root_logger=False,
)


@worker_process_init.connect
def set_up(**_):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    trace.set_tracer_provider(provider)
    instrument()


@app.task(bind=True)
def summarise(self):
    with from_carrier(self.request.headers or {}), trace.get_tracer("app").start_as_current_span("summarise"):
        trace.get_tracer("app").start_span("model", attributes={"gen_ai.operation.name": "chat"}).end()
    (folder / "done").touch()


if __name__ == "__main__":
    with set_session("conv-42", user_id="ada"):
        summarise.apply_async(headers=to_carrier())
    sys.exit()
