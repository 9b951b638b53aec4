"""What the documents show is what happens: every block of code in them is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_sessions import set_session
from otel_sessions.demo._standin import StandIn
from otel_sessions.sdk import instrument
from otel_sessions.viewer import OTLPReceiver
from wire import spans_of

ROOT = Path(__file__).parents[1]
PAGES = sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *PAGES]

SET_UP = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
"""


def blocks(name: str, language: str) -> list[str]:
    tokens = MarkdownIt().parse((ROOT / name).read_text())
    return [token.content for token in tokens if token.type == "fence" and token.info == language]


def test_the_python_of_the_readme_runs_from_top_to_bottom():
    with OTLPReceiver() as receiver:
        program = SET_UP + "\n".join(blocks("README.md", "python"))
        environment = os.environ | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": receiver.endpoint, "NO_PROXY": "127.0.0.1"}
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        spans = {span.name: span.attributes for span in spans_of(receiver)}
    both = {"session.id": "conv-42", "user.id": "ada"}
    assert spans == {"turn": both, "POST /chat": both, "answer": {"session.id": "conv-42"}}
    assert re.fullmatch(r"to be resumed by [0-9a-f-]{36}\n", done.stdout)


@pytest.mark.parametrize("name", PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(name):
    program = SET_UP + "\n".join(blocks(name, "python"))
    environment = os.environ | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["README.md", *PAGES])
def test_the_shell_of_a_page_runs(name, tmp_path):
    """What installs is left out: ``make package`` runs it. So is what ``.ci/run`` runs itself."""
    (tmp_path / "app.py").write_text(
        "from opentelemetry import trace\ntrace.get_tracer('app').start_span('work').end()\n"
    )
    lines = [line for line in commands(name) if not line.startswith(("pip install", "make "))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none",
    }  # fmt: skip
    done = subprocess.run(
        ["/bin/sh", "-ex"], input="\n".join(lines), env=environment, cwd=tmp_path, capture_output=True, text=True,
        timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "otel_sessions" not in done.stderr, "it warns"


def test_the_example_of_the_first_screen_is_at_most_ten_lines():
    assert len(blocks("README.md", "python")[0].splitlines()) <= 10


def two_turns(*, with_session: bool) -> list[str]:
    """Hold a chat of two turns, and list the spans that arrive, as the README does."""
    provider = TracerProvider(shutdown_on_exit=False)
    instrumentor = OpenAIInstrumentor()
    with StandIn(seconds_per_word=0) as api, OTLPReceiver() as receiver:
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=receiver.endpoint)))
        instrument(provider, disabled=not with_session)
        instrumentor.instrument(tracer_provider=provider)
        with OpenAI(base_url=api.base_url, api_key="none") as client:
            for question in ("What is a span?", "And a trace?"):
                with (
                    set_session(session_id="conv-42", user_id="ada"),
                    provider.get_tracer("app").start_as_current_span("turn"),
                ):
                    client.chat.completions.create(model="m", messages=[{"role": "user", "content": question}])
        instrumentor.uninstrument()
        provider.shutdown()
        return [line(span) for span in sorted(spans_of(receiver), key=lambda span: span.start)]


def line(span) -> str:
    name = span.name if span.name == "turn" else f"└─ {span.name}"
    ids = "  ".join(f"{key}={span.attributes[key]}" for key in ("session.id", "user.id") if key in span.attributes)
    return f"  {name:<21}{ids}".rstrip()


def test_the_listing_of_the_readme_is_what_arrives():
    listing = ["without", *two_turns(with_session=False), "", "with", *two_turns(with_session=True)]
    assert blocks("README.md", "text") == ["\n".join(listing) + "\n"]


def commands(name: str) -> list[str]:
    lines = "".join(blocks(name, "sh")).splitlines()
    return [found for found in (line.partition("#")[0].strip() for line in lines) if found]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_of_the_documents_is_one_that_the_checks_run(name):
    """Of the long ones it runs a short form."""
    run = set((ROOT / ".ci" / "run").read_text().splitlines()) | {
        "make bench",
        "make behaviour",
        "make soak",
        "make fuzz",
    }
    assert [command for command in commands(name) if command.startswith("make ") and command not in run] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_to_a_file_leads_somewhere(name):
    page = ROOT / name
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


def test_without_the_baggage_propagator_no_id_is_sent():
    program = """
from opentelemetry.propagate import inject
from otel_sessions import set_session
with set_session(session_id="conv-42", user_id="ada"):
    inject(carrier := {})
print(carrier)
"""
    sent = [
        subprocess.run(
            [sys.executable, "-c", program], env=os.environ | {"OTEL_PROPAGATORS": propagators},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for propagators in ("tracecontext,baggage", "tracecontext")
    ]  # fmt: skip
    assert sent == ["{'baggage': 'session.id=conv-42,user.id=ada'}", "{}"]
