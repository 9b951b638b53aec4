"""What all programs have: a pipeline as their users would set it up, the tool of a shop, and what is asked.

Ada asks where her order is, for which the model calls the tool, and then a question that goes on from there. Bob leaves a
streamed answer after its first word, and is then refused by the model.
"""

from __future__ import annotations

from opentelemetry import trace

from loopback import refuse_all_else

refuse_all_else()

ORDER = "Where is order 4711?"
NEIGHBOUR = "Could it go to my neighbour instead?"
LISBON = "I have three days in Lisbon. What should I see?"
TOO_MUCH = "Is that too much?"

MODEL = "gpt-4o-mini"

FIND_ORDER = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Find an order by its number.",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
}
"""The tool as OpenAI's API is told of it."""


def pipeline():
    """Make a provider that exports to where the environment says, and return it."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def log_pipeline():
    """The same for records of logs."""
    from opentelemetry import _logs
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    provider = LoggerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    _logs.set_logger_provider(provider)
    return provider


def find_order(order_id: str) -> str:
    """Find an order by its number.

    Args:
        order_id: The number of the order.
    """
    with trace.get_tracer("shop").start_as_current_span("read orders"):
        return f'{{"order_id": "{order_id}", "status": "sent", "arrives": "Friday"}}'
