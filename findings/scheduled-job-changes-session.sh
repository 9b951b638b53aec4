#!/usr/bin/env bash
# A job of APScheduler moves to the session of whoever touched the scheduler last.
#
# Packages: apscheduler 3.11.3 (AsyncIOScheduler), opentelemetry-sdk 1.45.2, opentelemetry-processor-baggage 0.66b1.
#
# Expected: a job runs in the session of the request that added it, as a task or a timer of asyncio does; or in none at all.
# Happens:  ada adds a job that is due again and again. It runs in ada's session until bob adds a job of his own, which is
#           not even due: from then on ada's job runs in bob's session, below the span of bob's request. Then eve pauses bob's
#           job, and ada's runs in eve's session and trace. Nobody touched ada's job. The scheduler has one timer for all jobs,
#           set anew (`call_later`) by whatever changes it. asyncio keeps the Context of who sets a timer, and when it goes off
#           it is set again in that same one: so it stays until somebody else comes.
#
# Output (2026-11-29):
#   after ada added a job of hers: ada's job ran in conversation-of-ada, below "request of ada"
#   after bob added a job of his, due in 9 hours: ada's job ran in conversation-of-bob, below "request of bob"
#   after eve paused bob's job: ada's job ran in conversation-of-eve, below "request of eve"
#   after bob's job was resumed from an empty Context: ada's job ran in no session, below no span
#   as stated: a job runs in the session and the trace of whoever touched the scheduler last, not of whoever added it
#
# For users of sessions: reminders, follow-ups and digests of one conversation appear in that of somebody else, with their
#           model calls and costs, and the trace of that one's request goes on for as long as nobody else touches the scheduler.
#           A test with one user sees nothing of it.
# Here:     docs/how-to/queues.md: the job is given `to_carrier()` as an argument, or `add_job(from_carrier(to_carrier())(job))`,
#           and begins a trace with `turn(..., new_trace=True)`. `with clear_session():` around the start of the scheduler does
#           not last, since the next `add_job` sets the timer anew.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    apscheduler==3.11.3 opentelemetry-sdk==1.45.2 opentelemetry-processor-baggage==0.66b1

"$folder/bin/python" - <<'PYTHON'
import asyncio
import sys
from contextvars import Context

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from opentelemetry import baggage, context, trace
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("assistant")
ran = asyncio.Queue()


async def remind_ada():
    with tracer.start_as_current_span("remind ada"):
        pass
    ran.put_nowait(True)


async def nothing():
    pass


async def request(user, act):
    token = context.attach(baggage.set_baggage("session.id", f"conversation-of-{user}"))
    with tracer.start_as_current_span(f"request of {user}"):
        act()
    context.detach(token)


async def outside(_, act):
    Context().run(act)


async def runs_after(handle, user, act):
    """Where ada's job ran, three times after a request that is over: sessions and spans above."""
    await asyncio.create_task(handle(user, act))
    before = len(exporter.get_finished_spans())
    while not ran.empty():
        ran.get_nowait()
    for _ in range(3):
        await asyncio.wait_for(ran.get(), 30)
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    return {
        (span.attributes.get("session.id"), names[span.parent.span_id] if span.parent else None)
        for span in spans[before:]
        if span.name == "remind ada"
    }


async def main():
    scheduler = AsyncIOScheduler()
    scheduler.start()
    steps = [
        ("ada added a job of hers", request, "ada", lambda: scheduler.add_job(remind_ada, "interval", seconds=0.3)),
        ("bob added a job of his, due in 9 hours", request, "bob", lambda: scheduler.add_job(nothing, "interval", hours=9, id="bob's")),
        ("eve paused bob's job", request, "eve", lambda: scheduler.pause_job("bob's")),
        ("bob's job was resumed from an empty Context", outside, None, lambda: scheduler.resume_job("bob's")),
    ]
    for what, handle, user, act in steps:
        seen = await runs_after(handle, user, act)
        expected = (f"conversation-of-{user}", f"request of {user}") if user else (None, None)
        if seen != {expected}:
            sys.exit(f"no longer as stated: after {what}, ada's job ran in {seen}")
        session, above = expected
        print(f"after {what}: ada's job ran in {session or 'no session'}, below " + (f'"{above}"' if above else "no span"))
    scheduler.shutdown(wait=False)


asyncio.run(main())
PYTHON
echo "as stated: a job runs in the session and the trace of whoever touched the scheduler last, not of whoever added it"
