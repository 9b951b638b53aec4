"""The program of the page of agent frameworks for Google's ADK, as it is pasted."""

from __future__ import annotations

SESSION = ("conv-42", "ada")
NAME = "google_adk_app.py"
OPENINFERENCE = {
    "runner =": "from openinference.instrumentation.google_adk import GoogleADKInstrumentor\n"
    "GoogleADKInstrumentor().instrument()\nrunner ="
}


def test_all_spans_of_the_program_have_its_session_and_user(desk):
    done = desk.run(NAME)
    assert done.ids == {SESSION}
    assert done.told


def test_its_own_session_is_the_conversation(desk):
    done = desk.run(NAME, changed={"session.id": "'own-1'", "session.user_id": "'bob'"})
    assert done.ids == {SESSION}
    assert {span.attributes["gen_ai.conversation.id"] for span in done.spans} == {"own-1"}


def test_under_openinference_the_session_stays_and_so_does_the_user_of_adk(desk):
    done = desk.run(NAME, changed=OPENINFERENCE | {"session.id": "'own-1'", "session.user_id": "'bob'"})
    assert {session for session, _ in done.ids} == {"conv-42"}
    assert "bob" in {user for _, user in done.ids}
    assert "own-1" in {span.attributes.get("session.displaced_id") for span in done.spans}
