"""A Flask service that looks something up with the help of a third party, to which it also redirects; it tells whom it sees."""

from __future__ import annotations

import logging

import requests
from flask import Flask, redirect, request
from opentelemetry import trace
from service_names import SECONDS, THIRD_PARTY, ids

app = Flask(__name__)


@app.post("/look-up")
def look_up():
    number = request.get_json()["number"]
    with trace.get_tracer("service").start_as_current_span("look up") as span:
        span.set_attribute("number", number)
        logging.getLogger("service").warning("%d", number)
        requests.get(f"{THIRD_PARTY}/retrieval/{number}", timeout=SECONDS)
    return ids()


@app.get("/moved/<int:number>")
def moved(number):
    return redirect(f"{THIRD_PARTY}/moved/{number}")
