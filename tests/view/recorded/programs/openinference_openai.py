"""OpenAI's client under OpenInference, with sessions and users by its own ``using_session`` and ``using_user``."""

from openai import OpenAI
from openinference.instrumentation import using_session, using_user
from openinference.instrumentation.openai import OpenAIInstrumentor

from application import pipeline
from chat import Chat, of_ada, of_bob

provider = pipeline()
OpenAIInstrumentor().instrument(tracer_provider=provider)
tracer = provider.get_tracer("shop")


def request():
    return tracer.start_as_current_span("POST /chat")


with OpenAI(max_retries=0) as client:
    with using_session("conv-ada"), using_user("ada"):
        of_ada(Chat(client, request))
    with using_session("conv-bob"), using_user("bob"):
        of_bob(Chat(client, request))
provider.shutdown()
