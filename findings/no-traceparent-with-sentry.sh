#!/usr/bin/env bash
# Sentry's OTLPIntegration ends the application's own propagation: no `traceparent` and no baggage, neither sent nor read.
#
# Packages: sentry-sdk 2.75.0, opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2.
#
# Expected: the integration adds Sentry's headers to those of the application. Its documentation says that propagation between
#           services "uses OTel's default W3C `traceparent` headers and does not require additional configuration".
# Happens:  the integration sets a global propagator that takes the place of all others. It writes and reads `sentry-trace`, and of
#           baggage Sentry's own entries alone. A call of a service that has no Sentry begins a new trace there, a call from
#           one begins a new trace here, and entries of the application are dropped on the way through. Nothing is said;
#           the documentation names the propagator, and that it is to go in the next major version.
#
# Output (2026-11-29):
#   before sentry_sdk.init:      sent: baggage, traceparent; trace read: True, baggage passed on: tenant=acme
#   with OTLPIntegration():      sent: sentry-trace; trace read: False, baggage passed on: None
#   called by one with Sentry:   sent: sentry-trace; trace read: True, baggage passed on: sentry-environment=test
#   with setup_propagator=False: sent: baggage, traceparent; trace read: True, baggage passed on: tenant=acme
#   as stated: with OTLPIntegration() no traceparent and no baggage of the application is sent or read
#
# For users of sessions: a conversation falls into one trace for each service, and the ids in baggage end at the first of them.
# Here:     docs/how-to/other-tools.md, "Sentry": `OTLPIntegration(setup_propagator=False)`, which is the way without this package, too.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!SENTRY_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    sentry-sdk==2.75.0 opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2

cat >"$folder/service.py" <<'PYTHON'
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import sentry_sdk
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from sentry_sdk.integrations.otlp import OTLPIntegration

TRACE, SPAN = "ab" * 16, "cd" * 8
FROM_OTEL = {"traceparent": f"00-{TRACE}-{SPAN}-01", "baggage": "tenant=acme"}
FROM_SENTRY = {"sentry-trace": f"{TRACE}-{SPAN}-1", "baggage": "tenant=acme,sentry-environment=test"}
label, options, caller, expected = sys.argv[1:]


class Server(BaseHTTPRequestHandler):
    """In the place of Sentry's: it takes whatever is sent."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def sent():
    """The names of the headers of a call that is made in a span, with an entry of the application in baggage."""
    headers = {}
    with trace.get_tracer("app").start_as_current_span("call"):
        token = context.attach(baggage.set_baggage("tenant", "acme"))
        propagate.inject(headers)
        context.detach(token)
    return ", ".join(sorted(headers))


def received(headers):
    """Whether a call that comes in goes on in its caller's trace, and the baggage of the next call from there."""
    ctx, onward = propagate.extract(headers), {}
    propagate.inject(onward, ctx)
    found = trace.format_trace_id(trace.get_current_span(ctx).get_span_context().trace_id) == TRACE
    return f"trace read: {found}, baggage passed on: {onward.get('baggage')}"


server = HTTPServer(("127.0.0.1", 0), Server)
Thread(target=server.serve_forever, daemon=True).start()
trace.set_tracer_provider(TracerProvider())
if options != "none":
    integration = OTLPIntegration() if options == "default" else OTLPIntegration(setup_propagator=False)
    sentry_sdk.init(dsn=f"http://key@127.0.0.1:{server.server_port}/1", integrations=[integration])
said = f"sent: {sent()}; {received(FROM_SENTRY if caller == 'sentry' else FROM_OTEL)}"
if said != expected:
    sys.exit(f"no longer as stated: {label} {said}")
print(f"{label:28} {said}")
PYTHON

ask() { "$folder/bin/python" -W ignore "$folder/service.py" "$@"; }
whole='sent: baggage, traceparent; trace read: True, baggage passed on: tenant=acme'
ask 'before sentry_sdk.init:' none otel "$whole"
ask 'with OTLPIntegration():' default otel 'sent: sentry-trace; trace read: False, baggage passed on: None'
ask 'called by one with Sentry:' default sentry 'sent: sentry-trace; trace read: True, baggage passed on: sentry-environment=test'
ask 'with setup_propagator=False:' off otel "$whole"
echo "as stated: with OTLPIntegration() no traceparent and no baggage of the application is sent or read"
