"""OpenAI's client under OpenTelemetry's own instrumentation; its content is where the environment says.

That knows neither sessions nor users: ``session.id`` comes from the application's own span, and from no other.
"""

from openai import OpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

from application import log_pipeline, pipeline
from chat import Chat, of_ada, of_bob

provider, logger_provider = pipeline(), log_pipeline()
OpenAIInstrumentor().instrument(tracer_provider=provider, logger_provider=logger_provider)
tracer = provider.get_tracer("shop")


def requests_of(session_id, user_id):
    ids = {"session.id": session_id, "user.id": user_id}
    return lambda: tracer.start_as_current_span("POST /chat", attributes=ids)


with OpenAI(max_retries=0) as client:
    of_ada(Chat(client, requests_of("conv-ada", "ada")))
    of_bob(Chat(client, requests_of("conv-bob", "bob")))
provider.shutdown()
logger_provider.shutdown()
