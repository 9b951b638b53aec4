#!/usr/bin/env bash
# Datadog's tracer in the place of OpenTelemetry's: `detach` puts nothing back, and a job has the user of the job before.
#
# Packages: ddtrace 4.16.0, opentelemetry-sdk 1.45.2.
#
# Expected: what is attached is current until it is detached, as OpenTelemetry has it: the caller's trace, its baggage and whatever
#           else the application put into the Context. The job after that begins with nothing of it.
# Happens:  with `DD_TRACE_OTEL_ENABLED=true` ddtrace's span stands for the Context, and `detach` does nothing. In a span that is open around several
#           jobs, baggage of one is still there in the next. Of a message for which no span was begun, the caller's trace and
#           baggage are there in the next job. And what ought to be there is not: baggage outside a span, all other values of
#           the Context, and after the first span of a message its caller's trace. Nothing is said.
#
# Output (2026-11-29):
#   OpenTelemetry's SDK:
#     a value, and a user without a span:             1, ada
#     the second span of a message:                   in its caller's trace: True, user: ada
#     the item after ada's, in one span:              user: None
#     the job after a message for which no span was:  in its caller's trace: False, user: None
#   ddtrace:
#     a value, and a user without a span:             None, None
#     the second span of a message:                   in its caller's trace: False, user: None
#     the item after ada's, in one span:              user: ada
#     the job after a message for which no span was:  in its caller's trace: True, user: ada
#   as stated: with DD_TRACE_OTEL_ENABLED a job has the user and the trace of the job before
#
# For users of sessions: whatever reads a session or a user from baggage gives one user's spans to another, in a worker that is otherwise
#           right, and misses them where they ought to be.
# Here:     docs/how-to/other-tools.md, "Datadog": leave the variable unset, with this package and without. With it no session is carried
#           at all, which the logger `otel_sessions` says.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!DD_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check ddtrace==4.16.0 opentelemetry-sdk==1.45.2

cat >"$folder/worker.py" <<'PYTHON'
import os
import sys

if os.environ.get("DD_TRACE_OTEL_ENABLED"):
    import ddtrace.auto
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider

if not os.environ.get("DD_TRACE_OTEL_ENABLED"):
    trace.set_tracer_provider(TracerProvider())
TRACE = "ab" * 16
MESSAGE = {"traceparent": f"00-{TRACE}-{'cd' * 8}-01", "baggage": "user.id=ada"}
tracer = trace.get_tracer("worker")


def job():
    """What the span of a job sees: its trace and its user."""
    with tracer.start_as_current_span("job") as span:
        in_trace = trace.format_trace_id(span.get_span_context().trace_id) == TRACE
        return f"in its caller's trace: {in_trace}, user: {baggage.get_baggage('user.id')}"


def value_and_user():
    token = context.attach(context.set_value("mine", 1, baggage.set_baggage("user.id", "ada")))
    found = f"{context.get_value('mine')}, {baggage.get_baggage('user.id')}"
    context.detach(token)
    return found


def second_span():
    token = context.attach(propagate.extract(MESSAGE))
    job()
    found = job()
    context.detach(token)
    return found


def item_after():
    with tracer.start_as_current_span("batch"):
        context.detach(context.attach(baggage.set_baggage("user.id", "ada")))
        return f"user: {baggage.get_baggage('user.id')}"


def job_after():
    context.detach(context.attach(propagate.extract(MESSAGE)))
    return job()


found = [value_and_user(), second_span(), item_after(), job_after()]
if found != sys.argv[1:]:
    sys.exit(f"no longer as stated: {found}")
print("  a value, and a user without a span:            ", found[0])
print("  the second span of a message:                  ", found[1])
print("  the item after ada's, in one span:             ", found[2])
print("  the job after a message for which no span was: ", found[3])
PYTHON

# No agent is there: ddtrace finds the port closed when the process ends, and says so.
quiet=(DD_INSTRUMENTATION_TELEMETRY_ENABLED=false DD_REMOTE_CONFIGURATION_ENABLED=false DD_TRACE_STARTUP_LOGS=false
    DD_CRASHTRACKING_ENABLED=false DD_TRACE_AGENT_URL=http://127.0.0.1:9)
inside="in its caller's trace: True, user: ada"
outside="in its caller's trace: False, user: None"
echo "OpenTelemetry's SDK:"
"$folder/bin/python" "$folder/worker.py" '1, ada' "$inside" 'user: None' "$outside"
echo "ddtrace:"
env "${quiet[@]}" DD_TRACE_OTEL_ENABLED=true "$folder/bin/python" "$folder/worker.py" \
    'None, None' "$outside" 'user: ada' "$inside" 2>"$folder/said" || { cat "$folder/said" && exit 1; }
echo "as stated: with DD_TRACE_OTEL_ENABLED a job has the user and the trace of the job before"
