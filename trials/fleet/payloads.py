"""What the applications of a fleet send: OTLP requests of our SDK, made once and sent again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from harness import workloads
from harness.pipelines import tracer_with
from otel_sessions import set_session, turn
from otel_sessions.sdk import SessionSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Tracer

BATCH = 512
"""Spans of a request: the default of the SDK's batch processor."""

_TURNS = 2
_NAME = "session-of-round-{:04d}"


@dataclass(frozen=True, slots=True)
class Payload:
    """Requests of one kind of span.

    Attributes:
        title: Of the kind, in the tables.
        turn: Makes the spans of one turn.
        spans: How many these are.
    """

    title: str
    turn: Callable[[Tracer], None]
    spans: int

    def requests(self, count: int) -> list[bytes]:
        """Return ``count`` requests of `BATCH` spans each, as protobuf bytes.

        Each session has two turns, and the second of all comes after the first of all: so a session is spread over requests,
        and a request is of many sessions.
        """
        exporter = InMemorySpanExporter()
        tracer = tracer_with(SessionSpanProcessor(), SimpleSpanProcessor(exporter), resource=_RESOURCE)
        sessions = -(-count * BATCH // (_TURNS * self.spans))
        for _ in range(_TURNS):
            for number in range(sessions):
                session_id = f"{_NAME.format(0)}-{number:06d}"
                with set_session(session_id=session_id, user_id=f"user-{number % 997}"):
                    self.turn(tracer)
        return [_request(spans) for spans in _batches(exporter.get_finished_spans()[: count * BATCH])]


def of_round(bodies: Sequence[bytes], number: int) -> list[bytes]:
    """Return the requests with sessions that have not been seen in another round."""
    return [body.replace(_NAME.format(0).encode(), _NAME.format(number).encode()) for body in bodies]


def _small_turn(tracer: Tracer) -> None:
    with turn("reply", input="What is a span?", tracer=tracer) as held:
        for name in ("ChatCompletion", "search"):
            tracer.start_span(name, attributes={"openinference.span.kind": "LLM"}).end()
        held.output = "A named, timed piece of work."


_RESOURCE = Resource.create({"service.name": "application", "deployment.environment.name": "production"})
CHAT = Payload("chat turns", workloads.CHAT.turn, workloads.CHAT.spans)
SMALL = Payload("small spans", _small_turn, 3)


def _batches(spans: Sequence[ReadableSpan]) -> list[Sequence[ReadableSpan]]:
    return [spans[start : start + BATCH] for start in range(0, len(spans), BATCH)]


def _request(spans: Sequence[ReadableSpan]) -> bytes:
    return bytes(encode_spans(spans).SerializeToString())
