#!/usr/bin/env bash
# Strands: the span of an agent's second run has the tokens of the first one as well.
#
# Packages: strands-agents 1.62.0, opentelemetry-sdk 1.45.1.
#
# Expected: the usage on the span of a run (`invoke_agent`) is that of this run, as the GenAI conventions have it: what one has who adds
#           up the calls of models below.
# Happens:  it is what the Agent object has used since it was made. Each run says more than the one before, though each asks the model
#           once, for 20 and 5. The call's own span has that. With an Agent for each run the sums are right.
#
# Output (2026-11-30):
#   one Agent, three runs: chat: 20/5 20/5 20/5; invoke_agent: 20/5 40/10 60/15
#   an Agent for each run: chat: 20/5 20/5 20/5; invoke_agent: 20/5 20/5 20/5
#   as stated: the span of a run has the tokens of the runs before it
#
# For users of sessions: an agent that is kept for a conversation is counted with the square of its turns: a sum over the runs of a session
#           of 20 turns is ten times what was used. The larger of a run's own number and of the sum below it is no way out.
#           One agent that serves many sessions gives each of them the tokens of the others.
# Here:     the local page does not read the tokens of these spans, but those of the calls below:
#           docs/reference/shapes.md, "Tokens and costs".
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!STRANDS_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check strands-agents==1.62.0 opentelemetry-sdk==1.45.1

cat >"$folder/agent.py" <<'PYTHON'
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from strands import Agent
from strands.models import Model

is_kept = sys.argv[1] == "kept"
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)


class Answering(Model):
    """A model that is in the process, and reports 20 and 5 tokens for each call."""

    def get_config(self):
        return {"model_id": "m"}

    def update_config(self, **_):
        pass

    async def structured_output(self, *_, **__):
        raise NotImplementedError
        yield

    async def stream(self, *_, **__):
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockDelta": {"delta": {"text": "On Friday."}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}
        yield {"metadata": {"usage": {"inputTokens": 20, "outputTokens": 5, "totalTokens": 25}, "metrics": {"latencyMs": 1}}}


agent = Agent(Answering(), callback_handler=None)
for _ in range(3):
    agent = agent if is_kept else Agent(Answering(), callback_handler=None)
    agent("When does it arrive?")
tokens = {"chat": [], "invoke_agent": []}
for span in exporter.get_finished_spans():
    if (of := span.attributes.get("gen_ai.operation.name")) in tokens:
        usage = span.attributes
        tokens[of].append(f"{usage['gen_ai.usage.input_tokens']}/{usage['gen_ai.usage.output_tokens']}")
said = "; ".join(f"{of}: {' '.join(each)}" for of, each in tokens.items())
print(f"{'one Agent, three runs:' if is_kept else 'an Agent for each run:'} {said}")
if said != sys.argv[2]:
    sys.exit(f"no longer as stated: expected {sys.argv[2]}")
PYTHON

ask() { "$folder/bin/python" "$folder/agent.py" "$@"; }
ask kept 'chat: 20/5 20/5 20/5; invoke_agent: 20/5 40/10 60/15'
ask anew 'chat: 20/5 20/5 20/5; invoke_agent: 20/5 20/5 20/5'
echo "as stated: the span of a run has the tokens of the runs before it"
