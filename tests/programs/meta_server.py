"""A server of MCP whose one tool returns the ``_meta`` of its request: ``stdio``, or ``streamable-http``, which prints its URL."""

import json
import logging
import socket
import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("tests")


@server.tool()
async def meta(context: Context) -> str:
    """Return the ``_meta`` of the request."""
    return json.dumps(context.request_context.meta or {}, default=str)


def serve_http() -> None:
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)  # noqa: T201  # for who has started it
    uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_config=None)).run(sockets=[listening])


if __name__ == "__main__":
    logging.disable()
    serve_http() if sys.argv[1] == "streamable-http" else server.run(transport="stdio")
