"""Rows about other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from harness.pipelines import attached

from ._outcome import ADA, Outcome, judged
from ._scenario import scenario
from ._stage import Stage

if TYPE_CHECKING:
    from ._tools import Tool


@scenario(
    "Over HTTP to the next service, with both ids",
    "OpenTelemetry's default propagators write the headers in the block and read them in an empty context; then a span.",
)
def over_http(stage: Stage) -> Outcome:
    headers: dict[str, str] = {}
    with stage.tool.travelling_scope(ADA):
        propagate.inject(headers)
    with attached(propagate.extract(headers, context=Context())):
        stage.mark()
    return stage.have(ADA, "mark")


@scenario(
    "Through a queue, as a plain dict",
    "A carrier made in the block, through JSON, and taken in an empty context: the tool's own calls where it has some, "
    "else `propagate.inject` and `propagate.extract`.",
)
def through_a_queue(stage: Stage) -> Outcome:
    with stage.tool.travelling_scope(ADA):
        message = json.dumps(stage.tool.outgoing())
    with attached(Context()), stage.tool.incoming(json.loads(message)):
        stage.mark()
    return stage.have(ADA, "mark")


@scenario(
    "To a subprocess, through environment variables",
    "The same as environment variables, with names in capitals; a new interpreter sets the tool up, takes them and makes "
    "a span.",
)
def to_a_subprocess(stage: Stage) -> Outcome:
    with stage.tool.travelling_scope(ADA):
        carrier = stage.tool.outgoing_environment()
    command = [sys.executable, "-m", "trials.behaviour", "--receive", stage.tool.name]
    result = subprocess.run(  # noqa: S603  # this program itself
        command, env={**os.environ, **carrier}, stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    found = json.loads(result.stdout.splitlines()[-1])
    return judged(found == [list(ADA)], "on the span", "not on the span")


def receive(tool: Tool) -> str:
    """Be the subprocess of `to_a_subprocess`: return the ids of a span, as JSON."""
    stage = Stage(tool)
    with tool.incoming_environment():
        stage.mark()
    return json.dumps(stage.ids())


@scenario(
    "Other people's APIs do not get the ids by default",
    "In the tool's ordinary block, in the client span of a request to `https://api.example.com`, the default "
    "propagators write the headers: none of them has an id.",
)
def egress(stage: Stage) -> Outcome:
    attributes = {"url.full": "https://api.example.com/v1", "server.address": "api.example.com"}
    headers: dict[str, str] = {}
    tracer = stage.tool.tracer()
    with stage.tool.scope(ADA), tracer.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes=attributes):
        propagate.inject(headers)
    sent = [name for name, value in headers.items() if str(ADA.session) in value]
    return judged(not sent, "not sent", f"in the `{', '.join(sent)}` header")


ROWS = (over_http, through_a_queue, to_a_subprocess, egress)
