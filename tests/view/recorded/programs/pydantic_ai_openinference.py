"""pydantic-ai under OpenInference, whose processor writes its spans anew when they end."""

import asyncio

from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic_ai import Agent

from pydantic_ai_runs import agent, of_ada, of_bob

provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(OpenInferenceSpanProcessor())
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
Agent.instrument_all()


async def main():
    helper = agent()
    await of_ada(helper, conversation_id="conv-ada")
    await of_bob(helper, conversation_id="conv-bob")


asyncio.run(main())
provider.shutdown()
