"""One conversation of one user: every span of it carries session.id and user.id."""

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sessions import set_session
from otel_sessions.sdk import instrument

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
instrument(provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)

with set_session(session_id="conv-42", user_id="ada"):
    reply = OpenAI().responses.create(model="gpt-4o-mini", input="What is a span?")
print(reply.output_text)
