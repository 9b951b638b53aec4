"""A FastAPI service that knows nothing of sessions: each request logs, and has a span that tells what was asked."""

from __future__ import annotations

import asyncio
import logging
import os

from fastapi import FastAPI, Request
from opentelemetry import trace

app = FastAPI()


@app.get("/chat")
async def chat(request: Request):
    with trace.get_tracer("service").start_as_current_span("answer") as span:
        span.set_attribute("asked", request.headers.get("x-session-id", "nobody"))
        logging.getLogger("service").warning(request.headers.get("x-session-id", "nobody"))
        await asyncio.sleep(0.02)
    return os.getpid()
