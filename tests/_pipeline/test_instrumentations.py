"""Beside the instrumentations of others: who wins (rule 7), what streams and agents carry, and lost contexts (12)."""

from __future__ import annotations

import asyncio
import json

import pytest
from openai import AsyncOpenAI
from openinference.instrumentation import using_attributes, using_session, using_user
from opentelemetry import context, trace
from opentelemetry.trace import set_span_in_context

from otel_sessions import clear_session, get_session, set_session, update_session
from otel_sessions.sdk import SessionSpanProcessor
from threads import in_a_thread

MESSAGES = [{"role": "user", "content": "What is a span?"}]
KEYS = ("session.id", "user.id", "session.displaced_id")


pytestmark = pytest.mark.usefixtures("no_error_of_anybody", "no_session_is_left_behind")


def ask(client):
    client.chat.completions.create(model="m", messages=MESSAGES)


def ask_streaming(client):
    for _ in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
        pass


def ask_responses(client):
    client.responses.create(model="m", input="What is a span?")


def ask_responses_streaming(client):
    for _ in client.responses.create(model="m", input="What is a span?", stream=True):
        pass


ASKING = [ask, ask_streaming, ask_responses, ask_responses_streaming]


def seen(pipeline):
    """Return what of a session each exported span has, in the order in which they ended."""
    return [
        tuple(span.attributes[key] for key in KEYS if key in span.attributes)
        for span in pipeline.exporter.get_finished_spans()
    ]


# Conflicts: OpenInference's own session at the same time


@pytest.mark.parametrize("call", ASKING)
def test_a_scope_wins_over_a_session_of_openinference_inside_it(chat, client, call):
    with set_session("ours", user_id="ada"), using_session("theirs"):
        call(client)
    assert seen(chat) == [("ours", "ada", "theirs")]


@pytest.mark.parametrize("call", ASKING)
def test_a_scope_wins_over_a_session_of_openinference_around_it_and_displaces_nothing(chat, client, call):
    with using_session("theirs"), using_user("bob"):
        with set_session("ours", user_id="ada"):
            call(client)
        call(client)
    assert seen(chat) == [("ours", "ada"), ("theirs", "bob")]


def test_spans_of_other_tracers_take_the_session_of_the_scope_and_have_nothing_displaced(chat, client):
    with (
        set_session("ours", user_id="ada"),
        using_session("theirs"),
        chat.tracer.start_as_current_span("turn"),
    ):
        ask(client)
    assert seen(chat) == [("ours", "ada", "theirs"), ("ours", "ada")]


def test_the_innermost_scope_wins_however_deep_a_session_of_openinference_stands_between(chat, client):
    with set_session("outer", user_id="ada"), using_session("theirs"), set_session("inner"):
        ask(client)
        with using_session("deepest"):
            ask(client)
        with clear_session():
            ask(client)
    assert seen(chat) == [("inner", "ada"), ("inner", "ada", "deepest"), ()]


def test_a_user_of_openinference_inside_a_scope_stays_on_its_own_spans_alone(chat, client):
    """Its spans start with it, and a user that a span starts with stays."""
    with set_session("ours", user_id="ada"), using_user("bob"), chat.tracer.start_as_current_span("turn"):
        ask(client)
    assert seen(chat) == [("ours", "bob"), ("ours", "ada")]


def test_a_user_of_openinference_around_a_scope_joins_it_where_the_scope_has_none(chat, client):
    with using_user("bob"):
        with set_session("ours"), chat.tracer.start_as_current_span("turn"):
            ask(client)
        with set_session("ours", user_id="ada"), chat.tracer.start_as_current_span("turn"):
            ask(client)
    assert seen(chat) == [("ours", "bob")] * 2 + [("ours", "ada")] * 2


def test_a_session_of_openinference_is_on_every_span_where_there_is_no_scope(chat, client):
    with using_session("theirs"), using_user("bob"), chat.tracer.start_as_current_span("turn"):
        chat.tracer.start_span("plain").end()
        ask(client)
    assert seen(chat) == [("theirs", "bob")] * 3


def test_a_user_that_is_added_by_a_scope_joins_a_session_of_openinference(chat, client):
    with using_session("theirs"), update_session(user_id="ada"), chat.tracer.start_as_current_span("turn"):
        ask(client)
    assert seen(chat) == [("theirs", "ada")] * 2


def test_a_session_of_openinference_ends_where_its_block_ends(chat, client):
    with using_session("theirs"):
        pass
    ask(client)
    assert seen(chat) == [()]


@pytest.mark.parametrize("call", ASKING)
def test_a_session_of_openinference_wins_where_the_span_is_set_to_win(make_pipeline, instrumented, client, call):
    pipeline = instrumented(make_pipeline(SessionSpanProcessor(conflict="span")))
    with set_session("ours", user_id="ada"), using_session("theirs"), pipeline.tracer.start_as_current_span("turn"):
        call(client)
    assert seen(pipeline) == [("theirs", "ada", "ours"), ("ours", "ada")]


