"""The pipeline of the programs here: one run, exported by OTLP to each backend that is named in the environment.

``E2E_PROJECT`` names the project in Phoenix. ``E2E_PHOENIX`` is Phoenix's URL; ``E2E_MLFLOW`` that of MLflow, and ``E2E_MLFLOW_EXPERIMENT`` the id of
an experiment there.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sessions.sdk import PhoenixAnnotationExporter, instrument

if TYPE_CHECKING:
    from collections.abc import Iterator

PHOENIX = os.environ.get("E2E_PHOENIX")
MLFLOW = os.environ.get("E2E_MLFLOW")


class Counted(SpanProcessor):
    """Counts the spans of each trace, to be compared with what arrives."""

    def __init__(self) -> None:
        self.spans: Counter[str] = Counter()

    def on_end(self, span: ReadableSpan) -> None:
        self.spans[f"{span.context.trace_id:032x}"] += 1


@contextmanager
def pipeline() -> Iterator[Counter[str]]:
    """Set the global providers, and send all that is left at the end; give how many spans of each trace were sent."""
    resource = Resource.create({"service.name": "shop", "openinference.project.name": os.environ["E2E_PROJECT"]})
    tracers = TracerProvider(resource=resource)
    counted = Counted()
    tracers.add_span_processor(counted)
    for exporter in exporters():
        tracers.add_span_processor(BatchSpanProcessor(exporter))
    loggers = LoggerProvider(resource=resource)
    if PHOENIX:
        loggers.add_log_record_processor(BatchLogRecordProcessor(PhoenixAnnotationExporter(PHOENIX)))
    trace.set_tracer_provider(tracers)
    set_logger_provider(loggers)
    instrument()
    OpenAIInstrumentor().instrument()
    try:
        yield counted.spans
    finally:
        tracers.shutdown()
        loggers.shutdown()


def exporters() -> Iterator[OTLPSpanExporter]:
    """Make an exporter for each backend."""
    if PHOENIX:
        yield OTLPSpanExporter(f"{PHOENIX}/v1/traces")
    if MLFLOW:
        yield OTLPSpanExporter(
            f"{MLFLOW}/v1/traces", headers={"x-mlflow-experiment-id": os.environ["E2E_MLFLOW_EXPERIMENT"]}
        )
