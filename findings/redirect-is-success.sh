#!/usr/bin/env bash
# The OTLP exporter over HTTP takes a redirect for a success: it does not follow it, it says nothing, and the spans are gone.
#
# Packages: opentelemetry-exporter-otlp-proto-http 1.45.2 (and 1.40.0, which does otherwise), opentelemetry-sdk of the same version.
#
# Expected: a receiver that answers 302 has taken nothing. The exporter follows it, or returns FAILURE and logs the status.
# Happens:  since the transport is a package of its own, redirects are not followed, and every status below 400 is a success:
#           `export` returns SUCCESS, nothing is logged, and no span is anywhere. 1.40.0 follows a 302 as requests does, by a GET
#           without a body, and tells what comes of that: here a 404, and FAILURE.
#
# Output (2026-11-29):
#   1.45.2: POST /v1/traces -> 302; SUCCESS, 0 log records
#   1.40.0: POST /v1/traces -> 302, GET /login -> 404; FAILURE, 1 log records
#   as stated: 1.45.2 takes the redirect for a success
#
# For users of sessions: a receiver behind a log-in page, or one that moves http:// to https://, loses every session, and the log of the
#           program is clean.
# Here:     docs/how-to/doctor.md, "The environment": `otel-sessions doctor --send` looks at the status itself (send-redirected).
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/send.py" <<'PYTHON'
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

came, logged = [], []


class Receiver(BaseHTTPRequestHandler):
    def answer(self, status, **headers):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        came.append(f"{self.command} {self.path} -> {status}")
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_POST(self):
        self.answer(302, Location="/login")

    def do_GET(self):
        self.answer(404)

    def log_message(self, *_):
        pass


class Kept(logging.Handler):
    def emit(self, record):
        logged.append(record)


logging.getLogger("opentelemetry").addHandler(Kept())
server = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
span = TracerProvider().get_tracer("app").start_span("work")
span.end()
url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
result = OTLPSpanExporter(endpoint=url, timeout=3).export([span]).name
line = f"{', '.join(came)}; {result}, {len(logged)} log records"
print(f"{version('opentelemetry-exporter-otlp-proto-http')}: {line}")
if line != sys.argv[1]:
    sys.exit(f"no longer as stated: expected {sys.argv[1]}")
PYTHON

try_version() {
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install --quiet --disable-pip-version-check \
        "opentelemetry-exporter-otlp-proto-http==$1" "opentelemetry-sdk==$1"
    NO_PROXY=127.0.0.1 "$folder/$1/bin/python" "$folder/send.py" "$2"
}

try_version 1.45.2 "POST /v1/traces -> 302; SUCCESS, 0 log records"
try_version 1.40.0 "POST /v1/traces -> 302, GET /login -> 404; FAILURE, 1 log records"
echo "as stated: 1.45.2 takes the redirect for a success"
