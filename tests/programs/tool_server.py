"""An MCP server over stdio: its one tool tells which session it is called in, and exports a span.

Its arguments: the URL that takes the spans.
"""

from __future__ import annotations

import asyncio
import json
import sys

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_sessions import from_carrier, get_session
from otel_sessions.sdk import SessionSpanProcessor

TOOL = types.Tool.model_validate({"name": "whoami", "inputSchema": {"type": "object"}})


def answer(meta):
    with from_carrier(meta), trace.get_tracer("server").start_as_current_span("tool"):
        session = get_session()
    ids = None if session is None else [session.id, session.user_id]
    return [types.TextContent(type="text", text=json.dumps(ids))]


def server_of_sdk_1():
    server = Server("tests")

    @server.list_tools()
    async def list_tools():
        return [TOOL]

    @server.call_tool()
    async def call_tool(_name, _arguments):
        return answer(server.request_context.meta)

    return server


def server_of_sdk_2():
    async def list_tools(_context, _params):
        return types.ListToolsResult(tools=[TOOL])

    async def call_tool(context, _params):
        return types.CallToolResult(content=answer(context.meta))

    return Server("tests", on_list_tools=list_tools, on_call_tool=call_tool)


async def main():
    server = server_of_sdk_1() if hasattr(Server, "call_tool") else server_of_sdk_2()
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor())
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[1])))
trace.set_tracer_provider(provider)
asyncio.run(main())
