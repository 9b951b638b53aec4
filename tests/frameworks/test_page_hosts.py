"""The programs of the page of chat hosts, each as it is pasted: Gradio, LiveKit and Streamlit."""

from __future__ import annotations

from gradio_client import Client
from streamlit.testing.v1 import AppTest

from conversations import at_once
from turns import ADA, BOB

TURNS = 2
SECONDS = 60


def test_each_call_of_livekit_is_a_session_and_a_trace(desk):
    done = desk.run("livekit_app.py")
    assert done.ids == {("conv-42", None), ("conv-43", None)}
    assert len({span.trace_id for span in done.spans}) == 2
    assert {"agent_turn", "llm_node"} <= {span.name for span in done.spans}


def test_each_page_of_gradio_is_a_session_and_each_turn_a_trace(desk):
    sessions = []

    def talk(user):
        client = Client(url, verbose=False)
        sessions.append(client.session_hash)
        for _ in range(TURNS):
            client.predict(user.question, api_name="/answer")

    with desk.serving("gradio_app.py", port="GRADIO_SERVER_PORT") as url:
        at_once(talk, ADA, BOB)
    assert desk.turns() == dict.fromkeys(sessions, TURNS)


def test_each_page_of_streamlit_is_a_session_and_each_turn_a_trace(desk, monkeypatch):
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(desk.folder)
    program = desk.write("streamlit_app.py")
    pages = [AppTest.from_file(program, default_timeout=SECONDS).run() for _ in (ADA, BOB)]
    for page in pages * TURNS:
        page.chat_input[0].set_value("What is a span?").run()
        assert not page.exception
        assert page.markdown[0].value
    from pipeline import provider

    provider.force_flush()
    assert desk.turns() == {page.session_state["session_id"]: TURNS for page in pages}
