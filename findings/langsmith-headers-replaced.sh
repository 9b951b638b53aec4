#!/usr/bin/env bash
# LangSmith's headers beside OpenTelemetry: once there is a session in the baggage, the called service's run is in another project, in no thread.
#
# Packages: langsmith 0.15.1, opentelemetry-instrumentation-httpx 0.66b2, httpx 0.28.1, opentelemetry-sdk 1.45.2.
#
# Expected: `httpx.post(url, headers=run.to_headers())` joins the runs of two services, as LangSmith's documentation has it. OpenTelemetry's
#           instrumentation of httpx adds its own headers. Both keep their things in W3C `baggage`, which is made to be shared: a list of
#           entries, whoever they are from.
# Happens:  the instrumentation replaces the header. It writes no `baggage` where the Context has none, so all is right until somebody puts an id
#           of a user or a session there; from then on `langsmith-trace` arrives alone. The run of the service called is still below the one
#           that has called it, but LangSmith's project, metadata and tags are gone: it is written to the default project, and its thread,
#           which is the metadata `session_id`, is missing. Nothing is said in either service.
#
# Output (2026-12-01):
#   LangSmith alone:                 project support, thread conv-1, tags ['beta'], baggage of LangSmith
#   with OpenTelemetry:              project support, thread conv-1, tags ['beta'], baggage of LangSmith
#   with OpenTelemetry and a user:   project default, thread None, tags [], baggage of OpenTelemetry
#   LangSmith's entries given to it: project support, thread conv-1, tags ['beta'], baggage of OpenTelemetry, LangSmith
#   as stated: a session in the baggage takes LangSmith's entries out of the header
#
# For users of sessions: to put the session into OpenTelemetry's baggage takes it out of LangSmith's.
# Here:     docs/backends/langsmith.md, "What hurts".
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!LANGSMITH_@}" "${!LANGCHAIN_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    langsmith==0.15.1 opentelemetry-instrumentation-httpx==0.66b2 httpx==0.28.1 opentelemetry-sdk==1.45.2

cat >"$folder/service.py" <<'PYTHON'
import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

received = []  # headers of the calls to the other service


class Server(BaseHTTPRequestHandler):
    """The other service, and LangSmith itself, which takes everything."""

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/called":
            received.append(dict(self.headers))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *arguments):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
os.environ |= {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "stand-in", "LANGSMITH_ENDPOINT": f"{url}/langsmith"}

import httpx  # noqa: E402
from langsmith import get_current_run_tree, traceable  # noqa: E402
from langsmith.run_helpers import tracing_context  # noqa: E402
from langsmith.run_trees import RunTree  # noqa: E402
from opentelemetry import baggage, context  # noqa: E402
from opentelemetry.baggage.propagation import W3CBaggagePropagator  # noqa: E402
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402

logging.disable()  # LangSmith's hint that its server is an old one


@traceable(metadata={"session_id": "conv-1"}, tags=["beta"])
def ask(shared):
    headers = get_current_run_tree().to_headers()
    token = context.attach(W3CBaggagePropagator().extract(headers, context.get_current()) if shared else context.get_current())
    httpx.post(f"{url}/called", headers=headers)
    context.detach(token)


def say(label, expected, shared=False):
    """Call the other service, and look at its run there: it is as LangSmith's own middleware makes it."""
    received.clear()
    with tracing_context(project_name="support", enabled=True):
        ask(shared)
    [headers] = received
    with tracing_context(enabled=True):
        run = RunTree.from_headers(headers)
    names = [entry.partition("=")[0] for entry in headers.get("baggage", "").split(",")]
    whose = ["LangSmith" if name.startswith("langsmith-") else "OpenTelemetry" for name in names]
    seen = {"project": run.session_name, "thread": run.metadata.get("session_id"), "tags": run.tags, "baggage of": list(dict.fromkeys(whose))}
    told = ", ".join(f"{name} {value}" for name, value in seen.items() if name != "baggage of")
    print(f"{label + ':':32} {told}, baggage of {', '.join(seen['baggage of'])}")
    if seen != expected or "langsmith-trace" not in headers:
        sys.exit(f"no longer as stated: expected {expected}")


JOINED = {"project": "support", "thread": "conv-1", "tags": ["beta"], "baggage of": ["LangSmith"]}
APART = {"project": "default", "thread": None, "tags": [], "baggage of": ["OpenTelemetry"]}
say("LangSmith alone", JOINED)
HTTPXClientInstrumentor().instrument(tracer_provider=TracerProvider())
say("with OpenTelemetry", JOINED)
context.attach(baggage.set_baggage("user.id", "ada"))
say("with OpenTelemetry and a user", APART)
say("LangSmith's entries given to it", JOINED | {"baggage of": ["OpenTelemetry", "LangSmith"]}, shared=True)
PYTHON
timeout 60 "$folder/bin/python" "$folder/service.py"
echo "as stated: a session in the baggage takes LangSmith's entries out of the header"
