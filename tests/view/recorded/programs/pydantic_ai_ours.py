"""pydantic-ai in sessions of ours, which know nothing of its conversations."""

import asyncio

from pydantic_ai import Agent

from application import pipeline
from otel_sessions import set_session
from otel_sessions.sdk import instrument
from pydantic_ai_runs import agent, of_ada, of_bob

provider = pipeline()
instrument(provider)
Agent.instrument_all()


async def main():
    helper = agent()
    with set_session("conv-ada", user_id="ada"):
        await of_ada(helper)
    with set_session("conv-bob", user_id="bob"):
        await of_bob(helper)


asyncio.run(main())
provider.shutdown()
