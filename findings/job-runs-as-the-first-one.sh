#!/usr/bin/env bash
# Celery, a worker of threads: of the first two jobs of a task one may stay in its thread. A job without headers runs there as that user.
#
# Packages: opentelemetry-instrumentation-celery 0.66b1, celery 5.7.0, opentelemetry-sdk 1.45.1.
#
# Expected: the trace and the baggage of a job hold while it runs. A job that came without headers (a periodic one, or one of a sender without the
#           instrumentation) has a trace of its own and no baggage.
# Happens:  the instrumentation keeps the span of each job, and what it has to undo behind it, in a dict on the task. The first job makes this
#           dict: it looks whether there is one, and puts its own there, without a lock. Two jobs that begin at once may each put one, and
#           that of the first is gone: what it attached is never detached ("no existing span found" is the warning). A job with headers
#           has its own trace in that thread, all the same. One without headers has what is left. The script lets both look before
#           either goes on, and neither end before both run. Left alone, with 4 threads that begin at once, it was 0 of 500 times with Python's own interval between threads, and
#           2 of 500 with one of 0.1 ms. One thread (`-P solo`) and processes (`-P prefork`) run one job at a time.
#
# Output (2026-12-01):
#   two threads: ada as ada, bob as bob; then the threads' jobs without headers: as bob in its trace, as None in its own
#   one thread:  ada as ada, bob as bob; then the threads' jobs without headers: as None in its own, as None in its own
#   as stated: a job without headers runs as the user of the first job in its thread
#
# For users of sessions: a job that is nobody's is in the session of whoever was first in that thread, and nothing on the span says so.
# Here:     docs/how-to/queues.md, "Celery": `-P prefork`; or `with clear_session():` in jobs that are nobody's, which takes the session
#           away and leaves the trace.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!CELERY_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-instrumentation-celery==0.66b1 celery==5.7.0 opentelemetry-sdk==1.45.1

cat >"$folder/worker.py" <<'PYTHON'
import logging
import sys
import threading

from celery import Celery
from celery.app.trace import build_tracer
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor, utils
from opentelemetry.sdk.trace import TracerProvider

logging.disable()  # the warning that no span was found, and of a span that ends in another thread
trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("chat")
CeleryInstrumentor().instrument()
app = Celery(broker="memory://nowhere")
app.set_default()
USERS = ("ada", "bob")
seen, at_once = {}, sys.argv[1] == "two"
both_have_looked, both_run = threading.Barrier(2, timeout=10), threading.Barrier(2, timeout=10)


@app.task(name="answer")
def answer(job):
    seen[job] = baggage.get_baggage("user.id"), trace.get_current_span().get_span_context().trace_id
    if at_once and job in USERS:
        both_run.wait()


app.finalize()
run = build_tracer("answer", app.tasks["answer"], app=app)  # what each thread of a worker calls for each job


def hold(frame, event, _):
    """Hold a job where it has looked for the dict, and has not gone on."""
    if event == "call" and frame.f_back.f_code is utils.attach_context.__code__:
        sys.setprofile(None)
        both_have_looked.wait()


def headers_of(user):
    headers, given = {}, context.attach(baggage.set_baggage("user.id", user))
    with tracer.start_as_current_span("request"):
        propagate.inject(headers)
    context.detach(given)
    return headers


def work(*users):
    """Be a thread of the worker: run the jobs of these users, and as many without headers."""
    for user in users:
        sys.setprofile(hold if at_once else None)
        run(user, (user,), {}, {"id": user} | headers_of(user))
    for user in users:
        job = f"after {user}"
        run(job, (job,), {}, {"id": job})


threads = [threading.Thread(target=work, args=users) for users in ([(user,) for user in USERS] if at_once else [USERS])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()


def told(user):
    whose, number = seen[f"after {user}"]
    return f"as {whose} in {'its trace' if number == seen[user][1] else 'its own'}"


jobs = ", ".join(f"{user} as {seen[user][0]}" for user in USERS)
# Whichever of the two has put its dict first: what it left behind is the same.
left = ", ".join(sorted((told(user) for user in USERS), key=lambda text: text.startswith("as None")))
print(f"{jobs}; then the threads' jobs without headers: {left}")
PYTHON

say() {
    local seen
    seen=$(timeout 60 "$folder/bin/python" "$folder/worker.py" "$2")
    printf '%-12s %s\n' "$1" "$seen"
    [[ "$seen" =~ ^$3$ ]] || { echo "no longer as stated: expected $3"; exit 1; }
}

same="ada as ada, bob as bob; then the threads' jobs without headers:"
say "two threads:" two "$same as (ada|bob) in its trace, as None in its own"
say "one thread:" one "$same as None in its own, as None in its own"
echo "as stated: a job without headers runs as the user of the first job in its thread"