def test_where_the_span_is_set_to_win_a_scope_inside_a_session_of_openinference_has_no_conflict(
    make_pipeline, instrumented, client, monkeypatch
):
    monkeypatch.setenv("OTEL_SESSION_CONFLICT", "span")
    pipeline = instrumented(make_pipeline())
    with using_session("theirs"), set_session("ours", user_id="ada"):
        ask(client)
    assert seen(pipeline) == [("ours", "ada")]


# Streams: the span ends long after the call, elsewhere


@pytest.mark.parametrize("other", [None, "theirs"])
def test_a_stream_that_is_read_after_the_scope_keeps_its_session(chat, client, other):
    with set_session("ours", user_id="ada"):
        if other is None:
            stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        else:
            with using_session(other):
                stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    with set_session("next", user_id="bob"):
        assert [chunk for chunk in stream if chunk.choices]
    assert seen(chat) == [("ours", "ada") if other is None else ("ours", "ada", other)]


def test_a_stream_that_another_thread_reads_keeps_its_session(chat, client):
    with set_session("ours", user_id="ada"), using_session("theirs"):
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        in_a_thread(lambda: list(stream))
    assert seen(chat) == [("ours", "ada", "theirs")]


def test_async_streams_that_are_read_at_the_same_time_keep_their_own_sessions(chat, api):
    async def turn(client, number, opened):
        with set_session(f"s{number}", user_id=f"u{number}"), using_session("theirs"):
            stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            await opened.arrive()
            return [chunk async for chunk in stream]

    async def main():
        opened = Meeting(3)
        async with AsyncOpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:
            answers = await asyncio.gather(*(turn(client, number, opened) for number in range(3)))
        assert all(answers)
        assert get_session() is None

    asyncio.run(main())
    assert sorted(seen(chat)) == [(f"s{number}", f"u{number}", "theirs") for number in range(3)]


class Meeting:
    """Holds each task until all have come (`asyncio.Barrier` is new in Python 3.11)."""

    def __init__(self, parties):
        self._awaited = parties
        self._all_here = asyncio.Event()

    async def arrive(self):
        self._awaited -= 1
        if not self._awaited:
            self._all_here.set()
        await self._all_here.wait()


def test_an_async_stream_that_another_task_reads_keeps_its_session(chat, api):
    async def read(stream):
        return [chunk async for chunk in stream]

    async def main():
        async with AsyncOpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:
            with set_session("ours", user_id="ada"):
                stream = await client.responses.create(model="m", input="What is a span?", stream=True)
            with set_session("next", user_id="bob"):
                assert await asyncio.create_task(read(stream))

    asyncio.run(main())
    assert seen(chat) == [("ours", "ada")]


# Agents: a framework that makes spans of its own, from callbacks. It takes seconds to import, so that is left to these tests.


@pytest.fixture
def agents_pipeline(chat):
    """The pipeline of the client and of the OpenAI Agents SDK, whose own upload of traces is off."""
    import agents
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    agents.set_trace_processors([])
    instrumentor = OpenAIAgentsInstrumentor()
    instrumentor.instrument(tracer_provider=chat.provider)
    yield chat
    instrumentor.uninstrument()
    agents.set_trace_processors([])  # an instrumentor puts back what there was, or leaves its own


def clerk_and_courier(client):
    """Return an agent whose tool asks another agent."""
    import agents

    model = agents.OpenAIChatCompletionsModel(model="m", openai_client=client)
    courier = agents.Agent(name="courier", instructions="Know the way.", model=model)

    @agents.function_tool
    async def find_order(order_id: str) -> str:
        """Find an order."""
        await agents.Runner.run(courier, f"Where is parcel {order_id}?")
        return json.dumps({"order_id": order_id, "status": "on its way", "arrives": "Monday"})

    return agents.Agent(name="clerk", instructions="Be kind.", model=model, tools=[find_order])


async def run(agent, question):
    from agents import Runner

    return (await Runner.run(agent, question)).final_output


async def run_streamed(agent, question):
    from agents import Runner

    result = Runner.run_streamed(agent, question)
    async for _ in result.stream_events():
        pass
    return result.final_output


def hold(api, runner, *scopes):
    """Let the two agents work on one question, inside of ``scopes`` from the outside in."""

    async def main():
        async with AsyncOpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:
            agent = clerk_and_courier(client)
            for scope in scopes:
                scope.__enter__()
            try:
                return await runner(agent, "Where is order 4711?")
            finally:
                for scope in reversed(scopes):
                    scope.__exit__(None, None, None)

    assert asyncio.run(main()) == "Order 4711 is on its way and arrives on Monday."


def assert_the_run_is_whole(pipeline):
    """Both agents, the tool and three calls of the model are there, in one trace."""
    spans = pipeline.exporter.get_finished_spans()
    names = [span.name for span in spans]
    assert {"clerk", "courier", "find_order"} <= set(names)
    assert names.count("ChatCompletion") == 3
    assert len({span.context.trace_id for span in spans}) == 1


