#!/usr/bin/env bash
# MCP's client: a callback that asks a model for a tool runs in the session of whoever opened the connection, over stdio with a server of last year.
#
# Packages: mcp 2.3.0 (with httpx2 and uvicorn as it brings them), opentelemetry-sdk 1.45.2.
#
# Expected: while user ada's call of a tool is open, the server asks the client's model for something (sampling; asking the user, elicitation,
#           goes the same way). The client's callback answers for that call, so it runs in the context of the call: ada's baggage, ada's trace.
#           What transport and which version of the protocol that takes is the library's business.
# Happens:  in five of six cases it is so. Over stdio with protocol 2025-11-25, which is what a server has that was not brought up to
#           2026-07-28, the callback runs in the task that reads the server's output, which has the context of the connection's opening. So it
#           has the baggage of whoever was first, and no trace at all. The same client, server and callback in process, over HTTP, or
#           with the newer protocol, where a question comes back as the result of the call, are right. Nothing is logged.
#
# Output (2026-12-01):
#   in process, 2026-07-28: for ada as ada in its trace; for bob as bob in its trace
#   in process, 2025-11-25: for ada as ada in its trace; for bob as bob in its trace
#   HTTP, 2026-07-28:       for ada as ada in its trace; for bob as bob in its trace
#   HTTP, 2025-11-25:       for ada as ada in its trace; for bob as bob in its trace
#   stdio, 2026-07-28:      for ada as ada in its trace; for bob as bob in its trace
#   stdio, 2025-11-25:      for ada as the opener in no trace of the two; for bob as the opener in no trace of the two
#   as stated: over stdio with the older protocol the callback has the baggage of the opener and no trace
#
# For users of sessions: a connection to a server over stdio is opened once and used for all. What the callback asks the model, which is what
#           costs, is in the session of one user, for everybody, or in none; tests in process are right.
# Here:     docs/how-to/sessions.md, below the table with MCP: open the connection in `with clear_session():`, and the callback has no session rather than somebody
#           else's; or a connection for each conversation, opened inside of its session.
set -euo pipefail
unset PYTHONPATH "${!OTEL_@}" "${!MCP_@}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check mcp==2.3.0 opentelemetry-sdk==1.45.2

cat >"$folder/forecast.py" <<'PYTHON'
import sys
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.resolve import Resolve, Sample
from mcp.types import CreateMessageResult, SamplingMessage, TextContent

server = MCPServer("forecast")


def asked(place: str) -> Sample:
    question = TextContent(type="text", text=f"What is the weather in {place}?")
    return Sample([SamplingMessage(role="user", content=question)], max_tokens=20)


@server.tool()
async def forecast(place: str, answer: Annotated[CreateMessageResult, Resolve(asked)]) -> str:
    return answer.content.text


if __name__ == "__main__":
    if sys.argv[1:]:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    server.run()
PYTHON

cat >"$folder/chat.py" <<'PYTHON'
import asyncio
import logging
import socket
import subprocess
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")  # sampling is to be replaced one day
logging.disable(logging.INFO)
import forecast
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CreateMessageResult, TextContent
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("chat")
SERVER = str(Path(__file__).with_name("forecast.py"))
RIGHT = "for ada as ada in its trace; for bob as bob in its trace"
WRONG = "for ada as the opener in no trace of the two; for bob as the opener in no trace of the two"


async def asks_model(*_):
    said = f"{baggage.get_baggage('user.id')} {trace.get_current_span().get_span_context().trace_id}"
    return CreateMessageResult(role="assistant", model="m", content=TextContent(type="text", text=said))


async def turn(client, user):
    context.attach(baggage.set_baggage("user.id", user))
    with tracer.start_as_current_span("turn") as span:
        result = await client.call_tool("forecast", {"place": "Bonn"})
    whose, number = result.content[0].text.split(" ")
    return user, whose.replace("opener", "the opener"), int(number), span.get_span_context().trace_id


async def say(label, target, mode, expected):
    context.attach(baggage.set_baggage("user.id", "opener"))
    async with Client(target, sampling_callback=asks_model, mode=mode) as client:
        turns = [await asyncio.create_task(turn(client, user)) for user in ("ada", "bob")]
        label = f"{label}, {client.protocol_version}:"
    traces = {own for *_, own in turns}
    where = {True: "in its trace", False: "in no trace of the two"}
    if any(number in traces - {own} for *_, number, own in turns):
        sys.exit("no longer as stated: a callback is in the trace of another turn")
    seen = "; ".join(f"for {user} as {whose} {where[number == own]}" for user, whose, number, own in turns)
    print(f"{label:23} {seen}", flush=True)
    if seen != expected:
        sys.exit(f"no longer as stated: expected {expected}")


async def over_http():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serving = subprocess.Popen([sys.executable, SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.1)
        for mode in ("auto", "legacy"):
            await say("HTTP", f"http://127.0.0.1:{port}/mcp", mode, RIGHT)
    finally:
        serving.kill()
        serving.wait()


async def main():
    for mode in ("auto", "legacy"):
        await say("in process", forecast.server, mode, RIGHT)
    await over_http()
    for mode, expected in (("auto", RIGHT), ("legacy", WRONG)):
        await say("stdio", stdio_client(StdioServerParameters(command=sys.executable, args=[SERVER])), mode, expected)


asyncio.run(main())
PYTHON
timeout 90 "$folder/bin/python" "$folder/chat.py"
echo "as stated: over stdio with the older protocol the callback has the baggage of the opener and no trace"
