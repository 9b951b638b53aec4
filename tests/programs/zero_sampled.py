"""An application of 200 sessions, with three traces each; the number of each session is on its spans."""

from __future__ import annotations

from opentelemetry import trace

from otel_sessions import set_session

tracer = trace.get_tracer("app")
for _ in range(3):
    for number in range(200):
        with set_session(f"conv-{number}"), tracer.start_as_current_span("turn"), tracer.start_as_current_span("step"):
            pass
