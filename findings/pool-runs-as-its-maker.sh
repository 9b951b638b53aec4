#!/usr/bin/env bash
# Instrumentation of threads: all jobs of a ThreadPool are in the session and the trace of whoever made the pool; without it they are nobody's.
#
# Packages: opentelemetry-instrumentation-threading 0.66b1, joblib 1.6.0, opentelemetry-sdk 1.45.1, opentelemetry-processor-baggage 0.66b1.
#
# Expected: with `ThreadingInstrumentor`, a job in a pool of threads is in the context of whoever has sent it, as it is in a ThreadPoolExecutor.
# Happens:  it wraps `ThreadPoolExecutor.submit`, `Thread` and `Timer`. The threads of `multiprocessing.pool.ThreadPool` are plain ones that
#           begin with the pool and take their jobs from a queue, so they run in what was current there for as long as the pool lives. So the
#           instrumentation, which is meant to mend a lost context, makes a wrong one of it. joblib's threads are such a pool, which is
#           right for one `Parallel` and wrong where a `with Parallel(...)` is kept, as its documentation advises for speed.
#
# Output (2026-12-01):
#   ThreadPoolExecutor, plain:        ada as nobody, bob as nobody, carl as nobody
#   ThreadPool, plain:                ada as nobody, bob as nobody, carl as nobody
#   joblib, kept, plain:              ada as nobody, bob as nobody, carl as nobody
#   ThreadPoolExecutor, instrumented: ada as ada, bob as bob, carl as carl
#   ThreadPool, instrumented:         ada as ada, bob as ada, carl as ada
#   joblib, kept, instrumented:       ada as ada, bob as ada, carl as ada
#   ThreadPool, copy_context():       ada as ada, bob as bob, carl as carl
#   as stated: with the instrumentation all jobs of a ThreadPool are in the session and the trace of its maker
#
# For users of sessions: a pool that embeds or searches for everybody, made at its first use, has all of that in the session of the first user, one
#           trace that never ends. Before the instrumentation was added it was missing, which one sees.
# Here:     docs/explanation/limits.md, "Threads, tasks and workers": a ThreadPoolExecutor, or `pool.apply(copy_context().run, (work, ...))`.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    opentelemetry-instrumentation-threading==0.66b1 joblib==1.6.0 opentelemetry-sdk==1.45.1 opentelemetry-processor-baggage==0.66b1

cat >"$folder/pools.py" <<'PYTHON'
import contextvars
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import joblib
from opentelemetry import baggage, context
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(BaggageSpanProcessor(lambda key: key == "user.id"))
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("chat")
USERS = ("ada", "bob", "carl")


def embed(user):
    with tracer.start_as_current_span("embed", attributes={"sent.by": user}):
        pass


def of_executor(pool, user):
    pool.submit(embed, user).result()


def of_pool(pool, user):
    pool.map(embed, [user])


def of_joblib(pool, user):
    pool([joblib.delayed(embed)(user) for _ in range(2)])


def of_pool_by_hand(pool, user):
    pool.apply(contextvars.copy_context().run, (embed, user))


def say(label, make, send, expected):
    """Send a job for each user to a pool that the first one makes."""
    exporter.clear()
    pool, owner_of = None, {}
    for user in USERS:
        token = context.attach(baggage.set_baggage("user.id", user))
        with tracer.start_as_current_span("turn") as span:
            owner_of[span.get_span_context().trace_id] = user
            pool = make().__enter__() if pool is None else pool
            send(pool, user)
        context.detach(token)
    pool.__exit__(None, None, None)
    seen = {}
    for span in exporter.get_finished_spans():
        if span.name == "embed":
            seen[span.attributes["sent.by"]] = whose = span.attributes.get("user.id", "nobody")
            if owner_of.get(span.context.trace_id, "nobody") != whose:
                sys.exit("no longer as stated: a span is in another trace than that of its user")
    told = ", ".join(f"{user} as {whose}" for user, whose in seen.items())
    print(f"{label + ':':33} {told}")
    if seen != dict(zip(USERS, expected)):
        sys.exit(f"no longer as stated: expected {expected}")


def kept():
    return joblib.Parallel(2, backend="threading")


def two():
    return ThreadPool(2)


NOBODY, MAKER = ("nobody",) * 3, ("ada",) * 3
say("ThreadPoolExecutor, plain", ThreadPoolExecutor, of_executor, NOBODY)
say("ThreadPool, plain", two, of_pool, NOBODY)
say("joblib, kept, plain", kept, of_joblib, NOBODY)
ThreadingInstrumentor().instrument()
say("ThreadPoolExecutor, instrumented", ThreadPoolExecutor, of_executor, USERS)
say("ThreadPool, instrumented", two, of_pool, MAKER)
say("joblib, kept, instrumented", kept, of_joblib, MAKER)
say("ThreadPool, copy_context()", two, of_pool_by_hand, USERS)
PYTHON
timeout 60 "$folder/bin/python" "$folder/pools.py"
echo "as stated: with the instrumentation all jobs of a ThreadPool are in the session and the trace of its maker"
