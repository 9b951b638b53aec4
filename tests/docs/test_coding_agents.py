"""The programs of the page of coding agents, with a program in the place of the agent.

It does what was seen of Claude Code: it takes the id of a new session once, or one to resume, hands `TRACEPARENT` and `BAGGAGE` on to
a tool, and nothing that is named `OTEL_...`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sessions.sdk import instrument
from wire import spans_of

PAGE = Path(__file__).parents[2] / "docs/how-to/coding-agents.md"

AGENT = """#!{python}
import json, os, subprocess, sys

kept = {{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}}
subprocess.run([{python!r}, {tool!r}], env=kept, check=True)
how, session = sys.argv[1:3]
known = os.path.exists(__file__ + session)
if how != ("--resume" if known else "--session-id"):
    sys.exit("already in use" if known else "no such conversation")
open(__file__ + session, "w").close()
print(json.dumps([session, sys.argv[-1], sorted(set(kept) & {{"TRACEPARENT", "BAGGAGE"}})]))
"""

EXPORTING = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otel_sessions.sdk import instrument

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint={endpoint!r})))
instrument()
"""


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def exporter():
    """What the caller's own spans go to."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrument(provider)
    return exporter, provider


@pytest.fixture
def ask_agent(tmp_path, receiver, monkeypatch, exporter):
    """The function of the page, where the command `claude` is a program of ours that runs the tool of the page."""
    caller, tool = blocks()
    (tmp_path / "tool.py").write_text(EXPORTING.format(endpoint=receiver.endpoint) + tool)
    command = tmp_path / "claude"
    command.write_text(AGENT.format(python=sys.executable, tool=str(tmp_path / "tool.py")))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    names: dict[str, object] = {}
    exec(compile(caller, str(PAGE), "exec"), names)  # noqa: S102  # the program of the page
    turn = names["turn"]
    names["turn"] = lambda *given, **options: turn(*given, tracer=exporter[1].get_tracer("app"), **options)
    return names["ask_agent"]


def test_the_agent_gets_the_id_and_the_carrier_and_its_tool_is_in_the_session_and_the_trace(
    ask_agent, exporter, receiver
):
    conversation = str(uuid.uuid4())
    answer = json.loads(ask_agent("Why does it fail?", conversation, first=True))
    assert answer == [conversation, "Why does it fail?", ["BAGGAGE", "TRACEPARENT"]]
    (turn,) = exporter[0].get_finished_spans()
    (tool,) = spans_of(receiver)
    assert tool.name == "tool"
    assert tool.attributes == {"session.id": conversation, "user.id": "ada"}
    assert (tool.trace_id, tool.parent_id) == (f"{turn.context.trace_id:032x}", f"{turn.context.span_id:016x}")


def test_each_question_is_a_turn_of_the_same_session(ask_agent, exporter, receiver):
    conversation = str(uuid.uuid4())
    for question in ("Why?", "And now?"):
        ask_agent(question, conversation, first=question == "Why?")
    assert [span.attributes["session.id"] for span in exporter[0].get_finished_spans()] == [conversation] * 2
    assert [span.attributes["session.id"] for span in spans_of(receiver)] == [conversation] * 2
    assert len({span.trace_id for span in spans_of(receiver)}) == 2


def test_a_tool_that_nobody_gave_a_carrier_has_no_session(tmp_path, receiver, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("TRACEPARENT", "BAGGAGE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tool.py").write_text(EXPORTING.format(endpoint=receiver.endpoint) + blocks()[1])
    subprocess.run([sys.executable, str(tmp_path / "tool.py")], check=True)
    assert [span.attributes for span in spans_of(receiver)] == [{}]


def test_the_header_of_the_page_is_the_one_that_the_gateway_page_names():
    setting = re.search(r"^export OTEL_SESSION_INCOMING_HEADERS=(.*)$", PAGE.read_text(), re.MULTILINE)[1]
    assert setting in PAGE.with_name("gateways.md").read_text()
