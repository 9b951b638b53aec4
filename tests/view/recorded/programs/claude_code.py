"""Claude Code, the command of the package of npm, which traces itself: two questions of one session, with a tool; Anthropic's API is here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from application import NEIGHBOUR, ORDER
from otel_sessions.view.loopback import LoopbackServer

SESSION = "11111111-1111-4111-8111-111111111111"
USAGE = {"input_tokens": 12, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0, "output_tokens": 5}


def block_for(messages):
    """Return what is answered: to the first question a call of the tool, then an answer."""
    said = json.dumps(messages)
    if NEIGHBOUR in said:
        return {"type": "text", "text": "Yes: tell me the neighbour's name, and order 4711 goes there instead."}
    if "tool_result" in said or ORDER not in said:
        return {"type": "text", "text": "Order 4711 is sent and arrives on Friday."}
    given = {"command": "echo sent, Friday", "description": "Find the order"}
    return {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": given}


def events_of(block, model):
    """Yield the events of a streamed answer."""
    is_text = block["type"] == "text"
    empty = {**block, "text": ""} if is_text else {**block, "input": {}}
    delta = (
        {"type": "text_delta", "text": block["text"]}
        if is_text
        else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    )
    message = {"id": "msg_01", "type": "message", "role": "assistant", "model": model, "content": []}
    usage = {**USAGE, "output_tokens": 1}
    yield {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stopped = {"stop_reason": "end_turn" if is_text else "tool_use", "stop_sequence": None}
    yield {"type": "message_delta", "delta": stopped, "usage": USAGE}
    yield {"type": "message_stop"}


async def answer(request):
    body = await request.json()
    block = block_for(body["messages"])
    if body.get("stream"):
        said = (f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events_of(block, body["model"]))
        return StreamingResponse(said, media_type="text/event-stream")
    message = {"id": "msg_01", "type": "message", "role": "assistant", "model": body["model"], "content": [block]}
    return JSONResponse({**message, "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE})


async def count(_request):
    return JSONResponse({"input_tokens": 20})


def ask(url, question, *options):
    """Run the command for one question."""
    dead = "http://127.0.0.1:9"  # whatever it would send to elsewhere
    environment = {
        **os.environ,
        "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_BASE_URL": url,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "HTTPS_PROXY": dead,
        "HTTP_PROXY": dead,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_LOG_TOOL_DETAILS": "1",
        "OTEL_LOG_USER_PROMPTS": "1",
        "OTEL_TRACES_EXPORTER": "otlp",
    }
    del environment["OTEL_SERVICE_NAME"]  # it has one of its own
    arguments = ["claude", "-p", question, "--model", "claude-sonnet-5", "--allowedTools", "Bash", *options]
    subprocess.run(arguments, env=environment, check=True, timeout=100, stdin=subprocess.DEVNULL)


routes = [Route("/v1/messages", answer, methods=["POST"]), Route("/v1/messages/count_tokens", count, methods=["POST"])]
with LoopbackServer(Starlette(routes=routes)) as server:
    Path(os.environ["HOME"], "project").mkdir()
    os.chdir(Path(os.environ["HOME"], "project"))
    ask(server.url, ORDER, "--session-id", SESSION)
    ask(server.url, NEIGHBOUR, "--resume", SESSION)
