"""One of the applications: holds its turns of a plan, with the plug-in, and exports them over OTLP in batches.

``python application.py PLAN NUMBER URL``. The exporter is configured by the environment, as everybody's is; the sampler
keeps SESSION_RATIO of the sessions, if that is set.
"""

from __future__ import annotations

import os
import sys
import time

from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sessions import check, set_session, turn
from otel_sessions.sdk import ParentBasedSessionRatio, instrument
from plan import MODEL_CALL, TURN_NUMBER, Plan

_BATCH = 200
_TURNS_BETWEEN_FLUSHES = 400  # fewer spans than the queue of the batch processor holds: it drops what is too many


def main(plan: Plan, process: int, url: str) -> None:
    resource = Resource.create({"service.name": f"application-{process}"})
    sampler = ParentBasedSessionRatio(float(os.environ.get("SESSION_RATIO", "1")))
    tracers, loggers = TracerProvider(sampler, resource), LoggerProvider(resource=resource)
    exporter = OTLPSpanExporter(f"{url}/v1/traces")
    tracers.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=_BATCH))
    loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs")))
    trace.set_tracer_provider(tracers)
    set_logger_provider(loggers)
    instrument()
    made = 0
    for number_of_turn in range(plan.turns):
        for number in range(plan.sessions):
            if plan.process_of(number, number_of_turn) == process:
                hold(plan, number, number_of_turn)
                made += 1
                if made % _TURNS_BETWEEN_FLUSHES == 0:
                    tracers.force_flush()
                    loggers.force_flush()
        tracers.force_flush()
        time.sleep(plan.pause)
    tracers.shutdown()
    loggers.shutdown()


def hold(plan: Plan, number: int, number_of_turn: int) -> None:
    """Hold one turn of a session: a root span with a model call and a search below it."""
    tracer = trace.get_tracer("application")
    attributes = {TURN_NUMBER: number_of_turn}
    is_last = number_of_turn == plan.turns - 1
    with (
        set_session(session_id=plan.session_id(number), user_id=plan.user_id(number)),
        turn("reply", input="What is a span?", tracer=tracer) as held,
    ):
        trace.get_current_span().set_attributes(attributes)
        with tracer.start_as_current_span("search", attributes=attributes):
            pass
        with tracer.start_as_current_span(MODEL_CALL, attributes=attributes | MODEL_ATTRIBUTES) as call:
            if is_last and plan.has_error(number):
                call.set_status(trace.StatusCode.ERROR, "the model did not answer")
        held.output = "A named, timed piece of work."
        if number_of_turn == 0 and plan.has_failed_check(number):
            check("polite", passed=False)


MODEL_ATTRIBUTES = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "small",
    "llm.token_count.prompt": 12,
    "llm.token_count.completion": 8,
    "llm.token_count.total": 20,
}


if __name__ == "__main__":
    main(Plan.from_json(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
