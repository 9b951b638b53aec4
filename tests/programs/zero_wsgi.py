"""A Flask service that knows nothing of sessions: each request logs, and has a span that tells what was asked."""

from __future__ import annotations

import logging
import os
import time

from flask import Flask, request
from opentelemetry import trace

app = Flask(__name__)


@app.get("/chat")
def chat():
    with trace.get_tracer("service").start_as_current_span("answer") as span:
        span.set_attribute("asked", request.headers.get("x-session-id", "nobody"))
        logging.getLogger("service").warning(request.headers.get("x-session-id", "nobody"))
        time.sleep(0.02)
    return str(os.getpid())
