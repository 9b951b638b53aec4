"""Datadog's tracer beside ours: the spans, what is sent to whom, and what it does with baggage. Each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import ddtrace.auto
import json, sys
import httpx
from ddtrace.trace import TraceFilter, tracer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from headers import OTHER, OWN, Calls, call_both
from otel_sessions import get_session, set_session, to_carrier, turn
from otel_sessions.sdk import instrument

tags, exporter, calls = [], InMemorySpanExporter(), Calls()

class Kept(TraceFilter):
    def process_trace(self, spans):
        tags.extend({key: value for key, value in span.get_tags().items() if ".id" in key} for span in spans)

tracer.configure(trace_processors=[Kept()])
client = httpx.Client(transport=calls)

def tell(**found):
    tracer.flush()
    print(json.dumps({**found, "sessions": [span.attributes.get("session.id") for span in exporter.get_finished_spans()], "tags": tags}))
    sys.stdout.flush()
    __import__("os")._exit(0)
"""

BESIDE = """
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
instrument()
with set_session("conv-42-of-ada", user_id="ada@example.com"), turn("reply"), tracer.trace("work"):
    call_both(client)
tell(own=calls.ids_at(OWN), other=calls.ids_at(OTHER))
"""

IN_PLACE_OF_IT = """
instrument()
with trace.get_tracer("app").start_as_current_span("request"):
    with set_session("conv-42-of-ada", user_id="ada@example.com"), turn("reply"):
        inside = get_session()
        call_both(client)
    found = [each is not None for each in (inside, get_session(), to_carrier().get("baggage"))]
    tell(own=calls.ids_at(OWN), other=calls.ids_at(OTHER), found=found)
"""

RECEIVING = """
from ddtrace.propagation.http import HTTPPropagator
received = HTTPPropagator.extract({"baggage": "session.id=conv-42-of-ada,user.id=ada@example.com"})
tracer.context_provider.activate(received)
with tracer.trace("request"):
    call_both(client)
tell(other=calls.ids_at(OTHER))
"""


def run(program, **environment):
    quiet = {
        "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
        "DD_REMOTE_CONFIGURATION_ENABLED": "false",
        "DD_TRACE_AGENT_URL": "http://127.0.0.1:9",
        "DD_TRACE_STARTUP_LOGS": "false",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + program], env=os.environ | quiet | environment,
        cwd=Path(__file__).parent, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_beside_it_spans_of_opentelemetry_have_the_session_and_no_header_of_its_own_has():
    found, said = run(BESIDE)
    assert found["sessions"] == ["conv-42-of-ada"]
    assert not any(found["tags"])
    assert (found["own"], found["other"]) == ([], [])
    assert "otel_sessions" not in said


def test_in_the_place_of_opentelemetry_it_carries_no_session_and_that_is_said():
    found, said = run(IN_PLACE_OF_IT, DD_TRACE_OTEL_ENABLED="true")
    assert found["found"] == [False, False, False]
    assert (found["own"], found["other"]) == ([], [])
    assert "unset DD_TRACE_OTEL_ENABLED" in said


@pytest.mark.parametrize("style", ["", "datadog,tracecontext"])
def test_what_it_receives_is_on_its_spans_and_goes_to_every_host_unless_that_is_switched_off(style):
    environment = {"DD_TRACE_PROPAGATION_STYLE_INJECT": style} if style else {}
    found, _ = run(RECEIVING, **environment)
    assert {"baggage.session.id": "conv-42-of-ada", "baggage.user.id": "ada@example.com"} in found["tags"]
    assert bool(found["other"]) == (not style)
