"""A FastAPI service that answers a browser: it asks another service and a third party, and leaves work in a queue."""

from __future__ import annotations

import logging

import httpx
from fastapi import FastAPI, Request
from opentelemetry import trace
from service_names import RETRIEVAL, SECONDS, THIRD_PARTY, queue
from starlette.concurrency import run_in_threadpool

from otel_sessions import bind_session, to_carrier

app = FastAPI()
client = httpx.AsyncClient(timeout=SECONDS, follow_redirects=True, trust_env=False)


def leave_work(number):
    queue.send_task("work", [number], headers=to_carrier())


@app.post("/chat")
async def chat(request: Request):
    asked = await request.json()
    number = asked["number"]
    if "conversation" in asked:
        bind_session(asked["conversation"], user_id=asked["user"])
    with trace.get_tracer("service").start_as_current_span("answer") as span:
        span.set_attribute("number", number)
        logging.getLogger("service").warning("%d", number)
        found = await client.post(f"{RETRIEVAL}/look-up", json={"number": number})
        await client.get(f"{RETRIEVAL}/moved/{number}")
        await client.post(f"{THIRD_PARTY}/gateway/{number}", json={})
        await run_in_threadpool(leave_work, number)
    return found.json()
