"""Strands Agents, which trace themselves; Ada's session is by ``trace_attributes``, Bob's by a session manager, on no span."""

import asyncio
import contextlib
import tempfile

from strands import Agent, tool
from strands.models.openai import OpenAIModel
from strands.session.file_session_manager import FileSessionManager
from strands.types.exceptions import ModelThrottledException

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order, pipeline

provider = pipeline()


def agent(**ids):
    answering = OpenAIModel(model_id=MODEL, client_args={"max_retries": 0})
    return Agent(answering, name="helper", tools=[tool(find_order)], callback_handler=None, retry_strategy=None, **ids)


async def main():
    helper = agent(trace_attributes={"session.id": "conv-ada", "user.id": "ada"})
    for question in (ORDER, NEIGHBOUR):
        await helper.invoke_async(question)
    with tempfile.TemporaryDirectory() as folder:

        def kept():
            return {"session_manager": FileSessionManager(session_id="conv-bob", storage_dir=folder)}

        async for event in agent(**kept()).stream_async(LISBON):
            if "data" in event:
                break
        with contextlib.suppress(ModelThrottledException):
            await agent(**kept()).invoke_async(TOO_MUCH)


asyncio.run(main())
provider.shutdown()
