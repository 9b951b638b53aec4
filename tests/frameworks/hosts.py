"""A turn inside a host that serves several users, and the judgement of what was exported there.

A host has spans of its own, for connections and events, which are of nobody or of several; a turn is what is below a span of
`ask`, which has the words of who has asked.
"""

from __future__ import annotations

import contextvars
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from openai import OpenAI
from opentelemetry import trace

from otel_sessions import get_session
from turns import find_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan
    from starlette.types import ASGIApp

    from turns import Turns, User

_ASKED = "asked"
_TOLD = "told"
_SECONDS = 60


def ask(user: User, base_url: str) -> str:
    """Have the question of ``user`` answered, by a tool and by a model, below a span of the application."""
    session = get_session()
    attributes = {_ASKED: user.session, _TOLD: session.id if session else ""}
    with (
        trace.get_tracer("app").start_as_current_span("ask", attributes=attributes),
        OpenAI(base_url=base_url, api_key="none") as client,
    ):
        find_order("4711")
        messages = [{"role": "user", "content": user.question}]
        return client.chat.completions.create(model="m", messages=messages).choices[0].message.content


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an application, with its sockets, in a thread that has no session; give its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", loop="asyncio", lifespan="off", timeout_graceful_shutdown=1)
        )
        arguments = (lambda: server.run(sockets=[listening]),)
        thread = threading.Thread(target=contextvars.Context().run, args=arguments)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(_SECONDS)


def are_apart_in_a_host(turns: Turns, *those: User, turns_of_each: int, may_lack_ids: bool = False) -> None:
    """See that each turn was exported, and that all of it has the ids of its user, or none if it ``may_lack_ids``.

    No other span has the session of one and the user of another.
    """
    spans = turns.spans()
    by_id = {span.context.span_id: span for span in spans}
    asked = [span.attributes[_ASKED] for span in spans if _ASKED in span.attributes]
    assert sorted(asked) == sorted([user.session for user in those] * turns_of_each)
    users = {user.session: user.name for user in those} | {None: None}
    for span in spans:
        session, told = span.attributes.get("session.id"), span.attributes.get(_TOLD, "")
        owner = _owner(span, by_id)
        assert span.attributes.get("user.id") == users[session], span.name
        assert owner is None or session == owner or (may_lack_ids and session is None), (
            f"{span.name} of {owner}: {session}"
        )
        assert told in {"", session}


def _owner(span: ReadableSpan | None, by_id: dict[int, ReadableSpan]) -> str | None:
    """Return the session of the turn that a span is of."""
    while span is not None and _ASKED not in span.attributes:
        span = by_id.get(span.parent.span_id) if span.parent else None
    return span.attributes[_ASKED] if span else None
