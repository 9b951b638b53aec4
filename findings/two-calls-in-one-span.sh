#!/usr/bin/env bash
# OpenInference's instrumentation of Google ADK: two calls of a model in a turn are one span, and the first call is nowhere.
#
# Packages: openinference-instrumentation-google-adk 1.0.5, google-adk 2.13.0, opentelemetry-sdk 1.44.0.
#
# Expected: an agent asks the model, which calls a tool, and asks it again with what that returned. ADK itself has a span for each of
#           the two calls; instrumented, there are two of the kind LLM.
# Happens:  there is one. What the instrumentation has of a call it writes on the span of the agent, `invoke_agent`, each call over the one
#           before. So that span is of the kind LLM, and has the words and the tokens of the last call alone; ADK's own spans of
#           the calls are not there any more. Nothing is logged.
#
# Output (2026-11-30):
#   traced by itself:        spans with tokens: generate_content m, generate_content m; input tokens of the turn: 40
#   traced by OpenInference: spans with tokens: invoke_agent helper; input tokens of the turn: 20
#   as stated: two calls of the model are one span, with the tokens of the last
#
# For users of sessions: of a turn with tools the tokens of the last call alone are counted, and the more tools a turn needs, the cheaper it
#           looks. What the model was asked before each tool is recorded nowhere.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect": ADK traces itself, and
#           `set_session` puts the session on its spans.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!GOOGLE_@}" "${!OPENINFERENCE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    google-adk==2.13.0 openinference-instrumentation-google-adk==1.0.5 opentelemetry-sdk==1.44.0

cat >"$folder/agent.py" <<'PYTHON'
import asyncio
import logging
import sys
import warnings

warnings.simplefilter("ignore")
from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable(logging.CRITICAL)
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
if sys.argv[1] == "OpenInference":
    from openinference.instrumentation.google_adk import GoogleADKInstrumentor

    GoogleADKInstrumentor().instrument(tracer_provider=provider)


class Answering(BaseLlm):
    """A model that is in the process: it calls the tool, and then answers; 20 and 5 tokens each time."""

    async def generate_content_async(self, llm_request, stream=False):
        is_found = any(part.function_response for content in llm_request.contents for part in content.parts)
        call = types.Part(function_call=types.FunctionCall(name="find_order", args={"order_id": "4711"}))
        part = types.Part(text="On Friday.") if is_found else call
        usage = types.GenerateContentResponseUsageMetadata(
            prompt_token_count=20, candidates_token_count=5, total_token_count=25
        )
        yield LlmResponse(content=types.Content(role="model", parts=[part]), usage_metadata=usage)


def find_order(order_id: str) -> str:
    """Find an order by its number."""
    return "sent"


async def main():
    runner = InMemoryRunner(LlmAgent(name="helper", model=Answering(model="m"), tools=[find_order]), app_name="shop")
    await runner.session_service.create_session(app_name="shop", user_id="user-1", session_id="conv-42")
    question = types.Content(role="user", parts=[types.Part(text="Where is order 4711?")])
    async for _ in runner.run_async(user_id="user-1", session_id="conv-42", new_message=question):
        pass


asyncio.run(main())
counted = [
    (span.name, span.attributes["gen_ai.usage.input_tokens"])
    for span in exporter.get_finished_spans()
    if "gen_ai.usage.input_tokens" in span.attributes
]
said = f"spans with tokens: {', '.join(name for name, _ in counted)}; input tokens of the turn: {sum(count for _, count in counted)}"
print(f"traced by {sys.argv[1] + ':':15}{said}")
if said != sys.argv[2]:
    sys.exit(f"no longer as stated: expected {sys.argv[2]}")
PYTHON

ask() { "$folder/bin/python" "$folder/agent.py" "$@" 2>"$folder/errors" || { cat "$folder/errors" >&2; exit 1; }; }
ask itself 'spans with tokens: generate_content m, generate_content m; input tokens of the turn: 40'
ask OpenInference 'spans with tokens: invoke_agent helper; input tokens of the turn: 20'
echo "as stated: two calls of the model are one span, with the tokens of the last"
