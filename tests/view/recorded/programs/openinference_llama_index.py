"""LlamaIndex under OpenInference: an agent in a workflow of steps; it has no sessions, so they are by ``using_session``."""

import asyncio
import contextlib
import os

import openai
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.workflow import Context
from llama_index.llms.openai_like import OpenAILike
from openinference.instrumentation import using_session, using_user
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

from application import MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order, pipeline

provider = pipeline()
LlamaIndexInstrumentor().instrument(tracer_provider=provider)
llm = OpenAILike(
    MODEL,
    api_base=os.environ["OPENAI_BASE_URL"],
    api_key="none",
    max_retries=0,
    is_chat_model=True,
    is_function_calling_model=True,
)


async def main():
    agent = FunctionAgent(tools=[find_order], llm=llm, name="helper", description="Helps.")
    with using_session("conv-ada"), using_user("ada"):
        context = Context(agent)
        for question in (ORDER, NEIGHBOUR):
            await agent.run(question, ctx=context)
    with using_session("conv-bob"), using_user("bob"), contextlib.suppress(openai.RateLimitError):
        llm.complete(TOO_MUCH)


asyncio.run(main())
provider.shutdown()
