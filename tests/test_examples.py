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
from otel_sessions.viewer import OTLPReceiver
from wire import spans_of

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def receiver():
    with OTLPReceiver() as receiver:
        yield receiver


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
        env=environment, input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=cwd,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
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
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "fastapi_app:app", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=EXAMPLES, env=environment)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(20)


def test_fastapi_app_takes_the_session_from_a_header_for_every_span_of_the_request(service, receiver):
    url, process = service
    with httpx.Client(base_url=url, trust_env=False) as client:
        headers = {"x-session-id": "conv-42", "x-user-id": "ada"}
        assert client.get("/ask", params={"question": "What is a span?"}, headers=headers).status_code == 200
        assert client.get("/ask", params={"question": "Nobody's"}).status_code == 200
    process.terminate()
    process.wait(20)
    spans = spans_of(receiver)
    traces = {span.trace_id: ids(each for each in spans if each.trace_id == span.trace_id) for span in spans}
    assert sorted(traces.values(), key=str) == [{("conv-42", "ada")}, {(None, None)}]
    assert {"GET /ask", "answer"} < {span.name for span in spans}


def test_fastapi_app_binds_the_whole_request_to_the_session_in_its_body(service, receiver):
    url, process = service
    message = {"text": "What is a span?", "user": "ada"}
    strangers = {"baggage": "session.id=theirs,user.id=eve"}
    with httpx.Client(base_url=url, trust_env=False) as client:
        answers = [client.post("/chat", json=message | {"conversation": "conv-42"}, headers=strangers)]
        answers.append(client.post("/chat", json=message))
        assert client.get("/ask", params={"question": "Nobody's"}, headers=strangers).status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200]
    assert all(answer.text for answer in answers)
    session_ids = [answer.headers["x-session-id"] for answer in answers]
    assert session_ids[0] == "conv-42"
    process.terminate()
    process.wait(20)
    spans = spans_of(receiver)
    traces = {span.trace_id: [each for each in spans if each.trace_id == span.trace_id] for span in spans}
    expected = [{(session_id, "ada")} for session_id in session_ids] + [{(None, None)}]
    assert sorted(map(ids, traces.values()), key=str) == sorted(expected, key=str)
    chats = [{span.name for span in trace} for trace in traces.values() if ids(trace) != {(None, None)}]
    assert len(chats) == 2
    assert all({"POST /chat", "answer", "remember"} < names for names in chats)  # and that of the model call
