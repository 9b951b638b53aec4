#!/usr/bin/env bash
# Python's `asyncio.Runner` runs everything in the Context of its first run: whoever asks later, it is the first user's turn, in the first trace.
#
# Packages: CPython 3.11.7 (Runner is in 3.11 and newer), opentelemetry-sdk 1.45.2, opentelemetry-processor-baggage 0.66b1.
#
# Expected: `runner.run(turn())` runs the coroutine with what is current where `run` is called, as `asyncio.run` does, and as
#           `loop.run_until_complete` of a loop that is kept does.
# Happens:  a Runner copies the context when it is first used, or entered, and gives that copy to each later run. The span and the baggage around
#           the second call are not there; those of the first call are, though its span has ended. What one run sets stays for the next
#           one, too. The first run of a Runner is right, so a test with one user is. `run(..., context=copy_context())` mends it.
#
# Output (2026-12-01):
#   asyncio.run:                      ada as ada, bob as bob, carl as carl; set inside and still there: nothing
#   loop.run_until_complete:          ada as ada, bob as bob, carl as carl; set inside and still there: nothing
#   one Runner:                       ada as ada, bob as ada, carl as ada; set inside and still there: tool of ada, tool of bob
#   one Runner, in a with at the top: ada as nobody, bob as nobody, carl as nobody; set inside and still there: tool of ada, tool of bob
#   one Runner, context= given:       ada as ada, bob as bob, carl as carl; set inside and still there: nothing
#   as stated: all runs of a Runner are in the session and the trace of its first
#
# For users of sessions: a Runner is what keeps one loop, and so the connections to a model, for a worker or a page that is not async itself. All
#           conversations of that worker are then one, of whoever came first; or, where it is a `with` around the loop of the worker, they
#           are nobody's, and each call of a model is a trace of its own.
# Here:     docs/explanation/limits.md, "Threads, tasks and workers": `runner.run(turn(), context=contextvars.copy_context())`, or
#           the session set inside of the coroutine.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
if ! python3 -c 'import asyncio; asyncio.Runner'; then
    echo "Runner needs Python 3.11 or newer" >&2
    exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check opentelemetry-sdk==1.45.2 opentelemetry-processor-baggage==0.66b1

cat >"$folder/worker.py" <<'PYTHON'
import asyncio
import contextvars
import sys

from opentelemetry import baggage, context, trace
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(BaggageSpanProcessor(lambda key: key == "user.id"))
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("chat")
tool = contextvars.ContextVar("tool")
USERS = ("ada", "bob", "carl")
OWN = {user: user for user in USERS}


async def turn(user, found):
    """Ask the model, having noted a tool in a variable as frameworks do."""
    if (before := tool.get(None)) is not None:
        found.append(before)
    tool.set(f"tool of {user}")
    with tracer.start_as_current_span("model", attributes={"asked.by": user}):
        await asyncio.sleep(0)


def say(label, run, expected, left):
    exporter.clear()
    owner_of, found = {}, []
    for user in USERS:
        token = context.attach(baggage.set_baggage("user.id", user))
        with tracer.start_as_current_span("turn") as span:
            owner_of[span.get_span_context().trace_id] = user
            run(turn(user, found))
        context.detach(token)
    seen = {}
    for span in exporter.get_finished_spans():
        if span.name == "model":
            seen[span.attributes["asked.by"]] = whose = span.attributes.get("user.id", "nobody")
            if owner_of.get(span.context.trace_id, "nobody") != whose:
                sys.exit("no longer as stated: a span is in another trace than that of its user")
    told = ", ".join(f"{user} as {whose}" for user, whose in seen.items())
    print(f"{label + ':':33} {told}; set inside and still there: {', '.join(found) or 'nothing'}")
    if (seen, len(found)) != (expected, left):
        sys.exit(f"no longer as stated: expected {expected}, and {left} left")


say("asyncio.run", asyncio.run, OWN, 0)
loop = asyncio.new_event_loop()
say("loop.run_until_complete", loop.run_until_complete, OWN, 0)
loop.close()
runner = asyncio.Runner()
say("one Runner", runner.run, dict.fromkeys(USERS, "ada"), 2)
runner.close()
with asyncio.Runner() as runner:
    say("one Runner, in a with at the top", runner.run, dict.fromkeys(USERS, "nobody"), 2)
with asyncio.Runner() as runner:
    say("one Runner, context= given", lambda work: runner.run(work, context=contextvars.copy_context()), OWN, 0)
PYTHON
timeout 60 "$folder/bin/python" "$folder/worker.py"
echo "as stated: all runs of a Runner are in the session and the trace of its first"
