"""OTLP requests for the tests of the store, made of what one span says in a line."""

from __future__ import annotations

from hashlib import sha256

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_sessions.view.store.interface import Filter
from otel_sessions.view.wire.reading import read_logs, read_traces

SECOND = 10**9
EPOCH = 1_800_000_000 * SECOND


def trace_id(name: str) -> bytes:
    return sha256(name.encode()).digest()[:16]


def span_id(name: str) -> bytes:
    return sha256(name.encode()).digest()[:8]


def value(of) -> AnyValue:
    if isinstance(of, bool):
        return AnyValue(bool_value=of)
    if isinstance(of, int):
        return AnyValue(int_value=of)
    return AnyValue(double_value=of) if isinstance(of, float) else AnyValue(string_value=of)


def attributes(of: dict) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(each)) for key, each in of.items()]


def span(  # noqa: PLR0913
    trace: str, name: str, parent: str = "", *, at: float = 0, lasts: float = 1, error: str = "", **more
) -> Span:
    """Return a span; ``more`` are its attributes, ``__`` stands for a dot."""
    start = EPOCH + int(at * SECOND)
    made = Span(
        trace_id=trace_id(trace),
        span_id=span_id(f"{trace}/{name}"),
        parent_span_id=span_id(f"{trace}/{parent}") if parent else b"",
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(lasts * SECOND),
        attributes=attributes({key.replace("__", "."): each for key, each in more.items()}),
    )
    if error:
        made.status.code = 2
        made.status.message = error
    return made


def turn(  # noqa: PLR0913
    trace: str,
    session: str | None = "s",
    *,
    user: str | None = "user-1",
    said: str = "hello",
    answered: str = "hi",
    at: float = 0,
    model: str = "gpt-4o",
    **more,
) -> list[Span]:
    """Return a trace of three spans: a turn, a model's call, a tool."""
    ids = {key: each for key, each in (("session__id", session), ("user__id", user)) if each is not None}
    return [
        span(
            trace,
            "turn",
            at=at,
            input__value=said,
            output__value=answered,
            openinference__span__kind="CHAIN",
            **ids,
            **more,
        ),
        span(
            trace,
            "call",
            "turn",
            at=at + 0.1,
            lasts=0.5,
            openinference__span__kind="LLM",
            llm__model_name=model,
            llm__token_count__prompt=10,
            llm__token_count__completion=2,
            **ids,
        ),
        span(trace, "tool", "turn", at=at + 0.6, lasts=0.2, openinference__span__kind="TOOL", **ids),
    ]


def request(spans, *, service: str = "api", scope: str = "tests") -> bytes:
    """Return the bytes of a request."""
    made = ExportTraceServiceRequest()
    resource = made.resource_spans.add()
    resource.resource.attributes.extend(attributes({"service.name": service}))
    group = resource.scope_spans.add()
    group.scope.name = scope
    group.spans.extend(spans)
    return made.SerializeToString()


def batch(spans, **more):
    return read_traces(request(spans, **more))


def log(body: str, *, trace: str = "", parent: str = "", at: float = 0, event: str = "", **more) -> LogRecord:
    return LogRecord(
        trace_id=trace_id(trace) if trace else b"",
        span_id=span_id(f"{trace}/{parent}") if parent else b"",
        time_unix_nano=EPOCH + int(at * SECOND),
        body=AnyValue(string_value=body),
        event_name=event,
        attributes=attributes({key.replace("__", "."): each for key, each in more.items()}),
    )


def log_batch(logs, *, service: str = "api"):
    made = ExportLogsServiceRequest()
    resource = made.resource_logs.add()
    resource.resource.attributes.extend(attributes({"service.name": service}))
    resource.scope_logs.add().log_records.extend(logs)
    return read_logs(made.SerializeToString())


def snapshot(store) -> list:
    """Return every answer that a store gives, however much is in it."""
    sessions = store.sessions(Filter(), limit=1000).rows
    traces = store.traces(Filter(), limit=1000).rows
    return [
        sessions,
        store.users(Filter(), limit=1000).rows,
        traces,
        store.traces(Filter(), limit=1000, without_session=True).rows,
        store.coverage(),
        [store.session(each.id, limit=1000) for each in sessions],
        [store.trace(each.trace_id) for each in traces],
        [row.id for row in store.sessions(Filter(text="hello"), limit=1000).rows],
    ]