@pytest.mark.parametrize("runner", [run, run_streamed])
def test_every_span_of_a_run_of_two_agents_and_a_tool_has_both_ids(agents_pipeline, api, runner):
    hold(api, runner, set_session("ours", user_id="ada"))
    assert_the_run_is_whole(agents_pipeline)
    assert set(seen(agents_pipeline)) == {("ours", "ada")}


@pytest.mark.parametrize("runner", [run, run_streamed])
def test_a_session_that_a_framework_sets_is_displaced_on_every_span_of_a_run(agents_pipeline, api, runner):
    hold(api, runner, set_session("ours", user_id="ada"), using_attributes(session_id="run-1", metadata={"k": "v"}))
    assert_the_run_is_whole(agents_pipeline)
    assert set(seen(agents_pipeline)) == {("ours", "ada", "run-1")}


def test_a_scope_inside_a_session_of_a_framework_displaces_nothing_in_a_run(agents_pipeline, api):
    hold(api, run, using_attributes(session_id="run-1", user_id="bob"), set_session("ours", user_id="ada"))
    assert_the_run_is_whole(agents_pipeline)
    assert set(seen(agents_pipeline)) == {("ours", "ada")}


def test_runs_at_the_same_time_keep_their_own_sessions(agents_pipeline, api):
    async def turn(client, number, opened):
        async with set_session(f"s{number}", user_id=f"u{number}"):
            await opened.arrive()
            return await run(clerk_and_courier(client), "Where is order 4711?")

    async def main():
        opened = Meeting(3)
        async with AsyncOpenAI(base_url=api.base_url, api_key="none", max_retries=0) as client:
            return await asyncio.gather(*(turn(client, number, opened) for number in range(3)))

    assert len(asyncio.run(main())) == 3
    per_trace = {}
    for span in agents_pipeline.exporter.get_finished_spans():
        ids = (span.attributes["session.id"], span.attributes["user.id"])
        per_trace.setdefault(span.context.trace_id, set()).add(ids)
    assert sorted(map(sorted, per_trace.values())) == [[(f"s{number}", f"u{number}")] for number in range(3)]


def test_agents_without_a_session_carry_none(agents_pipeline, api):
    hold(api, run)
    assert_the_run_is_whole(agents_pipeline)
    assert set(seen(agents_pipeline)) == {()}


# Lost contexts: what a callback knows is a span


@pytest.mark.parametrize("ended", [False, True])
def test_a_callback_in_another_thread_that_knows_the_parent_alone_inherits_from_it(chat, client, ended):
    with set_session("ours", user_id="ada"):
        parent = chat.tracer.start_span("parent")
    if ended:
        parent.end()

    def callback():
        lost = set_span_in_context(parent, context.Context())
        chat.tracer.start_span("by hand", context=lost).end()
        token = context.attach(lost)
        ask(client)
        context.detach(token)
        assert get_session() is None

    in_a_thread(callback)
    parent.end()
    assert seen(chat) == [("ours", "ada")] * 3


def test_a_grandchild_of_a_lost_context_inherits_too(chat, client):
    with set_session("ours", user_id="ada"), chat.tracer.start_as_current_span("parent") as parent:
        pass

    def callback():
        with (
            trace.use_span(chat.tracer.start_span("child", set_span_in_context(parent, context.Context())), True),
            chat.tracer.start_as_current_span("grandchild"),
        ):
            ask(client)

    in_a_thread(callback)
    assert seen(chat) == [("ours", "ada")] * 4


def test_the_parent_of_a_lost_context_displaces_a_session_of_openinference(chat, client):
    with set_session("ours", user_id="ada"):
        parent = chat.tracer.start_span("parent")
    parent.end()

    def callback():
        with trace.use_span(parent), using_session("theirs"):
            ask(client)

    in_a_thread(callback)
    assert seen(chat) == [("ours", "ada"), ("ours", "ada", "theirs")]


def test_a_span_with_an_explicitly_empty_context_has_no_session_whatever_is_around(chat):
    with (
        set_session("ours", user_id="ada"),
        using_session("theirs"),
        chat.tracer.start_as_current_span("parent") as parent,
    ):
        chat.tracer.start_span("root", context=context.Context()).end()
        in_a_thread(lambda: chat.tracer.start_span("elsewhere", context=context.Context()).end())
    assert seen(chat) == [(), (), ("ours", "ada")]
    assert parent.attributes["session.id"] == "ours"


def test_a_callback_with_the_context_of_a_cleared_session_gets_nothing(chat, client):
    with set_session("ours", user_id="ada"), chat.tracer.start_as_current_span("parent"):
        with clear_session(), chat.tracer.start_as_current_span("cleared") as cleared:
            captured = context.get_current()

        def callback():
            for ctx in (captured, set_span_in_context(cleared, context.Context())):
                token = context.attach(ctx)
                ask(client)
                context.detach(token)

        in_a_thread(callback)
    assert seen(chat) == [(), (), (), ("ours", "ada")]


def test_a_raw_thread_without_a_context_gets_nothing_while_a_scope_is_open_elsewhere(chat, client):
    with set_session("ours", user_id="ada"), using_session("theirs"):
        in_a_thread(lambda: ask(client))
    assert seen(chat) == [()]
