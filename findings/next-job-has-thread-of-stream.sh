#!/usr/bin/env bash
# OpenLLMetry: a worker leaves the stream of a graph early, and the next job has that graph's thread id, and is in its trace.
#
# Packages: traceloop-sdk 0.62.4, langgraph 1.2.24, langchain-core 1.8.3, opentelemetry-sdk 1.45.1.
#
# Expected: `break` in `async for` over `graph.astream(...)` ends what that run is about. The next job of the same task is nobody's
#           until it says whose it is: no thread id on its span, and a trace of its own. So it is after a stream that was read to
#           its end.
# Happens:  the span of the next job carries `traceloop.association.properties.thread_id` of the graph before, with its node and
#           step, and is a child of its span. The instrumentation attaches the thread's properties and its span to the
#           Context of the task that reads the stream, and detaches them when the stream is closed; a stream that was left is
#           closed in another task, where that can't be done. Nothing is raised; "Failed to detach context" is logged.
#
# Output (2026-11-29):
#   read to the end:                      thread id of the next job: None, begins a trace: True
#   left early:                           thread id of the next job: of-carl, begins a trace: False
#   left early, inside a block of OTel's: thread id of the next job: None, begins a trace: True
#   as stated: the job after a stream that was left early has the thread id and the trace of that stream
#
# For users of sessions: one conversation of one user takes in the next user's, wherever OpenLLMetry's ids are read as sessions, and an
#           id that is right on all spans of a test is wrong as soon as somebody presses "stop".
# Here:     a block of `set_session` ends where it ends: what was current around it is current again. Ids that are left behind like that are
#           not read as sessions: docs/reference/framework-ids.md.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!TRACELOOP_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    traceloop-sdk==0.62.4 langgraph==1.2.24 langchain-core==1.8.3 opentelemetry-sdk==1.45.1

cat >"$folder/worker.py" <<'PYTHON'
import asyncio
import logging
import sys
from contextlib import redirect_stdout
from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from opentelemetry import context, trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from traceloop.sdk import Traceloop

logging.disable(logging.CRITICAL)
label, how, expected = sys.argv[1:]
exporter = InMemorySpanExporter()
with redirect_stdout(None):
    Traceloop.init(app_name="worker", exporter=exporter, disable_batch=True, telemetry_enabled=False)


class State(TypedDict):
    answer: str


async def node(state):
    return {"answer": "sunny"}


builder = StateGraph(State)
builder.add_node("node", node)
builder.add_edge(START, "node")
builder.add_edge("node", END)
graph = builder.compile(checkpointer=InMemorySaver())


async def job():
    async for _ in graph.astream({"answer": ""}, {"configurable": {"thread_id": "of-carl"}}):
        if how != "to the end":
            break


async def main():
    if how == "in a block":
        token = context.attach(context.get_current())
        await job()
        context.detach(token)
    else:
        await job()
    with trace.get_tracer("worker").start_as_current_span("next job"):
        pass


asyncio.run(main())
(span,) = [span for span in exporter.get_finished_spans() if span.name == "next job"]
thread = span.attributes.get("traceloop.association.properties.thread_id")
said = f"thread id of the next job: {thread}, begins a trace: {span.parent is None}"
if said != expected:
    sys.exit(f"no longer as stated: {label} {said}")
print(f"{label:37} {said}")
PYTHON

clean='thread id of the next job: None, begins a trace: True'
ask() { "$folder/bin/python" "$folder/worker.py" "$@" 2>/dev/null; }
ask 'read to the end:' 'to the end' "$clean"
ask 'left early:' 'left' 'thread id of the next job: of-carl, begins a trace: False'
ask "left early, inside a block of OTel's:" 'in a block' "$clean"
echo "as stated: the job after a stream that was left early has the thread id and the trace of that stream"
