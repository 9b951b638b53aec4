#!/usr/bin/env bash
# LangChain: an answer that comes out of its cache is a call of the model on its span, with all the tokens of the call that was made once.
#
# Packages: langchain-core 1.8.3, langchain 1.5.2, openinference-instrumentation-langchain 0.1.80, opentelemetry-instrumentation-genai-langchain 1.3b0,
#           opentelemetry-sdk 1.45.2.
#
# Expected: with `set_llm_cache`, a question that was asked before costs nothing: the model is not asked. Its span says so, or there is none, or
#           it has no tokens; whoever adds up the tokens of a session gets what was used.
# Happens:  the cached message still has the usage of the first call. Both instrumentations write it on a span like any other, so three times the
#           same question, one call, are three calls' tokens, and so it is in LangChain's own `UsageMetadataCallbackHandler`. LangChain
#           knows: it puts `total_cost: 0` beside the tokens. Of OpenInference's span that is in the text of `output.value`, deep inside, and
#           on OpenTelemetry's nothing is different from the span of the real call.
#
# Output (2026-12-01):
#   openinference: the model is asked 1 time; 3 spans, input tokens 20 20 20; a cached one differs in: output.value
#   opentelemetry: the model is asked 1 time; 3 spans, input tokens 20 20 20; a cached one differs in: nothing
#   LangChain's own count: 60 input tokens
#   as stated: the tokens of a cached answer are counted again
#
# For users of sessions: the better the cache works, the more a session seems to use: a cost per turn of what was free, a budget for a user that is
#           reached by asking the same again, and calls of some milliseconds in the latency of the model.
# Here:     docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect". On the local page these tokens are counted
#           as well.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}" "${!OPENINFERENCE_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    langchain-core==1.8.3 langchain==1.5.2 openinference-instrumentation-langchain==0.1.80 \
    opentelemetry-instrumentation-genai-langchain==1.3b0 opentelemetry-sdk==1.45.2

cat >"$folder/ask.py" <<'PYTHON'
import os
import sys

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from openinference.instrumentation.langchain import LangChainInstrumentor as OpenInference
from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor as OpenTelemetry
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TOKENS = ("llm.token_count.prompt", "gen_ai.usage.input_tokens")
USAGE = {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25}
asked = []


class Model(BaseChatModel):
    """A stand-in that says which model it is, as OpenAI's does."""

    @property
    def _llm_type(self):
        return "openai-chat"

    @property
    def _identifying_params(self):
        return {"model_name": "gpt-4o"}

    def _generate(self, messages, stop=None, run_manager=None, **options):
        asked.append(messages)
        answer = AIMessage("On Friday.", usage_metadata=dict(USAGE), response_metadata={"model_name": "gpt-4o"})
        return ChatResult(generations=[ChatGeneration(message=answer)])


def say(label, instrumentor, expected):
    """Ask the same three times, and return what LangChain has counted."""
    exporter, provider, counted = InMemorySpanExporter(), TracerProvider(), UsageMetadataCallbackHandler()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor.instrument(tracer_provider=provider)
    set_llm_cache(InMemoryCache())
    asked.clear()
    for _ in range(3):
        Model().invoke("When?", config={"callbacks": [counted]})
    instrumentor.uninstrument()
    spans = [dict(span.attributes) for span in exporter.get_finished_spans()]
    tokens = [str(span[name]) for span in spans for name in TOKENS if name in span]
    made, cached = spans[0], spans[1]
    differs = [name for name in made | cached if made.get(name) != cached.get(name)]
    seen = f"the model is asked {len(asked)} time; {len(spans)} spans, input tokens {' '.join(tokens)}; "
    seen += f"a cached one differs in: {', '.join(differs) or 'nothing'}"
    print(f"{label} {seen}")
    told = [name for name in differs if '"total_cost": 0' in cached[name] and '"total_cost": 0' not in made[name]]
    if told != differs:
        sys.exit(f"no longer as stated: {differs} differ in something else")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")
    return counted.usage_metadata["gpt-4o"]


ALL = "the model is asked 1 time; 3 spans, input tokens 20 20 20; a cached one differs in: "
own = say("openinference:", OpenInference(), ALL + "output.value")
say("opentelemetry:", OpenTelemetry(), ALL + "nothing")
print(f"LangChain's own count: {own['input_tokens']} input tokens")
if (own["input_tokens"], own["total_cost"]) != (60, 0):
    sys.exit(f"no longer as stated: LangChain has counted {own}")
PYTHON
timeout 60 "$folder/bin/python" "$folder/ask.py"
echo "as stated: the tokens of a cached answer are counted again"
