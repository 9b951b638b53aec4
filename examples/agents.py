"""Two agents work on one task: one session, and each step of each agent has its path in the workflow."""

from __future__ import annotations

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sessions import set_session, step
from otel_sessions.sdk import instrument

tracer = trace.get_tracer("agents")


@step("research")
def researcher(topic: str) -> list[str]:
    """Find out; the path of the spans below starts with /research."""
    with tracer.start_as_current_span("researcher"):
        with step("question"):
            questions = answer(f"Two questions about {topic}, one per line.").splitlines()[:2]
        with step("sources"):
            return [answer(question) for question in questions]


@step("write")
def writer(topic: str, findings: list[str]) -> str:
    """Write it down; the path of the spans below starts with /write."""
    with tracer.start_as_current_span("writer"):
        with step("draft"):
            draft = answer(f"A paragraph about {topic}: {findings}")
        with step("review"):
            return answer(f"Improve: {draft}")


def answer(prompt: str) -> str:
    return OpenAI().responses.create(model="gpt-4o-mini", input=prompt).output_text


def main() -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    instrument()
    OpenAIInstrumentor().instrument()

    topic = "tracing"
    with set_session(user_id="ada", name="Article", tags=["agents"]) as session:
        with tracer.start_as_current_span("article"):
            text = writer(topic, researcher(topic))
        print(f"session {session.id}\n{text}")


if __name__ == "__main__":
    main()
