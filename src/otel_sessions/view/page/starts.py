"""What to set in an application to see something here, ready to be copied. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Start(NamedTuple):
    """What to write for one language or program: in a shell, then in the program."""

    name: str
    blocks: tuple[str, ...]
    note: str = ""


_PYTHON = (
    """\
pip install 'otel-sessions[otlp]'
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
""",
    """\
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otel_sessions import set_session, turn
from otel_sessions.sdk import instrument

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
instrument()

with set_session(session_id="conv-42", user_id="ada"):
    with turn("reply", input="What is a span?") as t:
        t.output = "A piece of work with a beginning and an end."
""",
)
_NODE = (
    """\
npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export NODE_OPTIONS="--require @opentelemetry/auto-instrumentations-node/register"
""",
    """\
import {{ trace }} from '@opentelemetry/api';
trace.getActiveSpan()?.setAttribute('session.id', conversationId);
""",
)
_GO = (
    """\
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
""",
    """\
exporter, err := otlptracehttp.New(ctx)
provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
otel.SetTracerProvider(provider)
defer provider.Shutdown(ctx)

span.SetAttributes(attribute.String("session.id", conversationID))
""",
)
_JAVA = (
    """\
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export JAVA_TOOL_OPTIONS="-javaagent:opentelemetry-javaagent.jar"
""",
    """\
Span.current().setAttribute("session.id", conversationId);
""",
)
_CLAUDE_CODE = (
    """\
export CLAUDE_CODE_ENABLE_TELEMETRY=1
export CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1
export OTEL_TRACES_EXPORTER=otlp
export OTEL_LOGS_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
export OTEL_LOG_USER_PROMPTS=1
claude
""",
)

_STARTS = (
    Start(
        "Python", _PYTHON, "Any other instrumentation of the process goes on as it is: its spans get the session, too."
    ),
    Start("Claude Code", _CLAUDE_CODE, "It names the session itself."),
    Start("Node", _NODE),
    Start("Go", _GO),
    Start("Java", _JAVA),
)


def starts(address: str) -> list[Start]:
    """Return what to write so that it comes to ``address``, such as ``http://localhost:4318``."""
    return [
        each._replace(blocks=tuple(text.format(address=address).rstrip() for text in each.blocks)) for each in _STARTS
    ]
