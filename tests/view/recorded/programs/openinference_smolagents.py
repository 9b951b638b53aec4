"""smolagents under OpenInference: it has no sessions, so they are by ``using_session``."""

from openinference.instrumentation import using_session, using_user
from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from smolagents import OpenAIModel, ToolCallingAgent, tool

from application import LISBON, MODEL, ORDER, find_order, pipeline

provider = pipeline()
SmolagentsInstrumentor().instrument(tracer_provider=provider)


def agent():
    return ToolCallingAgent([tool(find_order)], OpenAIModel(MODEL), verbosity_level=0, instructions="Be brief.")


with using_session("conv-ada"), using_user("ada"):
    agent().run(ORDER)
with using_session("conv-bob"), using_user("bob"):
    for _ in agent().run(LISBON, stream=True):
        break
provider.shutdown()
