"""A graph of LangGraph, whoever traces it: a model that may call a tool, and a node for that."""

from __future__ import annotations

import openai
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from opentelemetry import trace

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order


def graph_of_shop():
    llm = ChatOpenAI(model=MODEL, max_retries=0, stream_usage=True).bind_tools([tool(find_order)])

    def answer(state: MessagesState):
        with trace.get_tracer("shop").start_as_current_span("look up the customer"):
            pass
        return {"messages": [llm.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_node("tools", ToolNode([tool(find_order)]))
    graph.add_edge(START, "answer")
    graph.add_conditional_edges("answer", tools_condition)
    graph.add_edge("tools", "answer")
    return graph.compile(checkpointer=InMemorySaver())


def asked(question):
    return {"messages": [("user", question)]}


def of_ada(graph, configured) -> None:
    for question in (ORDER, NEIGHBOUR):
        graph.invoke(asked(question), configured)


def of_bob(graph, configured) -> None:
    for _ in graph.stream(asked(LISBON), configured, stream_mode="messages"):
        break
    try:
        graph.invoke(asked(TOO_MUCH), configured)
    except openai.RateLimitError:
        return
    message = "the model has answered"
    raise AssertionError(message)
