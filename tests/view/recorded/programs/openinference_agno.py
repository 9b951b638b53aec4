"""Agno under OpenInference, told whose turns they are by the arguments of its runs, and nobody else."""

import os

from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.models.openai.like import OpenAILike
from openinference.instrumentation.agno import AgnoInstrumentor

from application import LISBON, MODEL, NEIGHBOUR, ORDER, TOO_MUCH, find_order, pipeline

provider = pipeline()
AgnoInstrumentor().instrument(tracer_provider=provider)
answering = OpenAILike(id=MODEL, base_url=os.environ["OPENAI_BASE_URL"], api_key="none", max_retries=0)
agent = Agent(
    name="helper", model=answering, tools=[find_order], telemetry=False, db=InMemoryDb(), add_history_to_context=True
)
for question in (ORDER, NEIGHBOUR):
    agent.run(question, session_id="conv-ada", user_id="ada")
for event in agent.run(LISBON, session_id="conv-bob", user_id="bob", stream=True):
    if event.content:
        break
agent.run(TOO_MUCH, session_id="conv-bob", user_id="bob")  # Agno returns a run whose status is an error
provider.shutdown()
