"""The programs of the page of agent frameworks that go with the newest openai, each as it is pasted."""

from __future__ import annotations

import json
import stat
import sys

import pytest

from claude_command import COMMAND
from model import Reply, ToolCall
from page import PROGRAMS

SESSION = ("conv-42", "ada")
ANSWERS = {
    "dspy_app.py": Reply("[[ ## answer ## ]]\nOn its way.\n\n[[ ## completed ## ]]\n"),
    "smolagents_app.py": Reply(call=ToolCall("final_answer", json.dumps({"answer": "A step."}))),
}
"""What these frameworks want to be answered."""


@pytest.fixture
def answered(desk, model, monkeypatch):
    """Return how to run a program, with a model that answers it, and a command ``claude``."""
    command = desk.folder / "claude"
    command.write_text(COMMAND.replace("{python}", sys.executable))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)

    def run(name, **options):
        if name in ANSWERS:
            monkeypatch.setattr(model, "answers", lambda _messages, _tools: ANSWERS[name])
        return desk.run(name, **options)

    return run


@pytest.mark.parametrize("name", PROGRAMS["agents"])
def test_all_spans_of_a_program_have_its_session_and_user(answered, name):
    done = answered(name)
    assert done.ids == {SESSION}
    assert done.told


def test_the_thread_of_langgraph_is_displaced_by_the_session(answered):
    done = answered("langgraph_app.py", changed={"session.id": "'thread-1'"})
    assert done.ids == {SESSION}
    assert {span.attributes["session.displaced_id"] for span in done.spans} == {"thread-1"}


IN_A_NODE = {
    "model =": "from opentelemetry import trace\nown = trace.get_tracer('app').start_as_current_span('own')\nmodel =",
    "lambda state: {": "own(lambda state: {",
    "])]})": "])]}))",
}
"""A span of the application in the node of the graph."""


def test_a_span_in_a_node_of_langgraph_is_a_trace_of_its_own_in_the_same_session(answered):
    done = answered("langgraph_app.py", changed=IN_A_NODE)
    assert done.ids == {SESSION}
    traces = {span.name: (span.trace_id, span.parent_id) for span in done.spans}
    assert traces["own"][1] == ""
    assert traces["own"][0] != traces["LangGraph"][0]


def test_a_span_in_a_node_of_langgraph_has_the_node_as_its_path_where_that_is_asked_for(answered):
    done = answered("langgraph_app.py", changed=IN_A_NODE, OTEL_SESSION_PROVIDER_IDS="user,framework")
    assert {span.attributes["session.path"] for span in done.spans if span.name == "own"} == {"/answer"}


def test_without_a_session_of_the_application_the_thread_of_langgraph_is_one_where_that_is_asked_for(answered):
    changed = {'with set_session(session_id="conv-42", user_id="ada") as session:': "if True:", "session.id": "'own-1'"}
    done = answered("langgraph_app.py", changed=changed, OTEL_SESSION_PROVIDER_IDS="user,framework")
    assert done.ids == {("own-1", None)}


def test_a_stream_that_is_read_after_a_plain_block_has_no_session(answered):
    plain = {
        "    return set_session(session_id=session_id, user_id=user_id).wrap(model.stream(question))": (
            "    with set_session(session_id=session_id, user_id=user_id):\n        return model.stream(question)"
        )
    }
    assert answered("stream_app.py", changed=plain).ids == {(None, None)}


def test_the_events_of_openais_agents_can_be_read_after_the_block(answered):
    later = {"        async for": "    async for", "            print": "        print"}
    assert answered("openai_agents_app.py", changed=later).ids == {SESSION}


def test_the_ids_of_agno_are_on_its_root_alone_and_its_user_stays(answered):
    done = answered("agno_app.py", changed={"session.id": "'agno-1'", "session.user_id": "'bob'"})
    ids = {span.name: (span.attributes["session.id"], span.attributes["user.id"]) for span in done.spans}
    assert ids == {"Agent.run": ("conv-42", "bob"), "OpenAIChat.invoke_stream": SESSION}
    assert [span.attributes.get("session.displaced_id") for span in done.spans if span.name == "Agent.run"] == [
        "agno-1"
    ]


def test_what_follows_a_team_of_agno_in_its_block_is_below_the_ended_span_of_it(answered):
    team = {
        "from agno.agent import Agent": "from agno.agent import Agent\nfrom agno.team import Team\nfrom opentelemetry import trace",
        "agent = Agent(": "agent = Team(members=[Agent()], name='team', ",
        "in agent.run(": "in [agent.run(",
        ", stream=True):": ")]:",
        'end="")\n': 'end="")\n    trace.get_tracer("app").start_span("own").end()\n',
    }
    spans = {span.name: span for span in answered("agno_app.py", changed=team).spans}
    assert spans["own"].parent_id == spans["team.run"].span_id


@pytest.mark.parametrize("name", ["openai_agents_app.py", "agent_framework_app.py"])
def test_the_session_of_a_framework_is_on_no_span(answered, name):
    done = answered(name, changed={"session.id)": "'own-1')"})
    assert done.ids == {SESSION}
    assert "own-1" not in str([span.attributes for span in done.spans])


def test_the_session_of_the_command_of_claude_is_not_that_of_the_spans(answered):
    done = answered("claude_agent_app.py")
    assert "c0ffee00" not in str([span.attributes.get("session.id") for span in done.spans])


def test_what_was_imported_of_claude_before_it_was_instrumented_is_not_traced(answered):
    early = {
        "import claude_agent_sdk\n": "import claude_agent_sdk\nfrom claude_agent_sdk import query\n",
        "in claude_agent_sdk.query(": "in query(",
    }
    assert answered("claude_agent_app.py", changed=early).spans == []


@pytest.mark.parametrize(
    ("dialects", "shown"),
    [
        pytest.param("", {"gen_ai.conversation.id": "own-1"}, id="it is the framework's"),
        pytest.param(
            "genai",
            {"gen_ai.conversation.id": "conv-42", "session.displaced_conversation_id": "own-1"},
            id="it is the session with the dialect",
        ),
    ],
)
def test_the_conversation_of_pydantic_ai(answered, dialects, shown):
    done = answered("pydantic_ai_app.py", changed={"session.id": "'own-1'"}, OTEL_SESSION_DIALECTS=dialects)
    assert done.ids == {SESSION}
    assert [{key: span.attributes.get(key) for key in shown} for span in done.spans] == [shown] * len(done.spans)


def test_without_the_instrumentation_of_threads_the_parallel_of_dspy_has_no_session(answered):
    done = answered("dspy_app.py", changed={"ThreadingInstrumentor().instrument()": ""})
    assert done.ids == {(None, None)}
