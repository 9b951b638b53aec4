"""Every example runs as it stands, against a stand-in for the API, and its spans arrive with both ids."""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from otel_sessions.demo import StandIn
from ports import free_port
from wire import spans_of

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 120


@pytest.fixture
def environment(receiver):
    with StandIn(seconds_per_word=0) as api:
        yield os.environ | {
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": api.base_url,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": receiver.endpoint,
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": receiver.endpoint.replace("traces", "metrics"),
            "NO_PROXY": "127.0.0.1",
        }


def run(name, environment, *arguments, stdin="", cwd=None):
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        env=environment, input=stdin, capture_output=True, text=True, timeout=240, check=False, cwd=cwd,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "otel_sessions" not in done.stderr, "it warns"
    return done.stdout


def ids(spans):
    return {(span.attributes.get("session.id"), span.attributes.get("user.id")) for span in spans}


def test_quickstart(environment, receiver):
    assert run("quickstart.py", environment).strip()
    spans = spans_of(receiver)
    assert len(spans) == 1
    assert ids(spans) == {("conv-42", "ada")}


def test_quickstart_is_at_most_15_lines_of_code():
    tree = ast.parse((EXAMPLES / "quickstart.py").read_text())
    lines = {number for node in tree.body[1:] for number in range(node.lineno, node.end_lineno + 1)}
    assert len(lines) <= 15


def test_chatbot_goes_on_with_a_session_in_another_process(environment, receiver, tmp_path):
    first = run("chatbot.py", environment, "--user", "ada", stdin="What is a span?\nAnd a trace?\n", cwd=tmp_path)
    session_id = re.search(r"--user ada (\S+)", first)[1]
    run("chatbot.py", environment, "--user", "ada", session_id, stdin="Go on.\n", cwd=tmp_path)
    spans = spans_of(receiver)
    assert ids(spans) == {(session_id, "ada")}
    assert len({span.trace_id for span in spans if span.name == "turn"}) == 3
    last = max((span for span in spans if span.name != "turn"), key=lambda span: span.start)
    assert last.attributes["llm.input_messages.0.message.content"] == "What is a span?"


def test_existing_pipeline_stamps_what_both_exporters_send(environment, receiver):
    console = run("existing_pipeline.py", environment)
    spans = spans_of(receiver)
    assert {span.name for span in spans} == {"checkout", "payment"}
    assert ids(spans) == {("order-7", "ada")}
    assert {span.attributes["cloud.region"] for span in spans} == {"eu-1"}
    assert console.count('"session.id": "order-7"') == 2


def test_agents_have_one_session_and_a_path_each(environment, receiver):
    output = run("agents.py", environment)
    session_id = re.search(r"session (\S+)", output)[1]
    spans = spans_of(receiver)
    assert ids(spans) == {(session_id, "ada")}
    assert {span.attributes.get("session.path") for span in spans} == {
        None,
        "/research",
        "/research/question",
        "/research/sources",
        "/write",
        "/write/draft",
        "/write/review",
    }


@pytest.fixture
def service(environment):
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "fastapi_app:app", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=EXAMPLES, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        _, said = process.communicate(timeout=SECONDS)
    assert "otel_sessions" not in said, "it warns"


ADA, BOB = ({"authorization": f"Bearer {user}-key"} for user in ("ada", "bob"))
STRANGERS = {"baggage": "session.id=theirs,user.id=eve"}


def traces_after(process, receiver):
    """Stop the service, and return the spans of each request."""
    process.terminate()
    process.wait(SECONDS)
    spans = sorted(spans_of(receiver), key=lambda span: span.start)
    traces = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    return list(traces.values())


def test_fastapi_app_binds_the_whole_request_to_its_session_and_to_who_has_logged_in(service, receiver):
    url, process = service
    question = {"text": "What is a span?", "user": "eve"}
    with httpx.Client(base_url=url, trust_env=False, timeout=SECONDS, headers=ADA | STRANGERS) as client:
        answers = [
            client.post("/chat", json=question | {"conversation": "conv-42"}),
            client.post("/chat", json=question),
        ]
    assert [answer.status_code for answer in answers] == [200, 200]
    session_ids = [answer.headers["x-session-id"] for answer in answers]
    assert session_ids[0] == "conv-42"
    traces = traces_after(process, receiver)
    assert [ids(trace) for trace in traces] == [{(session_id, "ada")} for session_id in session_ids]
    for answer, trace in zip(answers, traces, strict=True):
        shown = {span.name: span.attributes for span in trace}
        assert {"POST /chat", "chat", "remember"} < shown.keys()  # and that of the model call
        said = [(shown[name]["input.value"], shown[name]["output.value"]) for name in ("POST /chat", "chat")]
        assert said == [("What is a span?", answer.text)] * 2


def test_fastapi_app_has_feedback_in_the_trace_of_the_turn_that_it_is_about(service, receiver):
    url, process = service
    with httpx.Client(base_url=url, trust_env=False, timeout=SECONDS, headers=ADA) as client:
        answer = client.post("/chat", json={"text": "What is a span?", "conversation": "conv-42"})
        thumb = {"message": answer.headers["x-message-id"], "good": True}
        assert client.post("/feedback", json=thumb).status_code == 204
    traces = traces_after(process, receiver)
    (turn,) = [span for trace in traces for span in trace if span.name == "chat"]
    (check,) = [span for trace in traces for span in trace if span.name == "check thumb"]
    assert check.trace_id == turn.trace_id
    assert ids([check]) == {("conv-42", "ada")}
    assert check.attributes["gen_ai.evaluation.score.label"] == "pass"


def test_fastapi_app_records_no_feedback_of_strangers_and_on_what_is_not_there(service, receiver):
    url, process = service
    with httpx.Client(base_url=url, trust_env=False, timeout=SECONDS) as client:
        answer = client.post("/chat", json={"text": "What is a span?"}, headers=ADA)
        thumb = {"message": answer.headers["x-message-id"], "good": False}
        refused = [client.post("/feedback", json=thumb, headers=BOB)]
        refused.append(client.post("/feedback", json=thumb | {"message": "gone"}, headers=ADA))
        refused.append(client.post("/feedback", json=thumb, headers={"authorization": "Bearer guessed"}))
    assert [each.status_code for each in refused] == [404, 404, 401]
    spans = [span for trace in traces_after(process, receiver) for span in trace]
    assert [span.name for span in spans if span.name.startswith("check")] == []
