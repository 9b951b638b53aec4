"""CrewAI under OpenInference, which has no sessions; nobody gives it one."""

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from openinference.instrumentation.crewai import CrewAIInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

from application import MODEL, ORDER, find_order, pipeline

provider = pipeline()
CrewAIInstrumentor().instrument(tracer_provider=provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)
llm = LLM(f"openai/{MODEL}")
agent = Agent(role="helper", goal="Help.", backstory="You help.", llm=llm, tools=[tool("find_order")(find_order)])
task = Task(description=ORDER, expected_output="A day.", agent=agent)
Crew(agents=[agent], tasks=[task]).kickoff()
provider.shutdown()
