"""What a page of Chainlit does, over its socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import socketio

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOW = "2026-01-01T00:00:00.000Z"
_SECONDS = 60


async def converse_by_socket(url: str, session: str, contents: Iterable[str]) -> None:
    """Send one message after the other, each when the one before is answered."""
    client, answered = socketio.AsyncClient(), asyncio.Queue()
    client.on("new_message", lambda step: answered.put_nowait(step) if step["type"] == "assistant_message" else None)
    who = {"clientType": "webapp", "sessionId": session, "userEnv": "{}", "threadId": "", "chatProfile": ""}
    await client.connect(url, auth=who, socketio_path="/ws/socket.io", transports=["websocket"])
    await client.emit("connection_successful")
    for content in contents:
        message = {"id": str(uuid4()), "name": "user", "type": "user_message", "output": content, "createdAt": _NOW}
        await client.emit("client_message", {"message": message, "fileReferences": []})
        await asyncio.wait_for(answered.get(), _SECONDS)
    await client.disconnect()
