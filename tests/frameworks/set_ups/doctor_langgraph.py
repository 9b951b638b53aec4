"""LangGraph under OpenInference: a graph with a thread id alone, or in a session."""

import contextlib
import sys
from operator import add
from typing import Annotated, TypedDict

from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions import get_session, set_session
from otel_sessions.sdk import instrument

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
trace.set_tracer_provider(provider)
instrument()
LangChainInstrumentor().instrument()
tracer = trace.get_tracer("app")


class State(TypedDict):
    question: str
    said: Annotated[list, add]


def ask(state):
    with tracer.start_as_current_span("look up"):
        return {"said": [FakeListChatModel(responses=["It rains."]).invoke(state["question"]).content]}


graph = StateGraph(State)
graph.add_node("ask", ask)
graph.add_edge(START, "ask")
graph.add_edge("ask", END)
app = graph.compile(checkpointer=InMemorySaver())
inside = set_session("conv-42", user_id="ada") if "right" in sys.argv else contextlib.nullcontext()
with inside:
    session = get_session()
    thread = "conv-7" if session is None else session.id
    with tracer.start_as_current_span("request"):
        app.invoke({"question": "Does it rain?", "said": []}, {"configurable": {"thread_id": thread}})
