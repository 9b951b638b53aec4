"""Applications of LangGraph and LangChain, whoever traces them."""

from __future__ import annotations

from operator import add
from typing import Annotated

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from openai import DefaultAsyncHttpxClient
from typing_extensions import TypedDict

from conversations import AsyncCalls, AsyncStreams, Calls, Streams
from turns import find_order


class State(TypedDict):
    question: str
    said: Annotated[list, add]


def llm_at(model):
    """Return one with a client of its own, for one loop: LangChain keeps those that it makes for the whole process."""
    client = DefaultAsyncHttpxClient()
    return ChatOpenAI(base_url=model.base_url, api_key="none", model="m", http_async_client=client)


def graph_of(llm):
    """Return a graph of two branches at once, one that asks the model and one that uses the tool."""
    graph = StateGraph(State)
    graph.add_node("ask", llm_node(llm))
    graph.add_node("find", lambda _state: {"said": [find_order("4711")]})
    for node in ("ask", "find"):
        graph.add_edge(START, node)
        graph.add_edge(node, END)
    return graph.compile(checkpointer=InMemorySaver())


def llm_node(llm):
    def ask(state):
        return {"said": [llm.invoke(state["question"]).content]}

    async def aask(state):
        return {"said": [(await llm.ainvoke(state["question"])).content]}

    return RunnableLambda(ask, aask)


class Graph(Calls, AsyncCalls, Streams, AsyncStreams):
    @pytest.fixture(autouse=True)
    def _graph(self, model):
        self.app = lambda: graph_of(llm_at(model))  # its client belongs to one loop

    def configured(self, user):
        return {"configurable": {"thread_id": f"thread of {user.name}"}}

    def asked(self, user):
        return {"question": user.question, "said": []}, self.configured(user)

    def ask(self, user):
        return self.app().invoke(*self.asked(user))

    async def aask(self, user):
        return await self.app().ainvoke(*self.asked(user))

    def stream(self, user):
        yield from self.app().stream(*self.asked(user), stream_mode="messages")

    async def astream(self, user):
        async for chunk in self.app().astream(*self.asked(user), stream_mode="messages"):
            yield chunk


class ChatModel(Calls, AsyncCalls, Streams, AsyncStreams):
    """A model of LangChain alone."""

    @pytest.fixture(autouse=True)
    def _model(self, model):
        self.llm = lambda: llm_at(model)

    def configured(self, _user):
        return {}

    def ask(self, user):
        return self.llm().invoke(user.question, self.configured(user))

    async def aask(self, user):
        return await self.llm().ainvoke(user.question, self.configured(user))

    def stream(self, user):
        yield from self.llm().stream(user.question, self.configured(user))

    async def astream(self, user):
        async for chunk in self.llm().astream(user.question, self.configured(user)):
            yield chunk
