"""What the applications of a fleet send: OTLP requests of our SDK, made once and sent again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import set_session, turn
from otel_sessions.sdk import SessionSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

BATCH = 512
"""Spans of a request: the default of the SDK's batch processor."""

SPANS_OF_A_TURN = 3
_CALL = {"openinference.span.kind": "LLM", "llm.model_name": "small", "llm.token_count.total": 20}


def requests_for(name: str, count: int, turns: int = 2) -> list[bytes]:
    """Return ``count`` requests of `BATCH` spans each, as protobuf bytes.

    Each session has so many ``turns``, of which one comes after the other with all other sessions in between, so a session
    is spread over requests, and a request is of many sessions.
    """
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "application"}), shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("application")
    sessions = -(-count * BATCH // (turns * SPANS_OF_A_TURN))
    for _ in range(turns):
        for number in range(sessions):
            with (
                set_session(session_id=f"{name}-{number:06d}", user_id=f"user-{number % 997}"),
                turn("reply", input="What is a span?", tracer=tracer) as held,
            ):
                with tracer.start_as_current_span("ChatCompletion", attributes=_CALL):
                    pass
                with tracer.start_as_current_span("search"):
                    pass
                held.output = "A named, timed piece of work."
    return [_request(spans) for spans in _batches(exporter.get_finished_spans()[: count * BATCH])]


def _batches(spans: Sequence[ReadableSpan]) -> list[Sequence[ReadableSpan]]:
    return [spans[start : start + BATCH] for start in range(0, len(spans), BATCH)]


def _request(spans: Sequence[ReadableSpan]) -> bytes:
    return bytes(encode_spans(spans).SerializeToString())
