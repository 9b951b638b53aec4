"""The spans of agent frameworks, where it is asked for what those carry: what they name late, those above, and nodes."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

import pytest
from opentelemetry import baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_sessions import bind_session, clear_session, set_session, step, update_session
from otel_sessions._pipeline.framework_spans import _MAX_NODES
from otel_sessions.sdk import SessionSpanProcessor, instrument

CONVERSATION = "gen_ai.conversation.id"
CONFIGURATION = ContextVar("child_runnable_config", default=None)


@pytest.fixture
def make(make_pipeline):
    def make(**options):
        settings = {"provider_ids": "user,framework"} | {
            key: options.pop(key) for key in ("dialects", "conflict") if key in options
        }
        return make_pipeline(SessionSpanProcessor(**settings), **options)

    return make


@pytest.fixture
def pipeline(make):
    return make()


@pytest.fixture
def span(pipeline):
    return pipeline.tracer.start_as_current_span


@pytest.fixture(autouse=True)
def _langchain(monkeypatch):
    module = ModuleType("langchain_core.runnables.config")
    module.var_child_runnable_config = CONFIGURATION
    monkeypatch.setitem(sys.modules, module.__name__, module)


@contextmanager
def node(thread_id="conv-42", **metadata):
    token = CONFIGURATION.set({"metadata": {"thread_id": thread_id, **metadata}})
    try:
        yield
    finally:
        CONFIGURATION.reset(token)


@contextmanager
def callers(items):
    held = None
    for key, value in items.items():
        held = baggage.set_baggage(key, value, held)
    token = attach(held)
    try:
        yield
    finally:
        detach(token)


def ids(pipeline):
    """Return the ids of each exported span, by name."""
    return {
        name: tuple(span.attributes[key] for key in ("session.id", "user.id") if key in span.attributes)
        for name, span in pipeline.spans().items()
    }


def paths(pipeline):
    return {name: span.attributes.get("session.path") for name, span in pipeline.spans().items()}


# At the end


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({CONVERSATION: "conv-42"}, ("conv-42",)),
        ({"metadata": '{"thread_id": "conv-42", "user_id": "ada"}'}, ("conv-42", "ada")),
        ({"session.id": "conv-42", "metadata": '{"thread_id": "conv-42", "user_id": "ada"}'}, ("conv-42", "ada")),
        ({}, ()),
    ],
)
def test_a_span_takes_at_its_end_what_its_framework_has_named_on_it_since(pipeline, span, attributes, expected):
    with span("agent") as agent:
        agent.set_attributes(attributes)
    assert ids(pipeline) == {"agent": expected}


def test_the_session_of_a_scope_or_a_bind_goes_before(pipeline, span):
    with set_session("ours", user_id="ada"), span("in a scope") as agent:
        agent.set_attributes({CONVERSATION: "theirs", "metadata": '{"user_id": "bob"}'})
    with span("bound") as agent:
        agent.set_attribute(CONVERSATION, "theirs")
        bind_session("ours")
    with clear_session(), span("cleared") as agent:
        agent.set_attribute(CONVERSATION, "theirs")
    assert ids(pipeline) == {"in a scope": ("ours", "ada"), "bound": ("ours",), "cleared": ()}


def test_the_user_of_a_framework_joins_a_session_without_one(pipeline, span):
    with set_session("ours"), span("agent") as agent:
        agent.set_attribute("metadata", '{"user_id": "ada"}')
    assert ids(pipeline) == {"agent": ("ours", "ada")}


def test_those_names_of_a_session_that_are_asked_for_come_with_it(make):
    pipeline = make(dialects="langfuse,genai")
    with pipeline.tracer.start_as_current_span("agent") as agent:
        agent.set_attribute("metadata", '{"thread_id": "conv-42", "user_id": "ada"}')
    attributes = pipeline.attributes("agent")
    assert attributes["langfuse.session.id"] == "conv-42"
    assert attributes["langfuse.user.id"] == "ada"


def test_a_full_span_has_room_for_them(make):
    pipeline = make(span_limits=SpanLimits(max_span_attributes=4))
    with pipeline.tracer.start_as_current_span("agent") as agent:
        agent.set_attributes({str(number): number for number in range(9)} | {CONVERSATION: "conv-42"})
    assert len(pipeline.attributes("agent")) == 4
    assert ids(pipeline) == {"agent": ("conv-42",)}


def test_a_span_that_names_another_session_itself_keeps_it(pipeline, span):
    with node("theirs", user_id="bob"):
        with span("from its start", attributes={"session.id": "own"}):
            pass
        with span("late") as late:
            late.set_attribute("session.id", "own")
    assert ids(pipeline) == {"from its start": ("own",), "late": ("own",)}


def test_it_is_counted(pipeline, span):
    with span("agent") as agent:
        agent.set_attribute(CONVERSATION, "conv-42")
    with node(), span("node"):
        pass
    (processor, _) = pipeline.provider._active_span_processor._span_processors
    stats = processor.stats()
    assert (stats.stamped, stats.without_session, stats.from_call) == (2, 0, 1)


# Those above


def test_a_span_above_takes_the_one_session_that_was_named_below_it(pipeline, span):
    with span("request"), span("turn"):
        with span("agent") as agent, span("before it is known"):
            agent.set_attributes({CONVERSATION: "conv-42", "user.id": "ada"})
        with span("afterwards"):
            pass
    assert ids(pipeline) == {
        "before it is known": (),
        "agent": ("conv-42", "ada"),
        "afterwards": (),
        "turn": ("conv-42", "ada"),
        "request": ("conv-42", "ada"),
    }


def test_a_span_above_two_sessions_takes_neither(pipeline, span):
    with span("batch"):
        for conversation, user in (("one", "ada"), ("two", "bob"), ("one", "ada")):
            with span(f"agent {conversation}") as agent:
                agent.set_attributes({CONVERSATION: conversation, "user.id": user})
    assert ids(pipeline)["batch"] == ()


def test_a_span_above_two_users_takes_the_session_alone(pipeline, span):
    with span("conversation"):
        for user in ("ada", "bob"):
            with node("conv-42", user_id=user), span(user):
                pass
    assert ids(pipeline)["conversation"] == ("conv-42",)


def test_a_span_above_what_the_application_has_named_takes_nothing(pipeline, span):
    with span("request"), set_session("ours"), span("inside"):
        pass
    with callers({"session.id": "a-callers"}), span("of a caller"):
        pass
    assert ids(pipeline) == {"inside": ("ours",), "request": (), "of a caller": ("a-callers",)}


def test_a_span_above_that_has_the_session_gets_its_user(pipeline, span):
    with span("workflow", attributes={CONVERSATION: "conv-42"}), node("conv-42", user_id="ada"), span("node"):
        pass
    assert ids(pipeline) == {"node": ("conv-42", "ada"), "workflow": ("conv-42", "ada")}


def test_a_remote_parent_is_told_nothing(pipeline):
    remote = NonRecordingSpan(SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(1)))
    with node():
        pipeline.tracer.start_span("child", set_span_in_context(remote), links=[Link(remote.get_span_context())]).end()
    assert ids(pipeline) == {"child": ("conv-42",)}


def test_a_parent_that_has_ended_is_told_nothing(pipeline, span):
    with span("parent") as parent, span("child") as child:
        parent.end()
        child.set_attribute(CONVERSATION, "conv-42")
    assert ids(pipeline) == {"parent": (), "child": ("conv-42",)}


# Beside the session and the user of the process


def test_what_is_named_late_goes_before_the_session_of_the_process(pipeline, span):
    instrument(pipeline.provider, provider_ids="framework", session_id="of-the-process", user_id="eve")
    with span("turn"):
        with span("agent") as agent:
            agent.set_attribute(CONVERSATION, "conv-42")
            with span("tool"):
                pass
        with span("graph") as graph:
            graph.set_attributes({"session.id": "conv-42", "metadata": '{"user_id": "ada"}'})
    with span("alone"):
        pass
    assert ids(pipeline) == {
        "tool": ("conv-42", "eve"),
        "agent": ("conv-42", "eve"),
        "graph": ("conv-42", "ada"),
        "turn": ("conv-42", "eve"),
        "alone": ("of-the-process", "eve"),
    }
    assert all("session.displaced_id" not in each.attributes for each in pipeline.spans().values())


@pytest.mark.parametrize("dialects", ["", "langfuse"])
def test_the_user_of_a_call_goes_before_that_of_the_process(make, dialects):
    pipeline = make(dialects=dialects)
    instrument(pipeline.provider, dialects=dialects, provider_ids="user", user_id="eve")
    tracer = pipeline.provider.get_tracer("openinference.instrumentation.openai")
    with set_session("ours"), tracer.start_as_current_span("chat") as chat:
        chat.set_attribute("llm.invocation_parameters", '{"user": "ada"}')
        pipeline.tracer.start_span("below").end()
    with set_session("ours", user_id="bob"), tracer.start_as_current_span("of bob") as chat:
        chat.set_attribute("llm.invocation_parameters", '{"user": "ada"}')
    assert ids(pipeline) == {"below": ("ours", "eve"), "chat": ("ours", "ada"), "of bob": ("ours", "bob")}
    assert pipeline.attributes("chat").get("langfuse.user.id", "ada") == "ada"


# Nodes


def test_what_is_started_in_a_node_has_its_path(pipeline, span):
    with node(langgraph_node="think"), span("own"), span("below"):
        pass
    with node(langgraph_node="write", langgraph_checkpoint_ns="sub:1|write:2"), span("in a subgraph"):
        pass
    assert paths(pipeline) == {"own": "/think", "below": "/think", "in a subgraph": "/sub/write"}


def test_a_node_is_the_path_inside_of_a_scope_too_unless_a_step_is(make):
    pipeline = make(dialects="langsmith")
    with set_session("ours"), node(langgraph_node="think", langgraph_checkpoint_ns="think:1"):
        pipeline.tracer.start_span("own").end()
        pipeline.tracer.start_span("again").end()
        with step("declared"):
            pipeline.tracer.start_span("in a step").end()
    with update_session(user_id="ada"), node(None, langgraph_node="think"):
        pipeline.tracer.start_span("without a session").end()
    assert paths(pipeline) == {
        "own": "/think",
        "again": "/think",
        "in a step": "/declared",
        "without a session": None,
    }


def test_below_the_node_of_a_graph_the_node_of_its_subgraph_is_the_path(pipeline, span):
    inner = node(langgraph_node="in", langgraph_checkpoint_ns="sub:1|in:2")
    with node(langgraph_node="sub", langgraph_checkpoint_ns="sub:1"), span("outer"), inner, span("inner"):
        pass
    assert paths(pipeline) == {"outer": "/sub", "inner": "/sub/in"}


def test_however_many_nodes_there_are_each_is_told(pipeline):
    with set_session("ours"):
        for number in range(_MAX_NODES + 9):
            with node(langgraph_node=f"n{number}"):
                pipeline.tracer.start_span(f"span {number}").end()
    assert paths(pipeline) == {f"span {number}": f"/n{number}" for number in range(_MAX_NODES + 9)}


def test_nodes_are_no_paths_unless_it_is_asked_for(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor())
    with set_session("ours"), node(langgraph_node="think"):
        pipeline.tracer.start_span("own").end()
    assert paths(pipeline) == {"own": None}
