"""The program of the page of agent frameworks for instructor, as it is pasted."""

from __future__ import annotations

import json

from model import Reply, ToolCall


def test_all_spans_of_the_program_have_its_session_and_user(desk, model, monkeypatch):
    answer = Reply(call=ToolCall("Order", json.dumps({"status": "sent"})))
    monkeypatch.setattr(model, "answers", lambda _messages, _tools: answer)
    done = desk.run("instructor_app.py")
    assert done.ids == {("conv-42", "ada")}
    assert done.told.splitlines()[-1] == "sent"
