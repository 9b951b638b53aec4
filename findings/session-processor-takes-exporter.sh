#!/usr/bin/env bash
# Phoenix's `register()`: whoever adds a processor that puts the session on the spans takes the exporter away, and nothing is sent.
#
# Packages: arize-phoenix-otel 0.17.2, arize-otel 0.14.1, opentelemetry-sdk 1.45.1, opentelemetry-processor-baggage 0.66b1.
#
# Expected: `register()` makes a tracer provider that sends to the backend, and `add_span_processor` adds to what is there, as it does for the
#           class that this one is made of, and for what Arize's `register()` returns. With contrib's `BaggageSpanProcessor` the same
#           spans arrive, and have the session.
# Happens:  the first processor that is added, whatever it does, takes the place of the one that exports. That one is shut down, no span
#           arrives, nothing is raised and nothing is logged. The banner of `register()` has a line on it, which `verbose=False` leaves out.
#           With `replace_default_processor=False` the exporter stays. Arize's class `TracerProvider` does the same, and has no such
#           argument; its `register()` does not, so the same line of code adds in one and replaces in the other.
#
# Output (2026-12-01):
#   Phoenix, register():                    1 span arrives, session: None
#   Phoenix, register(), added:             0 spans arrive
#   Phoenix, register(), added beside:      1 span arrives, session: conv-42
#   Arize, register(), added:               1 span arrives, session: conv-42
#   Arize, TracerProvider():                1 span arrives, session: None
#   Arize, TracerProvider(), added:         0 spans arrive
#   as stated: a processor that is added takes the exporter away, and nothing is logged
#
# For users of sessions: it is the first thing that one does to have a session on all spans, it is what the page of that processor shows, and
#           the whole of tracing stops. A test with an exporter of its own, added in the same way, is green.
# Here:     `instrument()` adds its processor beside what such a provider has: docs/backends/phoenix.md and arize-ax.md, "What hurts".
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!PHOENIX_@}" "${!ARIZE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    arize-phoenix-otel==0.17.2 arize-otel==0.14.1 opentelemetry-sdk==1.45.1 opentelemetry-processor-baggage==0.66b1

cat >"$folder/chat.py" <<'PYTHON'
import logging
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import arize.otel
import grpc
import phoenix.otel
from opentelemetry import baggage
from opentelemetry.processor.baggage import BaggageSpanProcessor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)


class Backend(TraceServiceServicer):
    def Export(self, request, _):
        arrived.extend(span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans)
        return ExportTraceServiceResponse()


class Said(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


arrived, said = [], []
backend = grpc.server(ThreadPoolExecutor(1))
add_TraceServiceServicer_to_server(Backend(), backend)
url = f"http://127.0.0.1:{backend.add_insecure_port('127.0.0.1:0')}"
backend.start()
logging.getLogger().addHandler(Said())
logging.captureWarnings(True)
warnings.simplefilter("ignore")  # of the libraries' imports
warnings.simplefilter("always", UserWarning)
STAMPS = BaggageSpanProcessor(lambda key: key == "session.id")


def of_phoenix():
    return phoenix.otel.register(endpoint=url, protocol="grpc", set_global_tracer_provider=False, verbose=False)


ARIZE = {"space_id": "stand-in", "api_key": "stand-in", "project_name": "chat", "endpoint": url, "verbose": False}


def of_arize():
    return arize.otel.register(**ARIZE, set_global_tracer_provider=False)


def added(provider, **options):
    provider.add_span_processor(STAMPS, **options)
    return provider


def say(label, provider, expected):
    arrived.clear()
    provider.get_tracer("chat").start_span("turn", context=baggage.set_baggage("session.id", "conv-42")).end()
    provider.force_flush()
    sessions = [{each.key: each.value.string_value for each in span.attributes}.get("session.id") for span in arrived]
    seen = f"1 span arrives, session: {sessions[0]}" if len(sessions) == 1 else f"{len(sessions)} spans arrive"
    print(f"{label + ':':39} {seen}")
    if seen != expected or said:
        sys.exit(f"no longer as stated: expected {expected}, and nothing logged; logged: {said}")


WITH, WITHOUT, NOTHING = "1 span arrives, session: conv-42", "1 span arrives, session: None", "0 spans arrive"
say("Phoenix, register()", of_phoenix(), WITHOUT)
say("Phoenix, register(), added", added(of_phoenix()), NOTHING)
say("Phoenix, register(), added beside", added(of_phoenix(), replace_default_processor=False), WITH)
say("Arize, register(), added", added(of_arize()), WITH)
say("Arize, TracerProvider()", arize.otel.TracerProvider(**ARIZE), WITHOUT)
say("Arize, TracerProvider(), added", added(arize.otel.TracerProvider(**ARIZE)), NOTHING)
PYTHON
timeout 60 "$folder/bin/python" "$folder/chat.py"
echo "as stated: a processor that is added takes the exporter away, and nothing is logged"
