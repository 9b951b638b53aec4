"""Agents of real frameworks, each as its documentation makes one: with a tool in which the application makes a span."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ._stage import Stage

# The model on the loopback that the tests of these frameworks have.
sys.path.append(str(Path(__file__).parents[2] / "tests" / "frameworks"))

QUESTION = "Where is order 4711?"


def model() -> Any:
    """Return a model for a ``with`` block, which calls the tool and then answers by its result."""
    from model import Model

    return Model(seconds_per_word=0)


def find_order(stage: Stage) -> Callable[[str], str]:
    """Return the tool."""

    def find_order(order_id: str) -> str:
        """Return the status of an order as JSON.

        Args:
            order_id: The number of the order.
        """
        stage.mark("find_order")
        return json.dumps({"order_id": order_id, "status": "sent", "arrives": "Friday"})

    return find_order


def of_pydantic_ai(url: str, *tools: Callable[..., Any]) -> Any:
    """Return an agent of pydantic-ai, which traces itself."""
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    Agent.instrument_all()
    chat = OpenAIChatModel("m", provider=OpenAIProvider(base_url=url, api_key="none"))
    return Agent(chat, name="helper", tools=tools)


def of_strands(stage: Stage, url: str, **options: Any) -> Any:
    """Return an agent of Strands Agents, which traces itself."""
    from strands import Agent, tool
    from strands.models.openai import OpenAIModel

    chat = OpenAIModel(client_args={"base_url": url, "api_key": "none"}, model_id="m")
    return Agent(chat, tools=[tool(find_order(stage))], callback_handler=None, **options)


def of_openai_agents(stage: Stage, url: str) -> Any:
    """Return an agent of the OpenAI Agents SDK, instrumented by OpenInference."""
    from agents import Agent, OpenAIChatCompletionsModel, function_tool
    from openai import AsyncOpenAI
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    OpenAIAgentsInstrumentor().instrument()
    chat = OpenAIChatCompletionsModel("m", AsyncOpenAI(base_url=url, api_key="none"))
    return Agent("helper", tools=[function_tool(find_order(stage))], model=chat)


def of_smolagents(stage: Stage, api: Any) -> Any:
    """Return an agent of smolagents, instrumented by OpenInference; it ends with a tool of its own."""
    from openinference.instrumentation.smolagents import SmolagentsInstrumentor
    from smolagents import OpenAIModel, ToolCallingAgent, tool

    from model import Message, Reply, ToolCall, reply

    def answers(messages: Sequence[Message], tools: Collection[str]) -> Reply:
        if any("Friday" in message.text for message in messages):
            return Reply(call=ToolCall("final_answer", json.dumps({"answer": "On Friday."})))
        return reply(messages, tools)

    SmolagentsInstrumentor().instrument()
    api.answers = answers
    chat = OpenAIModel("m", api_base=api.base_url, api_key="none")
    return ToolCallingAgent([tool(find_order(stage))], chat, verbosity_level=0)


def team_of_agno(stage: Stage, url: str) -> Any:
    """Return a team of Agno, instrumented by OpenInference."""
    from agno.agent import Agent
    from agno.models.openai.like import OpenAILike
    from agno.team import Team
    from openinference.instrumentation.agno import AgnoInstrumentor

    AgnoInstrumentor().instrument()
    chat = OpenAILike(id="m", base_url=url, api_key="none")
    member = Agent(name="helper", model=chat, tools=[find_order(stage)], telemetry=False)
    return Team(name="team", members=[member], model=chat, tools=[find_order(stage)], telemetry=False)


def of_langgraph(stage: Stage, url: str) -> Any:
    """Return a graph of LangGraph, instrumented by OpenInference: two nodes at once, a model call and the tool.

    It remembers threads, and is called with what `asked` returns.
    """
    from langchain_openai import ChatOpenAI
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, MessagesState, StateGraph
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument()
    chat, find = ChatOpenAI(base_url=url, api_key="none", model="m"), find_order(stage)
    graph = StateGraph(MessagesState)
    graph.add_node("ask", lambda state: {"messages": [chat.invoke(state["messages"])]})
    graph.add_node("find", lambda _: {"messages": [find("4711")]})
    for node in ("ask", "find"):
        graph.add_edge(START, node)
        graph.add_edge(node, END)
    return graph.compile(checkpointer=InMemorySaver())


def asked(thread: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the question and the configuration for a graph."""
    return {"messages": [("user", QUESTION)]}, {"configurable": {"thread_id": thread}}
