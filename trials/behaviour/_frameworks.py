"""Rows about agent frameworks, in which the block is around the call of a real one."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor

from . import _agents
from ._agents import QUESTION
from ._outcome import ADA, BOB, Ids, NoSuchCallError, Outcome, fails, judged, worst
from ._scenario import scenario

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ._stage import Stage

_ALL_SPANS = "All of them, the application's in the tool, too."
_NEXT = "next"
_LONG = Ids("conv-4242-of-ada", "ada-lovelace")


@scenario(
    "pydantic-ai: each span of a run has both ids",
    f"An agent that traces itself, with a tool in which the application makes a span. {_ALL_SPANS}",
)
def pydantic_ai_run(stage: Stage) -> Outcome:
    with _agents.model() as api:
        agent = _agents.of_pydantic_ai(api.base_url, _agents.find_order(stage))
        with stage.tool.scope(ADA):
            agent.run_sync(QUESTION)
    return stage.all_have(ADA, "pydantic-ai")


@scenario("Strands Agents: the same", "The same with Strands, which traces itself, too.")
def strands_run(stage: Stage) -> Outcome:
    return _strands_run(stage)


@scenario("OpenAI Agents SDK: the same", "The same, instrumented by OpenInference.")
def openai_agents_run(stage: Stage) -> Outcome:
    from agents import Runner

    with _agents.model() as api:
        agent = _agents.of_openai_agents(stage, api.base_url)
        with stage.tool.scope(ADA):
            Runner.run_sync(agent, QUESTION)
    return stage.all_have(ADA, "openinference.instrumentation.openai_agents")


@scenario("smolagents: the same", "The same, instrumented by OpenInference.")
def smolagents_run(stage: Stage) -> Outcome:
    with _agents.model() as api:
        agent = _agents.of_smolagents(stage, api)
        with stage.tool.scope(ADA):
            agent.run(QUESTION)
    return stage.all_have(ADA, _SMOLAGENTS)


_SMOLAGENTS = "openinference.instrumentation.smolagents"
_LANGCHAIN = "openinference.instrumentation.langchain"


@scenario(
    "LangGraph: a `thread_id` beside the session does not split the conversation",
    "A graph with a checkpointer and two nodes at once, a model call and the tool, instrumented by OpenInference, which "
    f"makes a session of the thread id when a span ends. {_ALL_SPANS}",
)
def langgraph_thread(stage: Stage) -> Outcome:
    with _agents.model() as api:
        graph = _agents.of_langgraph(stage, api.base_url)
        with stage.tool.scope(ADA):
            graph.invoke(*_agents.asked("thread-7"))
    return stage.all_have(ADA, _LANGCHAIN)


@scenario(
    "Strands Agents: nor do its `trace_attributes`",
    "An agent with `trace_attributes={'session.id': …}` of its own, run in the block.",
)
def strands_attributes(stage: Stage) -> Outcome:
    return _strands_run(stage, trace_attributes={"session.id": "strands-1"})


def _strands_run(stage: Stage, **options: Any) -> Outcome:
    with _agents.model() as api:
        agent = _agents.of_strands(stage, api.base_url, **options)
        with stage.tool.scope(ADA):
            agent(QUESTION)
    return stage.all_have(ADA, "strands")


@scenario(
    "pydantic-ai: nor does its conversation id under OpenInference's processor",
    "Two runs, with `OpenInferenceSpanProcessor`, which writes the attributes anew when a span ends, and the exporter "
    "behind the tool's processors.",
    first=SpanProcessor,
)
def rewritten_behind(stage: Stage) -> Outcome:
    stage.export_last(_rewriting())
    return _two_runs(stage)


def _rewriting() -> SpanProcessor:
    from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor

    return OpenInferenceSpanProcessor()


@scenario(
    "… also where that processor stands first",
    "The same, with it before the tool's processors, and the exporter behind all.",
    first=_rewriting,
)
def rewritten_before(stage: Stage) -> Outcome:
    if stage.tool.stands_first:
        message = "its own processors stand first"
        raise NoSuchCallError(message)
    stage.export_last()
    return _two_runs(stage)


def _two_runs(stage: Stage) -> Outcome:
    with _agents.model() as api:
        agent = _agents.of_pydantic_ai(api.base_url, _agents.find_order(stage))
        for _ in range(2):
            with stage.tool.scope(ADA):
                agent.run_sync(QUESTION)
    return stage.all_have(ADA, "pydantic-ai")


@scenario(
    "Two users at once keep their own",
    "Two runs of the OpenAI Agents SDK that stream, in two tasks: each span with one's words in it has one's ids, and "
    "both have as many spans.",
)
def two_users(stage: Stage) -> Outcome:
    from agents import Runner

    async def take(ids: Ids, url: str) -> None:
        agent = _agents.of_openai_agents(stage, url)
        with stage.tool.scope(ids), stage.tool.tracer().start_as_current_span("turn"):
            async for _ in Runner.run_streamed(agent, f"{QUESTION} {ids.session} asks.").stream_events():
                pass

    async def both(url: str) -> None:
        await asyncio.gather(take(ADA, url), take(BOB, url))

    with _agents.model() as api:
        asyncio.run(both(api.base_url))
    return _apart(stage)


def _apart(stage: Stage) -> Outcome:
    spans = stage.recorder.spans()
    found = [(stage.ids_in(span.attributes), str(span.attributes)) for span in spans]
    mixed = sum(f"{other.session} asks" in said for ids, said in found for other in (ADA, BOB) if ids != other)
    counts = [sum(ids == each for ids, _ in found) for each in (ADA, BOB)]
    is_right = not mixed and counts[0] == counts[1] == len(found) / 2
    return judged(is_right, f"{len(found)} of {len(found)} spans", f"{mixed} spans with words of the other, {counts}")


@scenario(
    "Strands Agents: a stream that is left early leaves nothing behind",
    "`stream_async`, left with `break` in the block; then a job without a session, and one after the collector has run: no "
    "ids, and no span of before above them.",
)
def strands_left_early(stage: Stage) -> Outcome:
    async def work(agent: Any) -> None:
        with stage.tool.leavable_scope(ADA):
            async for _ in agent.stream_async(QUESTION):
                break
        stage.mark(_NEXT)
        gc.collect()
        await asyncio.sleep(0.05)
        stage.mark(_NEXT)

    _with_strands(stage, work)
    return stage.fresh(_NEXT)


@scenario(
    "… and no session where it is closed only after the block",
    "The same with `contextlib.aclosing` around the block: a job without a session after all has no ids.",
)
def strands_closed_later(stage: Stage) -> Outcome:
    async def work(agent: Any) -> None:
        async with aclosing(agent.stream_async(QUESTION)) as events:
            with stage.tool.leavable_scope(ADA):
                await anext(events)
                await anext(events)
        stage.mark(_NEXT)

    _with_strands(stage, work)
    return stage.clean(_NEXT)


@scenario(
    "… and one that is begun inside and read outside keeps its session",
    "The same, read to its end after the block: both ids on all its spans. Then a job without a session.",
)
def strands_read_outside(stage: Stage) -> Outcome:
    async def work(agent: Any) -> None:
        events: AsyncIterator[Any] = agent.stream_async(QUESTION)
        with stage.tool.leavable_scope(ADA):
            await anext(events)
        async for _ in events:
            pass
        stage.mark(_NEXT)

    _with_strands(stage, work)
    return worst(stage.all_have(ADA, "strands", _NEXT), stage.fresh(_NEXT))


def _with_strands(stage: Stage, work: Any) -> None:
    with _agents.model() as api:
        asyncio.run(work(_agents.of_strands(stage, api.base_url)))


@scenario(
    "smolagents: a stream that is closed only after the block leaves no session behind",
    "`run(stream=True)`, a step taken in the block, closed after it; then a job without a session has no ids.",
)
def smolagents_closed_later(stage: Stage) -> Outcome:
    with _agents.model() as api:
        agent = _agents.of_smolagents(stage, api)
        with closing(agent.run(QUESTION, stream=True)) as steps, stage.tool.leavable_scope(ADA):
            next(steps)
        stage.mark(_NEXT)
    return stage.clean(_NEXT)


@scenario(
    "… and one that is begun inside and read outside keeps its session",
    "The same, read to its end after the block, as it is: both ids on all its spans. OpenInference's instrumentation leaves "
    "the span of the run current for whoever has made the call.",
)
def smolagents_read_outside(stage: Stage) -> Outcome:
    with _agents.model() as api:
        agent = _agents.of_smolagents(stage, api)
        with stage.tool.leavable_scope(ADA):
            steps = agent.run(QUESTION, stream=True)
            next(steps)
        for _ in steps:
            pass
    return stage.all_have(ADA, _SMOLAGENTS)


@scenario(
    "… and one that is handed on keeps it, and its reader has none",
    "The same, made in the block, wrapped by the tool, and read to its end after the block: both ids on all its spans, "
    "none on those that the reader makes between the steps and afterwards.",
)
def smolagents_handed_on(stage: Stage) -> Outcome:
    with _agents.model() as api:
        agent = _agents.of_smolagents(stage, api)
        with stage.tool.scope(ADA):
            steps = stage.tool.wrapped(ADA, agent.run(QUESTION, stream=True))
        _read(stage, steps)
    return worst(stage.all_have(ADA, _SMOLAGENTS, _NEXT), stage.clean(_NEXT))


def _read(stage: Stage, stream: Iterator[Any]) -> None:
    for _ in stream:
        stage.mark(_NEXT)
    stage.mark(_NEXT)


@scenario(
    "LangGraph: so does one of a graph",
    "The same with `graph.stream(…)`.",
)
def langgraph_handed_on(stage: Stage) -> Outcome:
    with _agents.model() as api:
        graph = _agents.of_langgraph(stage, api.base_url)
        with stage.tool.scope(ADA):
            chunks = stage.tool.wrapped(ADA, graph.stream(*_agents.asked("thread-7"), stream_mode="messages"))
        _read(stage, chunks)
    return worst(stage.all_have(ADA, _LANGCHAIN, _NEXT), stage.clean(_NEXT))


@scenario(
    "Agno: each span of a team's run has both ids, and nothing is left behind",
    "A team with a member, instrumented by OpenInference, which gives the run a session of its own and detaches its "
    "contexts in the wrong order; run in the block, then a job without a session: no ids, and no span of before above it.",
)
def agno_team(stage: Stage) -> Outcome:
    with _agents.model() as api:
        team = _agents.team_of_agno(stage, api.base_url)
        with stage.tool.leavable_scope(ADA):
            team.run(QUESTION)
        stage.mark(_NEXT)
    return worst(stage.all_have(ADA, "openinference.instrumentation.agno", _NEXT), stage.fresh(_NEXT))


@scenario(
    "pydantic-ai: what a tool calls gets neither the session nor the framework's name of it",
    "`run(conversation_id=…)` with the session's id, and a tool that calls `https://api.example.com` with httpx, "
    "instrumented by OpenTelemetry: no header of that request has an id.",
)
def tool_egress(stage: Stage) -> Outcome:
    import httpx
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    sent: dict[str, str] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        sent.update(request.headers)
        return httpx.Response(204)

    def find_order(order_id: str) -> str:
        with httpx.Client(transport=httpx.MockTransport(answer)) as client:
            HTTPXClientInstrumentor().instrument_client(client)
            client.get("https://api.example.com/orders", params={"id": order_id})
        return "{}"

    with _agents.model() as api:
        agent = _agents.of_pydantic_ai(api.base_url, find_order)
        with stage.tool.scope(_LONG):
            agent.run_sync(QUESTION, conversation_id=_LONG.session)
    return _sent_nothing(sent)


@scenario(
    "Mistral's client, which writes headers by itself, sends no id to Mistral",
    "`MISTRAL_SDK_TELEMETRY=global`, and a call of the client, whose transport answers at once: no header of the request "
    "to `https://api.mistral.ai` has an id.",
    {"MISTRAL_SDK_TELEMETRY": "global"},
)
def mistral_egress(stage: Stage) -> Outcome:
    import httpx2
    from mistralai.client import Mistral

    sent: dict[str, str] = {}

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.update(request.headers)
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        return httpx2.Response(200, json={**head, "choices": [message], "usage": usage})

    client = Mistral(api_key="none", client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    with stage.tool.scope(_LONG):
        client.chat.complete(model="m", messages=[{"role": "user", "content": "Hi."}])
    return _sent_nothing(sent)


def _sent_nothing(headers: dict[str, str]) -> Outcome:
    if "traceparent" not in headers:
        return fails("no header of a trace")
    found = [
        f"`{entry.partition('=')[0]}`"
        for value in headers.values()
        for entry in value.split(",")
        if any(str(each) in entry for each in _LONG)
    ]
    return judged(not found, "not sent", f"sent: {', '.join(found)}")


@scenario(
    "Without a session, the framework's own makes a whole one where that is asked for",
    "LangGraph as above, with a `thread_id`, in a span of the application, and no block at all; "
    "`OTEL_SESSION_PROVIDER_IDS=user,framework` is set, for ours. All spans, the application's around the run and in the "
    "tool, too, have the thread id as their session.",
    {"OTEL_SESSION_PROVIDER_IDS": "user,framework"},
)
def framework_session(stage: Stage) -> Outcome:
    with _agents.model() as api, stage.tool.tracer().start_as_current_span("turn"):
        _agents.of_langgraph(stage, api.base_url).invoke(*_agents.asked("thread-7"))
    return stage.all_have(Ids("thread-7", None), _LANGCHAIN)


ROWS = (
    pydantic_ai_run,
    strands_run,
    openai_agents_run,
    smolagents_run,
    langgraph_thread,
    strands_attributes,
    rewritten_behind,
    rewritten_before,
    two_users,
    strands_left_early,
    strands_closed_later,
    strands_read_outside,
    smolagents_closed_later,
    smolagents_read_outside,
    smolagents_handed_on,
    langgraph_handed_on,
    agno_team,
    tool_egress,
    mistral_egress,
    framework_session,
)
