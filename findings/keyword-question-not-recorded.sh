#!/usr/bin/env bash
# Semantic Kernel: a question that is given by keyword is recorded as no question.
#
# Packages: semantic-kernel 1.45.0, opentelemetry-sdk 1.45.2.
#
# Expected: with the recording of content switched on, `gen_ai.input.messages` of the span `invoke_agent` has the question, however it was
#           given: `agent.get_response("...")` and `agent.get_response(messages="...")` are the same call.
# Happens:  given by its place it is there. Given by keyword, as in the examples of the package, the attribute is `[]`: not left
#           out, but said to be empty. The tracing reads the second positional argument alone. The answer is recorded both times.
#
# Output (2026-11-30):
#   by place:   gen_ai.input.messages ['When?'], gen_ai.output.messages ['On Friday.']
#   by keyword: gen_ai.input.messages [], gen_ai.output.messages ['On Friday.']
#   as stated: a question by keyword is recorded as none
#
# For users of sessions: each turn has an answer and no question, and that is what an empty question would look like. A page that takes the
#           attribute at its word shows a conversation of one side, and a search for what somebody asked finds nothing.
# Here:     the local page does not take `[]` for words, and reads the records of a log in which Semantic Kernel writes the question, too:
#           docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect".
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!SEMANTICKERNEL_@}" "${!OPENAI_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check semantic-kernel==1.45.0 opentelemetry-sdk==1.45.2

cat >"$folder/agent.py" <<'PYTHON'
import asyncio
import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.contents import ChatMessageContent

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)


class Answering(ChatCompletionClientBase):
    async def _inner_get_chat_message_contents(self, chat_history, settings):
        return [ChatMessageContent(role="assistant", content="On Friday.")]


agent = ChatCompletionAgent(service=Answering(ai_model_id="m"), name="helper")
given = {"by place": (["When?"], {}), "by keyword": ([], {"messages": "When?"})}
arguments, keywords = given[sys.argv[1]]
asyncio.run(agent.get_response(*arguments, **keywords))
(span,) = exporter.get_finished_spans()


def words(key):
    return [message["content"] for message in json.loads(span.attributes[key])]


said = f"gen_ai.input.messages {words('gen_ai.input.messages')}, gen_ai.output.messages {words('gen_ai.output.messages')}"
print(f"{sys.argv[1] + ':':12}{said}")
if said != sys.argv[2]:
    sys.exit(f"no longer as stated: expected {sys.argv[2]}")
PYTHON

export SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true
ask() { "$folder/bin/python" "$folder/agent.py" "$@"; }
ask 'by place' "gen_ai.input.messages ['When?'], gen_ai.output.messages ['On Friday.']"
ask 'by keyword' "gen_ai.input.messages [], gen_ai.output.messages ['On Friday.']"
echo "as stated: a question by keyword is recorded as none"
