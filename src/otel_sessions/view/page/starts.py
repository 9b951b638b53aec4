"""What to set in an application to see something here, ready to be copied. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Start(NamedTuple):
    """What to write for one language or program: in a shell, then in a file, and in the shell again."""

    name: str
    blocks: tuple[str, ...]
    note: str = ""


_PYTHON = (
    """\
pip install 'otel-sessions[otlp]'
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
""",
    """\
# chat.py
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
    "python chat.py",
)
_NODE = (
    """\
npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export NODE_OPTIONS="--require @opentelemetry/auto-instrumentations-node/register"
""",
    """\
// chat.mjs
import {{ trace }} from '@opentelemetry/api';

trace.getTracer('chat').startActiveSpan('turn', (span) => {{
  span.setAttribute('session.id', 'conv-42');
  span.setAttribute('input.value', 'What is a span?');
  span.setAttribute('output.value', 'A piece of work.');
  span.end();
}});
""",
    "node chat.mjs",
)
_GO = (
    """\
go mod init chat
go get go.opentelemetry.io/otel/sdk
go get go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
""",
    """\
// chat.go
package main

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {{
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {{
		panic(err)
	}}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
	defer provider.Shutdown(ctx)

	_, span := provider.Tracer("chat").Start(ctx, "turn")
	span.SetAttributes(
		attribute.String("session.id", "conv-42"),
		attribute.String("input.value", "What is a span?"),
		attribute.String("output.value", "A piece of work."),
	)
	span.End()
}}
""",
    "go run chat.go",
)
_JAVA = (
    """\
mvn dependency:copy -DoutputDirectory=. \\
  -Dmdep.stripVersion=true \\
  -Dartifact=io.opentelemetry.javaagent:opentelemetry-javaagent:LATEST
export OTEL_EXPORTER_OTLP_ENDPOINT={address}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export JAVA_TOOL_OPTIONS="-javaagent:opentelemetry-javaagent.jar"
""",
    """\
// Chat.java
import io.opentelemetry.api.GlobalOpenTelemetry;

class Chat {{
  public static void main(String[] arguments) {{
    var tracer = GlobalOpenTelemetry.getTracer("chat");
    var span = tracer.spanBuilder("turn").startSpan();
    span.setAttribute("session.id", "conv-42");
    span.setAttribute("input.value", "What is a span?");
    span.setAttribute("output.value", "A piece of work.");
    span.end();
  }}
}}
""",
    "javac Chat.java\njava Chat",
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
    Start("Node", _NODE, "On a span that is open already: trace.getActiveSpan()?.setAttribute(…)."),
    Start("Go", _GO, "What is instrumented with this provider comes here, too; each span says its session."),
    Start(
        "Java",
        _JAVA,
        "The program needs io.opentelemetry:opentelemetry-api, in its CLASSPATH or among its dependencies.",
    ),
)


def starts(address: str) -> list[Start]:
    """Return what to write so that it comes to ``address``, such as ``http://localhost:4318``."""
    return [
        each._replace(blocks=tuple(text.format(address=address).rstrip() for text in each.blocks)) for each in _STARTS
    ]
