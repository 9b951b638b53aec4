"""pydantic-ai, which traces itself: Ada's conversation has the id that it makes, Bob's one that it is given."""

import asyncio

from pydantic_ai import Agent

from application import pipeline
from pydantic_ai_runs import agent, of_ada, of_bob

provider = pipeline()
Agent.instrument_all()


async def main():
    helper = agent()
    await of_ada(helper)
    await of_bob(helper, conversation_id="conv-bob")


asyncio.run(main())
provider.shutdown()
