#!/usr/bin/env bash
# MLflow in one pipeline with OpenTelemetry: `set_tracking_uri` takes the tracer provider of the application away, with its exporter.
#
# Packages: mlflow-tracing 3.17.2, opentelemetry-sdk 1.45.2.
#
# Expected: with `MLFLOW_USE_DEFAULT_TRACER_PROVIDER=false`, MLflow shares the provider of the application: `set_destination` adds
#           MLflow's processors to it, and the application's exporter gets all spans as before. `set_tracking_uri` says where
#           MLflow's server is.
# Happens:  `set_tracking_uri` unsets the global provider. Spans of tracers that are got after it are not recorded at all; after
#           `set_destination` they are recorded in a new provider of MLflow's, and the application's exporter gets none of them.
#           Tracers that were got before still use the old provider, so the application's backend sees half of each trace.
#           Nothing is said. Setting the provider once more does not help: OpenTelemetry lets that be done only once.
#
# Output (2026-11-29):
#   the server in MLFLOW_TRACKING_URI:    recorded: True, the application's exporter gets: query, request
#   set_tracking_uri before the provider: recorded: True, the application's exporter gets: query, request
#   set_tracking_uri after it:            recorded: False, the application's exporter gets: query
#   set_tracking_uri, the provider again: recorded: False, the application's exporter gets: query
#   set_tracking_uri, set_destination:    recorded: True, the application's exporter gets: query
#   as stated: after set_tracking_uri the application's exporter gets only the spans of tracers from before
#
# For users of sessions: a processor that puts ids on spans goes with the provider. What MLflow shows from then on has no session, and what
#           the other backend shows has no request above it.
# Here:     docs/how-to/other-tools.md, "MLflow": `set_tracking_uri` first, and `instrument()` with the provider that MLflow has then. Without
#           this package: the server in `MLFLOW_TRACKING_URI`, or the call before the provider is set.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!MLFLOW_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check mlflow-tracing==3.17.2 opentelemetry-sdk==1.45.2

cat >"$folder/app.py" <<'PYTHON'
import logging
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

logging.disable(logging.CRITICAL)
label, how, expected = sys.argv[1:]


class Server(BaseHTTPRequestHandler):
    """In the place of MLflow's: it takes whatever is sent."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_PUT = do_PATCH = do_POST

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
os.environ["MLFLOW_USE_DEFAULT_TRACER_PROVIDER"] = "false"
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
if how == "variable":
    os.environ["MLFLOW_TRACKING_URI"] = address

import mlflow
from mlflow.entities.trace_location import MlflowExperimentLocation
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if how == "before":
    mlflow.set_tracking_uri(address)
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
database = trace.get_tracer("database")
if how not in ("variable", "before"):
    mlflow.set_tracking_uri(address)
if how == "again":
    trace.set_tracer_provider(provider)
if how not in ("after", "again"):
    mlflow.tracing.set_destination(MlflowExperimentLocation(experiment_id="0"))

with trace.get_tracer("web").start_as_current_span("request") as span:
    recorded = span.is_recording()
    database.start_span("query").end()
names = ", ".join(span.name for span in exporter.get_finished_spans())
said = f"recorded: {recorded}, the application's exporter gets: {names}"
if said != expected:
    sys.exit(f"no longer as stated: {label} {said}")
print(f"{label:37} {said}")
PYTHON

ask() { "$folder/bin/python" -W ignore "$folder/app.py" "$@"; }
both="recorded: True, the application's exporter gets: query, request"
ask 'the server in MLFLOW_TRACKING_URI:' variable "$both"
ask 'set_tracking_uri before the provider:' before "$both"
ask 'set_tracking_uri after it:' after "recorded: False, the application's exporter gets: query"
ask 'set_tracking_uri, the provider again:' again "recorded: False, the application's exporter gets: query"
ask 'set_tracking_uri, set_destination:' destination "recorded: True, the application's exporter gets: query"
echo "as stated: after set_tracking_uri the application's exporter gets only the spans of tracers from before"
