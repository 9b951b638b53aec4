"""A server of MCP with one tool, as a program: ``python tool_server.py TRANSPORT PORT``."""

import json
import sys

from mcp.server.mcpserver import Context, MCPServer

from otel_sessions import from_carrier

server = MCPServer("tests")


@server.tool()
async def whose(context: Context) -> str:
    """Return the session of the ``_meta`` of the request, and that as a whole."""
    meta = dict(context.request_context.meta or {})
    with from_carrier(meta) as session:
        return json.dumps([session and session.id, meta])


if __name__ == "__main__":
    transport, port = sys.argv[1:]
    server.run(transport=transport, **({} if transport == "stdio" else {"port": int(port)}))
