"""Logfire's own providers, whose inside is exchanged, and its scrubbing. Each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

BEGIN = """
import json, logging
import logfire
from opentelemetry import _logs, trace
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otel_sessions import set_session
from otel_sessions.sdk import instrument, uninstrument

spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()

def configure(**options):
    options.setdefault("add_baggage_to_attributes", False)
    logfire.configure(
        send_to_logfire=False, console=False, inspect_arguments=False,
        additional_span_processors=[SimpleSpanProcessor(spans)],
        advanced=logfire.AdvancedOptions(log_record_processors=[SimpleLogRecordProcessor(logs)]), **options)
    for exporter in (spans, logs):
        exporter._stopped = False

def work(session):
    with set_session(session), logfire.span("turn"):
        trace.get_tracer("app").start_span("work").end()
        _logs.get_logger("app").emit(LogRecord(body="hello"))
    found = [each.attributes.get("session.id") for each in spans.get_finished_spans()]
    found += [(each.log_record.attributes or {}).get("session.id") for each in logs.get_finished_logs()]
    spans.clear()
    logs.clear()
    return found
"""


def run(program):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + program],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.parametrize(
    "order", ["configure(scrubbing=False); instrument()", "instrument(); configure(scrubbing=False)"]
)
def test_all_has_the_session_whenever_it_is_configured_and_configured_again_until_it_ends(order):
    again = "instrument(); instrument(); found.append(work('b')); configure(scrubbing=False); found.append(work('c'))"
    end = "uninstrument(); found.append(work('d')); instrument(); found.append(work('e'))"
    found, said = run(f"{order}; found = [work('a')]; {again}; {end}; print(json.dumps(found))")
    assert found == [["a"] * 3, ["b"] * 3, ["c"] * 3, [None] * 3, ["e"] * 3]
    assert "otel_sessions" not in said


@pytest.mark.parametrize(
    ("begin", "stamped"),
    [
        pytest.param("configure(); instrument()", 3, id="ours"),
        pytest.param("configure(add_baggage_to_attributes=True)", 2, id="Logfire's own copy of the baggage"),
    ],
)
def test_what_is_scrubbed_by_default_is_said_once(begin, stamped):
    found, said = run(f"{begin}; print(json.dumps([work('a'), work('b')]))")
    assert found == [["[Scrubbed due to 'session']"] * stamped + [None] * (3 - stamped)] * 2
    assert said.count("the scrubbing of logfire replaces session.id before the export") == 1
