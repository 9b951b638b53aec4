"""The service of ``examples/fastapi_app.py`` with its clients: Ada asks twice and judges, Bob goes away early, and is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

from application import LISBON, NEIGHBOUR, ORDER, TOO_MUCH

sys.path.append(str(Path(__file__).parents[4] / "examples"))

from fastapi_app import app, provider

from otel_sessions.view.loopback import LoopbackServer


def asked(question, conversation):
    return {"json": {"conversation": conversation, "text": question}}


with LoopbackServer(app) as server:
    with httpx.Client(base_url=server.url, headers={"authorization": "Bearer ada-key"}) as ada:
        for question in (ORDER, NEIGHBOUR):
            answered = ada.post("/chat", **asked(question, "conv-ada"))
        ada.post("/feedback", json={"message": answered.headers["x-message-id"], "good": False})
    with httpx.Client(base_url=server.url, headers={"authorization": "Bearer bob-key"}) as bob:
        with bob.stream("POST", "/chat", **asked(LISBON, "conv-bob")) as response:
            next(response.iter_text())
        assert bob.post("/chat", **asked(TOO_MUCH, "conv-bob")).status_code == 500
provider.shutdown()
