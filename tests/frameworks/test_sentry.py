"""Sentry's SDK beside ours, before it and after it: the spans, and what is sent to whom. Each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
import httpx, sentry_sdk
from opentelemetry import propagate, trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from headers import OTHER, OWN, Calls, call_both
from otel_sessions import get_session, set_session
from otel_sessions.sdk import instrument

order, kind, sets_propagator = sys.argv[1], sys.argv[2], sys.argv[3] == "True"

def provide():
    trace.set_tracer_provider(TracerProvider())

def sentry():
    options = {}
    if kind == "otlp":
        from sentry_sdk.integrations.otlp import OTLPIntegration
        collector = "http://127.0.0.1:9/v1/traces"
        options["integrations"] = [OTLPIntegration(collector_url=collector, setup_propagator=sets_propagator)]
    if kind == "processor":
        options["instrumenter"] = "otel"
    if kind == "beside":
        options["traces_sample_rate"] = 1.0
    sentry_sdk.init(dsn="http://public@127.0.0.1:9/1", transport=lambda _envelope: None, **options)
    if kind == "processor":
        from sentry_sdk.integrations.opentelemetry import SentryPropagator, SentrySpanProcessor
        trace.get_tracer_provider().add_span_processor(SentrySpanProcessor())
        if sets_propagator:
            propagate.set_global_textmap(SentryPropagator())

STEPS = {"before": (provide, instrument, sentry), "after": (provide, sentry, instrument), "without a provider": (instrument, sentry)}
for step in STEPS[order]:
    step()
exporter, calls = InMemorySpanExporter(), Calls()
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
client = httpx.Client(transport=calls)
HTTPXClientInstrumentor.instrument_client(client)
with set_session("conv-42-of-ada", user_id="ada@example.com"), sentry_sdk.start_transaction(name="turn"):
    with trace.get_tracer("app").start_as_current_span("turn"):
        call_both(client)
received = get_session(propagate.extract({"baggage": "session.id=theirs", "sentry-trace": f"{1:032x}-{1:016x}-1"}))
print(json.dumps({
    "sessions": [span.attributes.get("session.id") for span in exporter.get_finished_spans()],
    "own": calls.ids_at(OWN), "other": calls.ids_at(OTHER),
    "traceparent": "traceparent" in calls.headers[OWN], "received": None if received is None else received.id,
}))
sys.stdout.flush()
__import__("os")._exit(0)
"""

IDS = ["conv-42-of-ada", "ada%40example.com"]
KINDS = [
    pytest.param("otlp", False, True, id="OTLPIntegration(setup_propagator=False)"),
    pytest.param("otlp", True, False, id="OTLPIntegration()"),
    pytest.param("processor", False, True, id="SentrySpanProcessor"),
    pytest.param("processor", True, False, id="SentrySpanProcessor and SentryPropagator"),
    pytest.param("beside", False, True, id="tracing of its own"),
]


def told(order, kind, sets_propagator):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, order, kind, str(sets_propagator)],
        cwd=Path(__file__).parent, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(("kind", "sets_propagator", "travels"), KINDS)
def test_spans_have_the_session_and_only_services_of_ones_own_get_it(order, kind, sets_propagator, travels):
    found = told(order, kind, sets_propagator)
    assert found["sessions"] == ["conv-42-of-ada"] * 3
    assert (found["own"], found["other"]) == (IDS if travels else [], [])
    assert found["traceparent"] == travels
    assert found["received"] == ("theirs" if travels else None)


def test_the_provider_that_it_makes_is_found():
    assert told("without a provider", "otlp", sets_propagator=False)["sessions"] == ["conv-42-of-ada"] * 3
