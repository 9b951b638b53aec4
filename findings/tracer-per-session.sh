#!/usr/bin/env bash
# A tracer for each session, with the id as an attribute of its scope, is compared with all the others: in the exporter, and in `get_tracer`.
#
# Packages: opentelemetry-sdk 1.45.2 (and 1.40.0, which does otherwise in part), opentelemetry-exporter-otlp-proto-common of the same version.
#
# Expected: scopes are keys of dicts, so that each is found at once, however many there are. A tracer that nobody holds any more is gone.
# Happens:  two scopes are equal only if their attributes are, but the hash is made of name, version and schema URL alone. So all scopes of one
#           library hash alike, and each of them is compared with those before it: four times as many sessions in a batch take sixteen
#           times as many comparisons. 1.45.2 keeps the tracers in a dict of the same kind, too, for as long as the provider lives:
#           `get_tracer` of a new session is compared with all sessions that the process has had. Scopes that differ in their
#           version are never compared. The exact numbers depend on how Python's dict probes, and on its seed.
#
# Output (2026-11-30, Python 3.11):
#   1.45.2, attributes: get_tracer compares 10810 times for 100 scopes, 163492 for 400; encoding 10810 and 163492; first tracer kept
#   1.45.2, versions:   get_tracer compares 0 times for 100 scopes, 0 for 400; encoding 0 and 0; first tracer kept
#   1.40.0, attributes: get_tracer compares 0 times for 100 scopes, 0 for 400; encoding 10810 and 163492; first tracer gone
#   1.40.0, versions:   get_tracer compares 0 times for 100 scopes, 0 for 400; encoding 0 and 0; first tracer gone
#   as stated: scopes that differ in their attributes alone are compared with one another, and 1.45.2 keeps their tracers
#
# For users of sessions: to say the id once for all spans of a session looks as if it saved something. With many sessions in a batch it
#           costs more than it saves, and the process keeps the id of each session for as long as it has that provider.
# Here:     the ids are attributes of the spans. docs/explanation/scale.md, "In the process", has what the other way takes.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/scopes.py" <<'PYTHON'
import gc
import sys
import weakref
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

FEW, MANY = 100, 400
SDK = version("opentelemetry-sdk")


def compared(work, *arguments):
    """Return how often `work` compares two scopes, and what it returns."""
    count = 0

    def look(frame, event, _):
        nonlocal count
        count += event == "call" and frame.f_code is InstrumentationScope.__eq__.__code__

    sys.setprofile(look)
    try:
        result = work(*arguments)
    finally:
        sys.setprofile(None)
    return count, result


def batch_of(sessions, how):
    provider = TracerProvider(shutdown_on_exit=False)
    asking, tracers = compared(lambda: [provider.get_tracer("chat", **how(number)) for number in range(sessions)])
    spans = [tracer.start_span("turn") for tracer in tracers]
    for span in spans:
        span.end()
    encoding, request = compared(encode_spans, spans)
    if len(request.resource_spans[0].scope_spans) != sessions:
        sys.exit("no longer as stated: the scopes are not told apart")
    first = weakref.ref(tracers[0])
    del tracers, spans
    gc.collect()
    return asking, encoding, first() is not None


def is_square(few, many):
    """Tell whether each was compared with all before it, and not only with some."""
    return few >= FEW * (FEW - 1) / 2 and many >= MANY * (MANY - 1) / 2


def look_at(label, how):
    asked, encoded, _ = batch_of(FEW, how)
    asked_more, encoded_more, kept = batch_of(MANY, how)
    print(
        f"{SDK}, {label + ':':11} get_tracer compares {asked} times for {FEW} scopes, {asked_more} for {MANY};"
        f" encoding {encoded} and {encoded_more}; first tracer {'kept' if kept else 'gone'}"
    )
    return (asked, asked_more), (encoded, encoded_more), kept


keeps = sys.argv[1] == "keeps"
asked, encoded, kept = look_at("attributes", lambda number: {"attributes": {"session.id": f"conv-{number}"}})
if not is_square(*encoded) or kept != keeps or not (is_square(*asked) if keeps else asked == (0, 0)):
    sys.exit("no longer as stated: scopes that differ in their attributes")
if look_at("versions", lambda number: {"instrumenting_library_version": str(number)}) != ((0, 0), (0, 0), keeps):
    sys.exit("no longer as stated: scopes that differ in their version")
PYTHON

try_version() {
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install --quiet --disable-pip-version-check \
        "opentelemetry-sdk==$1" "opentelemetry-exporter-otlp-proto-common==$1"
    PYTHONHASHSEED=0 "$folder/$1/bin/python" "$folder/scopes.py" "$2"
}

try_version 1.45.2 keeps
try_version 1.40.0 "lets go"
echo "as stated: scopes that differ in their attributes alone are compared with one another, and 1.45.2 keeps their tracers"
