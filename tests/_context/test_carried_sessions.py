"""The session that an agent framework carries: through a Context, or in a run that only the framework knows of.

The frameworks are not here: Contexts, baggage, modules and functions are as theirs are. tests/frameworks runs them.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context, attach, create_key, detach, get_current, set_value
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from otel_sessions import bind_session, clear_session, get_session, set_session, step, to_carrier
from otel_sessions._context.process_session import HELD
from otel_sessions._session.framework_ids import CALLS
from otel_sessions._session.ids import digest
from otel_sessions.sdk import SessionSpanProcessor, instrument, uninstrument

CONVERSATION = "gen_ai.conversation.id"
CONFIGURATION = ContextVar("child_runnable_config", default=None)
REQUEST = ContextVar("agentserver_request_context")
TRACE = ContextVar("current_trace", default=None)


@pytest.fixture
def pipeline(make_pipeline):
    return make_pipeline(SessionSpanProcessor(provider_ids="user,framework"))


@pytest.fixture
def module(monkeypatch):
    def add(name, **content):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        vars(sys.modules[name]).update(content)
        return sys.modules[name]

    return add


@pytest.fixture(autouse=True)
def _langchain(module, monkeypatch):
    for name in (each for row in CALLS for each in row.modules):  # real ones, which other tests have imported
        monkeypatch.delitem(sys.modules, name, raising=False)
    module("langchain_core.runnables.config", var_child_runnable_config=CONFIGURATION)


@contextmanager
def current(held):
    token = attach(held)
    try:
        yield
    finally:
        detach(token)


@contextmanager
def running(variable, value):
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def node(thread_id="conv-42", **metadata):
    return running(CONFIGURATION, {"metadata": {"thread_id": thread_id, **metadata}, "configurable": {"x": 1}})


def ids_of_span(pipeline, **options):
    """Return the ids of a span that starts here."""
    pipeline.tracer.start_span("span", **options).end()
    attributes = pipeline.attributes("span")
    return attributes.get("session.id"), attributes.get("user.id")


# Through the Context


def conversation_of_util_genai(value):
    return set_value(create_key("opentelemetry.util.genai.conversation_id"), value)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (lambda: conversation_of_util_genai("conv-42"), ("conv-42", None)),
        (lambda: conversation_of_util_genai(object()), (None, None)),
        (lambda: baggage.set_baggage(CONVERSATION, "conv-42"), ("conv-42", None)),
        (lambda: baggage.set_baggage("microsoft.session.id", "conv-42"), ("conv-42", None)),
        (lambda: baggage.set_baggage("azure.ai.agentserver.session_id", "conv-42"), ("conv-42", None)),
        (lambda: baggage.set_baggage("azure.ai.agentserver.session_id", ""), (None, None)),
        (lambda: baggage.set_baggage("their.own.id", "conv-42"), (None, None)),
    ],
)
def test_a_span_has_the_session_that_a_framework_carries_in_its_context(pipeline, held, expected):
    with current(held()):
        assert ids_of_span(pipeline) == expected


def test_what_traceloop_has_left_behind_in_a_context_is_not_read(pipeline):
    left = set_value("association_properties", {"thread_id": "of-ada"})
    with current(left), pipeline.tracer.start_as_current_span("the next request"):
        assert ids_of_span(pipeline) == (None, None)


def test_a_span_that_a_framework_has_left_behind_gives_its_session_to_nobody(pipeline):
    with current(conversation_of_util_genai("of-ada")), pipeline.tracer.start_as_current_span("run") as run:
        assert ids_of_span(pipeline) == ("of-ada", None)
        with pipeline.tracer.start_as_current_span("step of the run") as below:
            below.end()
            assert ids_of_span(pipeline) == (None, None)
        run.end()
        assert ids_of_span(pipeline) == (None, None)
        assert get_session() is None
        with current(baggage.set_baggage(CONVERSATION, "of-ada")):
            assert ids_of_span(pipeline) == (None, None)
        with node("of-bob"):
            assert ids_of_span(pipeline) == ("of-bob", None)
    with pipeline.tracer.start_as_current_span("named late") as run:
        run.set_attribute("session.id", "of-ada")
        run.end()
        assert ids_of_span(pipeline) == (None, None)


def test_a_span_of_a_scope_that_has_ended_gives_its_session_as_before(pipeline):
    with set_session("ours"):
        span = pipeline.tracer.start_span("ended")
        span.end()
    assert ids_of_span(pipeline, context=trace.set_span_in_context(span)) == ("ours", None)


def test_a_conversation_goes_before_the_session_of_its_host(pipeline):
    held = baggage.set_baggage("azure.ai.agentserver.session_id", "made-up-for-a-request")
    with current(baggage.set_baggage("azure.ai.agentserver.conversation_id", "conv-42", held)):
        assert ids_of_span(pipeline) == ("conv-42", None)


def test_baggage_that_is_no_id_is_dropped_with_one_warning(pipeline, warnings):
    with current(baggage.set_baggage(CONVERSATION, "x" * 201)):
        assert ids_of_span(pipeline) == (None, None)
        assert ids_of_span(pipeline) == (None, None)
    assert len(warnings()) == 1
    assert CONVERSATION in warnings()[0]


def test_baggage_is_not_read_where_callers_are_not_trusted(pipeline):
    instrument(pipeline.provider, provider_ids="framework", trust_incoming=False)
    with current(baggage.set_baggage(CONVERSATION, "a-callers")):
        assert ids_of_span(pipeline) == (None, None)
        with node("conv-42"):
            assert ids_of_span(pipeline) == ("conv-42", None)


def test_a_span_that_names_its_conversation_late_has_it_for_those_below(pipeline):
    with pipeline.tracer.start_as_current_span("agent") as span:
        assert ids_of_span(pipeline) == (None, None)
        span.set_attribute(CONVERSATION, "conv-42")
        assert ids_of_span(pipeline) == ("conv-42", None)
        span.set_attribute("user.id", "ada")
        assert ids_of_span(pipeline) == ("conv-42", "ada")


def test_the_outer_of_two_frameworks_wins(pipeline):
    with node("outer"), pipeline.tracer.start_as_current_span("node"):
        inner = baggage.set_baggage(CONVERSATION, "inner")
        with current(inner), node("innermost"):
            assert ids_of_span(pipeline) == ("outer", None)


def test_what_is_no_sdk_span_shows_nothing(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor(provider_ids="framework"), sampler=ALWAYS_ON)
    unsampled = make_pipeline(sampler=ALWAYS_OFF)
    with unsampled.tracer.start_as_current_span("unsampled"):
        assert ids_of_span(pipeline) == (None, None)
        with node():
            assert ids_of_span(pipeline) == ("conv-42", None)


# Of the run that goes on


def test_what_is_started_in_a_node_is_in_the_thread_of_its_graph(pipeline):
    with node("conv-42", user_id="ada"):
        assert ids_of_span(pipeline) == ("conv-42", "ada")
        assert get_session().id == "conv-42"
        assert "conv-42" in to_carrier()["baggage"]
    assert ids_of_span(pipeline) == (None, None)


@pytest.mark.parametrize("configuration", [None, {}, {"metadata": None}, {"metadata": "thread_id"}, object()])
def test_a_run_without_a_thread_has_no_session(pipeline, configuration):
    with running(CONFIGURATION, configuration):
        assert ids_of_span(pipeline) == (None, None)


def test_a_context_that_is_empty_on_purpose_has_none(pipeline):
    with node():
        assert ids_of_span(pipeline, context=Context()) == (None, None)
        with current(Context()):
            assert ids_of_span(pipeline) == ("conv-42", None)


def test_a_session_of_the_application_goes_before_that_of_a_run(pipeline):
    with node("theirs", user_id="bob"):
        with set_session("ours", user_id="ada"):
            assert ids_of_span(pipeline) == ("ours", "ada")
        with current(baggage.set_baggage("session.id", "a-callers")):
            assert ids_of_span(pipeline) == ("a-callers", None)
        with current(set_value("session.id", "openinference")):
            assert ids_of_span(pipeline) == ("openinference", None)
        with pipeline.tracer.start_as_current_span("root"):
            bind_session("bound")
            assert ids_of_span(pipeline)[0] == "bound"


def test_a_scope_inside_of_a_run_goes_on_with_its_session(pipeline):
    with node("conv-42", user_id="ada"):
        with step("think"):
            assert ids_of_span(pipeline) == ("conv-42", "ada")
        with set_session("another"):
            assert ids_of_span(pipeline) == ("another", "ada")


def test_below_what_was_cleared_there_is_none(pipeline):
    with node():
        with clear_session():
            assert ids_of_span(pipeline) == (None, None)
            root = pipeline.tracer.start_span("root")
        with trace.use_span(root), pipeline.tracer.start_as_current_span("child"):
            assert ids_of_span(pipeline) == (None, None)


def test_a_user_that_a_caller_has_named_stays_with_the_session_of_a_run(pipeline):
    with node("conv-42"), current(baggage.set_baggage("user.id", "ada")):
        assert ids_of_span(pipeline) == ("conv-42", "ada")


def test_the_user_of_a_run_joins_its_session_that_is_there_already(pipeline):
    with current(conversation_of_util_genai("conv-42")), pipeline.tracer.start_as_current_span("workflow"):
        with node("conv-42", user_id="ada"):
            assert ids_of_span(pipeline) == ("conv-42", "ada")
        with node("another", user_id="ada"):
            assert ids_of_span(pipeline) == ("conv-42", None)


def test_the_host_goes_before_the_framework_that_runs_in_it(pipeline, module):
    module("azure.ai.agentserver.core", get_request_context=REQUEST.get)
    with running(REQUEST, SimpleNamespace(session_id="of-the-host", user_id="ada")), node("conv-42"):
        assert ids_of_span(pipeline) == ("of-the-host", "ada")
    with running(REQUEST, SimpleNamespace(session_id=None, user_id="ada")), node("conv-42"):
        assert ids_of_span(pipeline) == ("conv-42", "ada")


def test_the_group_of_a_trace_of_openai_agents_is_its_session(pipeline, module):
    module("agents.tracing.scope", Scope=SimpleNamespace(get_current_trace=TRACE.get))
    assert ids_of_span(pipeline) == (None, None)
    with running(TRACE, SimpleNamespace(group_id="conv-42", metadata={"user_id": "ada", "session_id": "s"})):
        assert ids_of_span(pipeline) == ("conv-42", "ada")
    with running(TRACE, SimpleNamespace(group_id=None, metadata={"session_id": "s"})):
        assert ids_of_span(pipeline) == ("s", None)
    with running(TRACE, SimpleNamespace(name="no-op")):
        assert ids_of_span(pipeline) == (None, None)


def test_a_framework_that_raises_is_told_once_and_named_nowhere(pipeline, module, warnings):
    module("azure.ai.agentserver.core", get_request_context=REQUEST.get)  # no request: LookupError
    assert ids_of_span(pipeline) == (None, None)
    assert ids_of_span(pipeline) == (None, None)
    assert warnings() == ["otel_sessions: looking for a session raised LookupError: there is none"]


# What its function was called with


def called(module, names, body="inner()"):
    """Return a function of ``module`` that has local ``names``, and calls another."""
    exec(f"def outer(inner, {', '.join(names)}):\n    return {body}", vars(module))  # noqa: S102  # as in the framework
    return module.outer


@pytest.mark.parametrize(
    ("modules", "local", "expected"),
    [
        (["agents.run", "agents.run_internal"], {"session": SimpleNamespace(session_id="conv-42")}, ("conv-42", None)),
        (["agents.run", "agents.run_internal"], {"session": None, "conversation_id": "c"}, ("c", None)),
        (["agents.run", "agents.run_internal"], {"conversation": "c"}, (None, None)),
        (["google.adk.runners"], {"user_id": "ada", "session_id": "conv-42"}, ("conv-42", "ada")),
        (
            ["strands.agent.agent"],
            {"self": SimpleNamespace(_session_manager=SimpleNamespace(session_id="conv-42"), trace_attributes={})},
            ("conv-42", None),
        ),
        (
            ["strands.agent.agent"],
            {"self": SimpleNamespace(_session_manager=None, trace_attributes={"session.id": "s", "user.id": "ada"})},
            ("s", "ada"),
        ),
        (
            ["semantic_kernel.utils.telemetry.agent_diagnostics"],
            {"kwargs": {"thread": SimpleNamespace(id="conv-42")}},
            ("conv-42", None),
        ),
        (["semantic_kernel.utils.telemetry.agent_diagnostics"], {"kwargs": {}}, (None, None)),
        (["agents.run"], {"session": SimpleNamespace(session_id="of another package")}, (None, None)),
        (["agents.runner", "agents.run", "agents.run_internal"], {"conversation_id": "c"}, (None, None)),
    ],
)
def test_a_framework_is_asked_what_it_was_called_with(pipeline, module, modules, local, expected):
    first, *_ = [module(name) for name in modules]
    assert called(first, local)(lambda: ids_of_span(pipeline), **local) == expected


def test_what_raises_when_it_is_looked_at_is_none(pipeline, module, warnings):
    class Deleted:
        @property
        def session_id(self):
            raise RuntimeError

    module("agents.run_internal")
    run = called(module("agents.run"), ["session"])
    assert run(lambda: ids_of_span(pipeline), session=Deleted()) == (None, None)
    assert warnings() == []


def test_the_inner_of_two_calls_is_the_nearer_one(pipeline, module):
    run = called(module("google.adk.runners"), ["user_id", "session_id"])
    ids = run(lambda: run(lambda: ids_of_span(pipeline), None, "inner"), "ada", "outer")
    assert ids == ("inner", "ada")


def test_it_is_looked_no_deeper_than_a_hundred_calls(pipeline, module):
    def deep(calls):
        return deep(calls - 1) if calls else ids_of_span(pipeline)

    run = called(module("google.adk.runners"), ["user_id", "session_id"])
    assert run(lambda: deep(20), "ada", "conv-42") == ("conv-42", "ada")
    assert run(lambda: deep(150), "ada", "conv-42") == (None, None)


# Beside the session and the user of the process


def test_a_framework_goes_before_the_session_of_the_process(pipeline):
    instrument(pipeline.provider, provider_ids="framework", session_id="of-the-process", user_id="eve")
    assert ids_of_span(pipeline) == ("of-the-process", "eve")
    with node("conv-42", user_id="ada"):
        assert ids_of_span(pipeline) == ("conv-42", "ada")
    with node("conv-42"):
        assert ids_of_span(pipeline) == ("conv-42", "eve")
    with current(baggage.set_baggage(CONVERSATION, "a-callers")):
        assert ids_of_span(pipeline) == ("a-callers", None)
    with pipeline.tracer.start_as_current_span("root"):
        with node("conv-42", user_id="ada"):
            assert ids_of_span(pipeline) == ("conv-42", "ada")
        with running(CONFIGURATION, {"metadata": {"user_id": "ada"}}):
            assert ids_of_span(pipeline) == ("of-the-process", "ada")
        assert ids_of_span(pipeline) == ("of-the-process", "eve")


def test_the_user_of_a_framework_appears_as_users_do(pipeline):
    instrument(pipeline.provider, provider_ids="framework", user_privacy="drop")
    with node("conv-42", user_id="ada"):
        assert ids_of_span(pipeline) == ("conv-42", None)
        instrument(pipeline.provider, provider_ids="framework")
        assert ids_of_span(pipeline) == ("conv-42", "ada")


def test_an_id_that_does_not_fit_is_its_digest(pipeline):
    with node("Zoë"):
        assert ids_of_span(pipeline) == (digest("Zoë"), None)


def test_what_was_found_before_the_settings_changed_is_made_anew(pipeline, monkeypatch):
    with node("conv-42", user_id="ada"):
        assert ids_of_span(pipeline) == ("conv-42", "ada")
        monkeypatch.setattr("otel_sessions._context.resolution.forget", lambda: None)  # another thread was quicker
        instrument(pipeline.provider, provider_ids="framework", user_privacy="drop")
        assert ids_of_span(pipeline) == ("conv-42", None)


# Where it is asked for


def test_nothing_is_taken_unless_it_is_asked_for(make_pipeline):
    pipeline = make_pipeline(SessionSpanProcessor())
    with node(), current(baggage.set_baggage(CONVERSATION, "conv-42")):
        assert ids_of_span(pipeline) == (None, None)
    with node():
        assert get_session() is None


def test_the_environment_asks_for_it_for_a_processor_alone(make_pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_PROVIDER_IDS", "framework")
    pipeline = make_pipeline(SessionSpanProcessor())
    with node():
        assert ids_of_span(pipeline) == ("conv-42", None)


def test_instrument_asks_for_it_and_uninstrument_no_more(make_pipeline, monkeypatch):
    monkeypatch.setenv("OTEL_SESSION_PROVIDER_IDS", "framework")
    pipeline = make_pipeline(SessionSpanProcessor(provider_ids="none"))
    instrument(pipeline.provider, provider_ids="user")
    assert not HELD.asks_frameworks
    instrument(pipeline.provider)
    assert HELD.asks_frameworks
    uninstrument(pipeline.provider)
    assert HELD.is_idle
    with node():
        assert ids_of_span(pipeline) == (None, None)
        assert get_session(get_current()) is None
