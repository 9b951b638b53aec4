#!/usr/bin/env bash
# MCP's SDK and Starlette's own middleware: the server span has the caller's session, the tool or endpoint below it has none.
#
# Packages: mcp 2.3.0, starlette 1.10.0 (its OpenTelemetryMiddleware), opentelemetry-sdk 1.45.2, opentelemetry-processor-baggage 0.66b1,
#           httpx2 2.16.2 (as the client of Starlette, in the same process).
#
# Expected: both read `baggage` and `traceparent` of the caller, and their server span shows the caller's session. So the code that
#           this span is around is in the session: its own spans have it, and what it calls gets it. And a test with MCP's
#           in-process client shows what holds over stdio.
# Happens:  both hand the Context that they extracted to `start_as_current_span(..., context=...)`. The parent is taken from it, and
#           span processors look into it. What becomes current is the Context of before with the new span in it: the trace goes
#           on, the baggage does not. In process, MCP's SDK runs the tool in the Context of the caller, so there the tool has the
#           session all the same. Over stdio it has not, though the same client sends the same `_meta`.
#
# Output (2026-11-29):
#   mcp, in process: session on the server span: conv-42, on a span of the tool: conv-42, in the same trace; its next call carries baggage, traceparent
#   mcp, over stdio: session on the server span: conv-42, on a span of the tool: None, in the same trace; its next call carries traceparent
#   starlette:       session on the server span: conv-42, on a span of the endpoint: None, in the same trace; its next call carries traceparent
#   as stated: the server span has the session of the caller, and nothing below it has, except where MCP runs in process
#
# For users of sessions: who looks at the server span, or tests in process, sees a session and takes the hop for done. The model
#           calls of the tool are in the trace without a session, and every service behind it has neither session nor user.
# Here:     README.md, "Who wins": with `instrument()` in the server, a span whose Context has no session takes that of its local
#           parent, so the tool, the endpoint and what they call are in it. To an MCP server over stdio the client sends it with
#           `OTEL_SESSION_PROPAGATE_TO=private,mcp` (docs/privacy.md). Without this package: attach the extracted Context around
#           the work.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
    mcp==2.3.0 starlette==1.10.0 httpx2==2.16.2 opentelemetry-sdk==1.45.2 opentelemetry-processor-baggage==0.66b1

cat >"$folder/forecast.py" <<'PYTHON'
import asyncio
import json
import logging
import sys
from contextlib import contextmanager

import httpx2
from mcp import Client, StdioServerParameters
from mcp.server.mcpserver import MCPServer
from opentelemetry import baggage, context, trace
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

provider = TracerProvider()
provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("forecast")
logging.getLogger("httpx2").setLevel(logging.WARNING)


@contextmanager
def turn():
    """Only while it calls is the caller in a session, not while it connects."""
    token = context.attach(baggage.set_baggage("session.id", "conv-42"))
    with tracer.start_as_current_span("turn"):
        yield
    context.detach(token)


def look_up():
    """What a tool or an endpoint does: a span of its own, and a call of another service."""
    of_the_server, headers = trace.get_current_span(), {}
    with tracer.start_as_current_span("look up") as own:
        inject(headers)
    return {
        "server": of_the_server.attributes.get("session.id"),
        "own": own.attributes.get("session.id"),
        "same trace": own.parent == of_the_server.get_span_context(),
        "sent": sorted(headers),
    }


server = MCPServer("weather")


@server.tool()
async def forecast(city: str) -> str:
    return json.dumps(look_up())


async def endpoint(_):
    return JSONResponse(look_up())


async def by_mcp(target):
    async with Client(target) as client:
        with turn():
            answer = await client.call_tool("forecast", {"city": "Bern"})
    return json.loads(answer.content[0].text)


async def by_starlette():
    app = Starlette(routes=[Route("/", endpoint)], middleware=[Middleware(OpenTelemetryMiddleware)])
    headers = {}
    with turn():
        inject(headers)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        return (await client.get("/", headers=headers)).json()


CASES = [
    ("mcp, in process:", "tool", by_mcp, [server], "conv-42", ["baggage", "traceparent"]),
    ("mcp, over stdio:", "tool", by_mcp, [StdioServerParameters(command=sys.executable, args=[__file__, "serve"])], None, ["traceparent"]),
    ("starlette:", "endpoint", by_starlette, [], None, ["traceparent"]),
]


async def main():
    for label, place, ask, arguments, own, sent in CASES:
        seen = await ask(*arguments)
        if seen != {"server": "conv-42", "own": own, "same trace": True, "sent": sent}:
            sys.exit(f"no longer as stated: {label} {seen}")
        spans = f"session on the server span: conv-42, on a span of the {place}: {own}, in the same trace"
        print(f"{label:16} {spans}; its next call carries {', '.join(sent)}")


if "serve" in sys.argv:
    server.run(transport="stdio")
else:
    asyncio.run(main())
PYTHON
"$folder/bin/python" "$folder/forecast.py"
echo "as stated: the server span has the session of the caller, and nothing below it has, except where MCP runs in process"
