"""Children of a session without a line of code: real programs, and children of theirs, which export over a real socket."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_sessions import set_session, to_carrier
from wire import LogReceiver, spans_of
from without_code import all_but

SECONDS = 240
PROGRAM = Path(__file__).parents[1] / "programs" / "family.py"
BIN = Path(sys.executable).parent
ZERO_CODE = f"{BIN / 'opentelemetry-instrument'} {sys.executable}"
STARTED = [name for name in multiprocessing.get_all_start_methods() if name != "forkserver"]
PLACES = 5
"""In how many places each generation works, with two spans and one record each; and one record outside of any span."""

pytestmark = pytest.mark.skipif(len(f"{BIN}".split()) > 1, reason="the command of the program is split at blanks")


@pytest.fixture
def receiver():
    with LogReceiver() as receiver:
        yield receiver


def run(receiver, command, *generations, **environ):
    variables = {
        "OTEL_SESSION_ID": "environ",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint.removesuffix("/v1/traces"),
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "FAMILY_COMMAND": command,
        **all_but("otel_sessions", "logging"),
        **environ,
    }
    whole = [*command.split(), PROGRAM, "child", *generations]
    subprocess.run(whole, env={**os.environ, **variables}, check=True, timeout=SECONDS)


def all_are_in(receiver, caller, generations):
    """Tell of all spans and records that they are in the session and below the ``caller``; return the spans by name."""
    spans = {span.name: span for span in spans_of(receiver)}
    trace_id, span_id = caller["TRACEPARENT"].split("-")[1:3]
    assert len(spans) == generations * PLACES * 2 + generations - 1
    above = {span.span_id: span.parent_id for span in spans.values()}
    for span in spans.values():
        ids = span.attributes.get("session.id"), span.attributes.get("user.id"), span.attributes.get("session.name")
        assert (span.name, *ids, span.trace_id) == (span.name, "conv-42", "ada", "Trip", trace_id)
        found = span.span_id
        while found in above:
            found = above[found]
        assert (span.name, found) == (span.name, span_id)
    return spans


def logs_are_in(receiver, caller, generations):
    trace_id = caller["TRACEPARENT"].split("-")[1]
    records = [record for record in receiver.records() if record.logger == "family"]
    assert len(records) == generations * (PLACES + 1)
    assert {(record.trace_id, record.attributes.get("session.id")) for record in records} == {(trace_id, "conv-42")}


@pytest.fixture
def caller(pipeline):
    """What a program hands to its child, inside a session and a span."""
    scope = set_session("conv-42", user_id="ada", name="Trip")
    with scope, pipeline.tracer.start_as_current_span("caller"):
        return to_carrier(environ=True)


@pytest.mark.parametrize(("first", "second"), [("inherit", "carrier"), ("carrier", "inherit")])
def test_without_code_all_of_children_and_grandchildren_is_in_the_session_and_below_the_caller(
    receiver, caller, first, second
):
    run(receiver, ZERO_CODE, first, second, OTEL_PYTHON_LOG_CORRELATION="true", **caller)
    spans = all_are_in(receiver, caller, 3)
    logs_are_in(receiver, caller, 3)
    starts = {"carrier": spans["child starts"].span_id, "inherit": caller["TRACEPARENT"].split("-")[2]}
    assert spans[f"child/{first} main"].parent_id == starts[first]


@pytest.mark.parametrize("how", ["carrier", *STARTED])
def test_by_hand_it_is_the_same_and_for_what_multiprocessing_starts(receiver, caller, how):
    run(receiver, sys.executable, how, "inherit", FAMILY_BY_HAND="1", **caller)
    spans = all_are_in(receiver, caller, 3)
    assert spans[f"child/{how}/inherit main"].parent_id


@pytest.mark.parametrize("how", STARTED)
def test_without_code_what_multiprocessing_starts_is_in_it_where_it_is_instrumented(receiver, caller, how):
    run(receiver, ZERO_CODE, how, **caller)
    spans = {span.name: span for span in spans_of(receiver)}
    trace_id = caller["TRACEPARENT"].split("-")[1]
    assert len(spans) >= PLACES * 2 + 1
    assert {(span.trace_id, span.attributes.get("session.id")) for span in spans.values()} == {(trace_id, "conv-42")}


def test_without_a_caller_each_program_is_alone(receiver):
    run(receiver, ZERO_CODE, TRACEPARENT="", BAGGAGE="")
    spans = spans_of(receiver)
    assert len({span.trace_id for span in spans}) == PLACES
    assert {span.attributes.get("session.id") for span in spans} == {None}
