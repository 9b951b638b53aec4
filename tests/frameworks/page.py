"""The programs of the pages of agent frameworks, hosts and web frameworks: what is run in which environment, and how."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_receiver import OTLPReceiver
    from model import Model
    from wire import WireSpan

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    f"docs/how-to/{name}.md" for name in ("agent-frameworks", "chat-hosts", "web-frameworks", "other-tools", "queues")
)
PIPELINE = "pipeline.py"
"""What the programs import; it is on the first page."""
INSTALL_NOTHING = ("loop_app.py", "multiprocessing_app.py", "pool_app.py", "stream_app.py", "temporal_jobs.py")
"""What needs nothing but Python, or what another one has installed."""

PROGRAMS = {
    "agents": (
        "agent_framework_app.py",
        "agno_app.py",
        "claude_agent_app.py",
        "dspy_app.py",
        "haystack_app.py",
        "langfuse_app.py",
        "langgraph_app.py",
        "logfire_app.py",
        "openai_agents_app.py",
        "pydantic_ai_app.py",
        "smolagents_app.py",
        "stream_app.py",
    ),
    "agents-openai-2": ("crewai_app.py", "llama_index_app.py", "semantic_kernel_app.py", "strands_app.py"),
    "engines": ("prefect_app.py", "ray_app.py", "temporal_app.py", "temporal_jobs.py"),
    "genai": ("instructor_app.py",),
    "google-adk": ("google_adk_app.py",),
    "hosts": ("gradio_app.py", "livekit_app.py", "streamlit_app.py"),
    "openllmetry": ("chainlit_app.py",),
    "queues": (
        "celery_app.py",
        "dramatiq_app.py",
        "faststream_app.py",
        "huey_app.py",
        "kafka_app.py",
        "rq_app.py",
        "taskiq_app.py",
    ),
    "queues-redis-5": ("arq_app.py",),
    "schedulers": (
        "anyio_process_app.py",
        "apscheduler_app.py",
        "background_scheduler_app.py",
        "dask_app.py",
        "eventlet_app.py",
        "gevent_app.py",
        "loop_app.py",
        "multiprocessing_app.py",
        "notebook_app.py",
        "pool_app.py",
    ),
    "web": ("aiohttp_app.py", "dependency_app.py", "django_app.py", "grpc_app.py", "websocket_app.py"),
    "tools": ("datadog_app.py", "mlflow_app.py", "sentry_app.py"),
}
"""By environment; ``test_page_ENVIRONMENT.py`` runs them there."""

_SECONDS = 240


def blocks() -> dict[str, str]:
    """Return the blocks of the pages that are files, by name."""
    text = "\n".join((ROOT / page).read_text() for page in PAGES)
    return dict(re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', text, re.DOTALL | re.MULTILINE))


class Run(NamedTuple):
    """A program that has ended, and what it has exported."""

    told: str
    spans: list[WireSpan]

    @property
    def ids(self) -> set[tuple[object, object]]:
        """The pairs of session and user that are on the spans."""
        return {(span.attributes.get("session.id"), span.attributes.get("user.id")) for span in self.spans}


class Desk:
    """A folder with programs of the page, a model that they ask, and a receiver of what they export."""

    def __init__(self, folder: Path, model: Model, receiver: OTLPReceiver) -> None:
        self.folder, self.receiver = folder, receiver
        self.environment = os.environ | {
            "LANGFUSE_BASE_URL": receiver.endpoint.removesuffix("/v1/traces"),
            "LANGFUSE_OTEL_TRACES_EXPORT_PATH": "v1/traces",
            "LANGFUSE_PUBLIC_KEY": "none",
            "LANGFUSE_SECRET_KEY": "none",
            "LOGFIRE_CONSOLE": "false",
            "LOGFIRE_SEND_TO_LOGFIRE": "false",
            "NO_PROXY": "127.0.0.1,localhost",
            "OPENAI_API_BASE": model.base_url,  # LlamaIndex reads this one
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": model.base_url,
            # A thousand jobs have more spans than the default, 2048, and the machine may be busy.
            "OTEL_BSP_MAX_QUEUE_SIZE": "20000",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": receiver.endpoint,
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parent),
            "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS": "true",
        }
        self.write(PIPELINE)

    def write(self, name: str, *, before: str = "", behind: str = "", changed: Mapping[str, str] | None = None) -> Path:
        """Write a block of the page as the file that it is, ``changed`` by replacements, each of which must be found."""
        code = blocks()[name]
        for old, new in (changed or {}).items():
            assert old in code, f"{name} has no {old}"
            code = code.replace(old, new)
        path = self.folder / name
        path.write_text(f"{before}{code}{behind}")
        return path

    def run(self, name: str, *, changed: Mapping[str, str] | None = None, **environment: str) -> Run:
        """Run a program to its end, and see that it leaves nothing behind: no session, no span, and no call to elsewhere."""
        from pasted import AFTERWARDS
        from wire import spans_of

        path = self.write(
            name,
            before="import pasted\n\npasted.begin()\n",
            behind="\npasted.see_that_nothing_is_left()\n",
            changed=changed,
        )
        told = self.execute(path, **environment)
        spans = spans_of(self.receiver)
        afterwards = [span for span in spans if span.name == AFTERWARDS]
        assert {span.parent_id for span in afterwards} == {""}
        assert [span for span in afterwards if {"session.id", "user.id"} & set(span.attributes)] == []
        return Run(told, [span for span in spans if span.name != AFTERWARDS])

    def execute(self, path: Path, *, seconds: float = _SECONDS, **environment: str) -> str:
        """Run what was written to its end; return what it has printed."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", path], env=self.environment | environment, cwd=self.folder,
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = [line for line in done.stderr.splitlines() if "otel_sessions" in line and 'File "' not in line]
        assert told == [], "it warns"  # not where it is on the way of what a job has raised
        return done.stdout

    @contextlib.contextmanager
    def serving(self, name: str, *command: str, port: str, before: str = "", behind: str = "") -> Iterator[str]:
        """Run a program that serves until it is interrupted, on a port that the variable ``port`` names; give its URL."""
        path = self.write(name, before=before, behind=behind)
        number = free_port()
        started = subprocess.Popen(
            [sys.executable, "-u", "-W", "ignore", *command, path], cwd=self.folder,
            env=self.environment | {port: str(number)},
        )  # fmt: skip
        try:
            wait_for(number, started)
            yield f"http://127.0.0.1:{number}"
        finally:
            started.send_signal(signal.SIGINT)
            started.wait(_SECONDS)

    def turns(self) -> dict[str, int]:
        """Return how many turns each session has: each has a call of the model, in a trace of its own, and no other span has a session."""
        from wire import spans_of

        spans = [span for span in spans_of(self.receiver) if span.attributes.get("session.id")]
        by_trace = Counter(span.trace_id for span in spans)
        assert set(by_trace.values()) <= {2}, [span.name for span in spans]
        assert {span.name for span in spans} == {"chat", "ChatCompletion"}, {span.name for span in spans}
        return dict(Counter(span.attributes["session.id"] for span in spans if span.name == "chat"))


def wait_for(port: int, started: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens."""
    for _ in range(_SECONDS * 10):
        assert started.poll() is None, "it has ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise TimeoutError
