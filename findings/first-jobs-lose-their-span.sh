#!/usr/bin/env bash
# Celery: where several threads send their first jobs at once, all of them but one lose the span that a job is below; it stays current in the thread.
#
# Packages: opentelemetry-instrumentation-celery 0.66b1, celery 5.7.0, opentelemetry-sdk 1.45.1.
#
# Expected: `answer.delay(...)` has a span `apply_async/answer`, which begins before the job is sent and ends behind it, in any thread. The job's own
#           span in the worker is below it.
# Happens:  the instrumentation keeps that span on the task of Celery's current app, which it asks for once before the job is sent and once
#           behind. `Celery()` is the current app of the thread that made it. In any other thread it is a default app, which Celery makes when
#           it is asked for the first time, without a lock: threads that ask at once make one each, and the last one stays. The others don't
#           find their spans again (the instrumentation warns of it: "no existing span found"). These spans don't end, and stay
#           current: what such a thread does next is in the trace of that job. The script has the second thread wait with its app until the first one
#           has begun to send. Left alone, 4 threads lost 3 such spans in one of 16 fresh processes on a busy machine with 2 cores, and some in
#           25 of 300 first times with an interval of 0.1 ms between threads, which are those where several apps were made.
#           `app.set_default()` makes the app the one of all threads: 0 of 300.
#
# Output (2026-12-01):
#   as it is:          ended 1 of 2 spans "apply_async"; what ada's thread does next is in the trace of its job
#   app.set_default(): ended 2 of 2 spans "apply_async"; what ada's thread does next is in a trace of its own
#   as stated: the first job of a thread loses its span where another thread sends its first one at once
#
# For users of sessions: the job has its session, which is sent all the same. Its trace is cut in two, since the span between is never
#           exported, and what the sending thread does later may be joined to it, whoever it is for.
# Here:     docs/how-to/queues.md, "Celery": the program has `app.set_default()`.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!CELERY_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-instrumentation-celery==0.66b1 celery==5.7.0 opentelemetry-sdk==1.45.1

cat >"$folder/service.py" <<'PYTHON'
import gc
import logging
import sys
import threading

from celery import Celery, _state, signals
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()  # the warning that no span was found
gc.disable()  # a span that nothing finds again may end when its app is collected, some time later
SECONDS = 10
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("chat")
CeleryInstrumentor().instrument()
app = Celery(broker="memory://nowhere")


@app.task(name="answer")
def answer(user):
    pass


app.finalize()
if sys.argv[1:] == ["default"]:
    app.set_default()
both_make_an_app = threading.Barrier(2, timeout=SECONDS)
first_has_begun, second_is_set, after = threading.Event(), threading.Event(), {}


def hold(frame, event, _):
    """Hold a thread where it has made an app, and is to set it as the default one."""
    if event == "call" and frame.f_code is _state.set_default_app.__code__:
        both_make_an_app.wait()
        if threading.current_thread().name == "bob":
            first_has_begun.wait(SECONDS)


@signals.before_task_publish.connect
def has_begun(**_):
    """Be called behind the instrumentation, whose span is there now."""
    if threading.current_thread().name == "bob":
        second_is_set.set()
    else:
        first_has_begun.set()
        second_is_set.wait(SECONDS)


def send():
    user = threading.current_thread().name
    sys.setprofile(hold)
    answer.delay(user)
    sys.setprofile(None)
    with tracer.start_as_current_span("next") as span:
        after[user] = span.parent


threads = [threading.Thread(target=send, name=user) for user in ("ada", "bob")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if after["bob"] is not None:
    sys.exit("no longer as stated: bob's thread goes on in the trace of its job, too")
ended = sum(span.name == "apply_async/answer" for span in exporter.get_finished_spans())
where = "in a trace of its own" if after["ada"] is None else "in the trace of its job"
print(f'ended {ended} of 2 spans "apply_async"; what ada\'s thread does next is {where}')
PYTHON

say() {
    local seen
    seen=$(timeout 60 "$folder/bin/python" "$folder/service.py" $2)
    printf '%-18s %s\n' "$1" "$seen"
    [ "$seen" = "$3" ] || { echo "no longer as stated: expected $3"; exit 1; }
}

say "as it is:" "" "ended 1 of 2 spans \"apply_async\"; what ada's thread does next is in the trace of its job"
say "app.set_default():" default "ended 2 of 2 spans \"apply_async\"; what ada's thread does next is in a trace of its own"
echo "as stated: the first job of a thread loses its span where another thread sends its first one at once"
