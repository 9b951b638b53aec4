#!/usr/bin/env bash
# Google ADK, pydantic-ai: an agent that another one asks has a conversation of its own, with a new random id in each turn.
#
# Packages: google-adk 2.13.0, pydantic-ai-slim 2.68.0, opentelemetry-sdk 1.44.0 (google-adk allows no newer one).
#
# Expected: `conversation_id="conv-1"`, or the session "conv-1" of ADK's runner, is `gen_ai.conversation.id` of the turn, so of all
#           that is done for it. Who asks for the conversation gets each turn whole, with what it cost.
# Happens:  ADK's `AgentTool` makes a runner and a session for the agent that it calls, and pydantic-ai makes up an id for a run that is given none,
#           inside of another run as well. So below one tool of the turn each span has an id that nobody has seen before, and nobody
#           will again: two turns are three conversations. Both hand other things on: ADK the state and the user, pydantic-ai the
#           tokens (`usage=ctx.usage`), and its spans below the outer run would find the outer id in the baggage that it sets itself.
#           The span `execute_tool` of ADK that holds the two together has no id. `sub_agents` of ADK and a pydantic-ai run that is
#           given `conversation_id=ctx.conversation_id` stay in the conversation.
#
# Output (2026-12-01):
#   pydantic-ai, an agent asked by a tool:  2 turns in 3 conversations; conv-1 has 4 of 6 calls of a model, and 400 of 800 input tokens
#   the same, with conversation_id=:        2 turns in 1 conversation; conv-1 has 6 of 6 calls of a model, and 800 of 800 input tokens
#   ADK, AgentTool:                         2 turns in 3 conversations; conv-1 has 4 of 6 calls of a model, and 400 of 800 input tokens
#   ADK, sub_agents:                        2 turns in 1 conversation; conv-1 has 4 of 4 calls of a model, and 600 of 600 input tokens
#   as stated: an agent that is asked by another one is in a conversation of its own
#
# For users of sessions: whoever groups by `gen_ai.conversation.id`, as backends do, has half of what a turn cost, and a list of conversations that is
#           full of fragments without a user's question. An agent that leaves the work to others is nearly empty.
# Here:     a session by `set_session`, or `OTEL_SESSION_PROVIDER_IDS=user,framework`, is on all these spans, and the dialect `genai` puts
#           it in the place of the random id: docs/how-to/agent-frameworks.md, "What their spans say otherwise than you would expect".
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check google-adk==2.13.0 pydantic-ai-slim==2.68.0 opentelemetry-sdk==1.44.0

cat >"$folder/ask.py" <<'PYTHON'
import asyncio
import logging
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.genai import types
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import RequestUsage

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
Agent.instrument_all()
BOSS, HELPER = 100, 200  # input tokens of a call of the model


def of_pydantic_ai(hands_on):
    """Ask an agent that asks another one, as its documentation does it."""

    def boss_says(messages, info):
        asked = messages[-1].parts[-1].part_kind == "user-prompt"
        said = ToolCallPart("ask", {}) if asked else TextPart("On Friday.")
        return ModelResponse([said], usage=RequestUsage(input_tokens=BOSS))

    def helper_says(messages, info):
        return ModelResponse([TextPart("Friday")], usage=RequestUsage(input_tokens=HELPER))

    helper = Agent(FunctionModel(helper_says), name="helper")
    boss = Agent(FunctionModel(boss_says), name="boss")

    @boss.tool
    async def ask(run):
        more = {"conversation_id": run.conversation_id} if hands_on else {}
        return (await helper.run("When?", usage=run.usage, **more)).output

    history = []
    for _ in range(2):
        history = boss.run_sync("When?", conversation_id="conv-1", message_history=history).all_messages()


class Model(BaseLlm):
    tokens: int
    calls: str = ""
    arguments: dict = {}

    async def generate_content_async(self, request, stream=False):
        said = types.Part(text="On Friday.")
        if self.calls and request.contents[-1].parts[-1].text:
            said = types.Part(function_call=types.FunctionCall(name=self.calls, args=self.arguments))
        used = types.GenerateContentResponseUsageMetadata(prompt_token_count=self.tokens, candidates_token_count=1)
        yield LlmResponse(content=types.Content(role="model", parts=[said]), usage_metadata=used)


def of_adk(as_tool):
    helper = LlmAgent(name="helper", model=Model(model="m", tokens=HELPER), disallow_transfer_to_parent=True)
    if as_tool:
        model = Model(model="m", tokens=BOSS, calls="helper", arguments={"request": "When?"})
        boss = LlmAgent(name="boss", model=model, tools=[AgentTool(helper)])
    else:
        model = Model(model="m", tokens=BOSS, calls="transfer_to_agent", arguments={"agent_name": "helper"})
        boss = LlmAgent(name="boss", model=model, sub_agents=[helper])
    runner = InMemoryRunner(boss)

    async def turns():
        for _ in range(2):
            await runner.run_debug("When?", user_id="ada", session_id="conv-1", quiet=True)

    asyncio.run(turns())


def say(label, run, expected):
    exporter.clear()
    run()
    spans = exporter.get_finished_spans()
    calls = [s.attributes for s in spans if "gen_ai.usage.input_tokens" in s.attributes and "invoke" not in s.name]
    found = {s.attributes["gen_ai.conversation.id"] for s in spans if "gen_ai.conversation.id" in s.attributes}
    own = [a for a in calls if a["gen_ai.conversation.id"] == "conv-1"]
    used = [sum(a["gen_ai.usage.input_tokens"] for a in some) for some in (own, calls)]
    turns = len({s.context.trace_id for s in spans})
    seen = f"{turns} turns in {len(found)} conversation{'s' if len(found) > 1 else ''}; conv-1 has {len(own)} of {len(calls)} calls of a model, "
    seen += f"and {used[0]} of {used[1]} input tokens"
    print(f"{label + ':':39} {seen}")
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")


APART = "2 turns in 3 conversations; conv-1 has 4 of 6 calls of a model, and 400 of 800 input tokens"
TOGETHER = "2 turns in 1 conversation; conv-1 has 6 of 6 calls of a model, and 800 of 800 input tokens"
say("pydantic-ai, an agent asked by a tool", lambda: of_pydantic_ai(False), APART)
say("the same, with conversation_id=", lambda: of_pydantic_ai(True), TOGETHER)
say("ADK, AgentTool", lambda: of_adk(True), APART)
say("ADK, sub_agents", lambda: of_adk(False), TOGETHER.replace("6", "4").replace("800", "600"))
PYTHON
timeout 120 "$folder/bin/python" "$folder/ask.py"
echo "as stated: an agent that is asked by another one is in a conversation of its own"
