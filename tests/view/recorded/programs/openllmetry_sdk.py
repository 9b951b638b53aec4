"""OpenAI's client under Traceloop's SDK, with an attribute for each message, as it was; session and user are association properties."""

import contextlib

from openai import OpenAI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import tool, workflow

import chat
from application import LISBON, NEIGHBOUR, ORDER, TOO_MUCH

Traceloop.init(app_name="shop", exporter=OTLPSpanExporter(), telemetry_enabled=False)
chat.find_order = tool(name="find_order")(chat.find_order)

with OpenAI(max_retries=0) as client:
    of_ada = chat.Chat(client, contextlib.nullcontext)
    Traceloop.set_association_properties({"session_id": "conv-ada", "user_id": "ada"})
    for question in (ORDER, NEIGHBOUR):
        workflow(name="answer")(of_ada.ask)(question)
    of_bob = chat.Chat(client, contextlib.nullcontext)
    Traceloop.set_association_properties({"session_id": "conv-bob", "user_id": "bob"})
    workflow(name="answer")(of_bob.leave)(LISBON)
    workflow(name="answer")(of_bob.be_refused)(TOO_MUCH)
trace.get_tracer_provider().shutdown()
