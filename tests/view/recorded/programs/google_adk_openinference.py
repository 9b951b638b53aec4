"""The same under OpenInference, which makes ``session.id`` and ``user.id`` of the session and the user of ADK."""

import asyncio

import litellm
from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types
from openinference.instrumentation.google_adk import GoogleADKInstrumentor

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order, pipeline

provider = pipeline()
GoogleADKInstrumentor().instrument(tracer_provider=provider)
sessions = InMemorySessionService()
agent = LlmAgent(name="helper", model=LiteLlm(f"openai/{MODEL}", num_retries=0), tools=[find_order])
runner = Runner(agent=agent, app_name="shop", session_service=sessions)


def asked(session_id, user_id, question, **options):
    message = types.Content(role="user", parts=[types.Part(text=question)])
    return runner.run_async(user_id=user_id, session_id=session_id, new_message=message, **options)


async def main():
    for user_id in ("ada", "bob"):
        await sessions.create_session(app_name="shop", user_id=user_id, session_id=f"conv-{user_id}")
    for question in (ORDER, NEIGHBOUR):
        async for _ in asked("conv-ada", "ada", question):
            pass
    streaming = RunConfig(streaming_mode=StreamingMode.SSE)
    async for _ in asked("conv-bob", "bob", LISBON, run_config=streaming):
        break
    try:
        async for _ in asked("conv-bob", "bob", TOO_MUCH):
            pass
    except litellm.RateLimitError:
        pass


asyncio.run(main())
provider.shutdown()
