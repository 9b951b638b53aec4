"""The programs of the page of agent frameworks that go with openai 2, each as it is pasted."""

from __future__ import annotations

import pytest

from page import PROGRAMS

SESSION = ("conv-42", "ada")


@pytest.mark.parametrize("name", PROGRAMS["agents-openai-2"])
def test_all_spans_of_a_program_have_its_session_and_user(desk, name):
    done = desk.run(name)
    assert done.ids == {SESSION}
    assert done.told


def test_a_crew_that_streams_makes_two_traces_and_the_spans_of_the_model_are_of_the_client(desk):
    done = desk.run("crewai_app.py")
    assert len({span.trace_id for span in done.spans}) == 2
    assert "ChatCompletion" in {span.name for span in done.spans}


def test_without_the_instrumentation_of_the_client_no_call_of_a_crew_is_traced(desk):
    done = desk.run("crewai_app.py", changed={"\nOpenAIInstrumentor().instrument()": ""})
    assert "ChatCompletion" not in {span.name for span in done.spans}


def test_the_events_of_llama_index_can_be_read_after_the_block(desk):
    later = {
        "        async for": "        handler = agent.run('What is a span?')\n    async for",
        'agent.run("What is a span?").stream': "handler.stream",
        "            print": "        print",
    }
    assert desk.run("llama_index_app.py", changed=later).ids == {SESSION}


def test_a_session_in_the_attributes_of_strands_is_displaced(desk):
    done = desk.run("strands_app.py", changed={'"session.id": session.id': '"session.id": "own-1"'})
    assert done.ids == {SESSION}
    assert {span.attributes["session.displaced_id"] for span in done.spans} == {"own-1"}


def test_the_attributes_of_strands_can_be_left_out(desk):
    done = desk.run("strands_app.py", changed={', trace_attributes={"session.id": session.id}': ""})
    assert done.ids == {SESSION}


def test_the_thread_of_semantic_kernel_is_on_no_span(desk):
    done = desk.run("semantic_kernel_app.py", changed={"thread_id=session.id": "thread_id='own-1'"})
    assert done.ids == {SESSION}
    assert "own-1" not in str([span.attributes for span in done.spans])
