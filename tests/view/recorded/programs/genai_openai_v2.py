"""OpenAI's client under OpenTelemetry's instrumentation before the one of now, by the conventions 1.30: an event for each message."""

from openai import OpenAI
from opentelemetry import _events
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk._events import EventLoggerProvider

from application import log_pipeline, pipeline
from chat import Chat, of_ada, of_bob

provider, logger_provider = pipeline(), log_pipeline()
_events.set_event_logger_provider(EventLoggerProvider(logger_provider))
OpenAIInstrumentor().instrument(tracer_provider=provider)
tracer = provider.get_tracer("shop")


def requests_of(session_id, user_id):
    ids = {"session.id": session_id, "user.id": user_id}
    return lambda: tracer.start_as_current_span("POST /chat", attributes=ids)


with OpenAI(max_retries=0) as client:
    of_ada(Chat(client, requests_of("conv-ada", "ada")))
    of_bob(Chat(client, requests_of("conv-bob", "bob")))
provider.shutdown()
logger_provider.shutdown()
