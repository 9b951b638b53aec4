"""The routes of the API: requests to questions, answers of the store to responses."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.responses import Response, StreamingResponse

from . import answers
from .openapi import openapi
from .parameters import (
    LIST,
    OF_SESSION,
    SESSION_SORTS,
    TRACE_SORTS,
    USER_SORTS,
    identifier,
    paging,
    parameters,
    question,
    refuse,
    without_session,
)
from .routing import missing, route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.routing import Route

    from otel_sessions.view.store.interface import Store

    from .parameters import Question

    Document: TypeAlias = Mapping[str, Any]


# A document holds no part of it that holds itself.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class JSONAnswer(Response):
    """A JSON document; what is no UTF-8 in it is escaped."""

    media_type = "application/json"

    def __init__(self, document: Document, status: int = 200) -> None:
        """Make the answer."""
        super().__init__(document, status)

    def render(self, content: object) -> bytes:
        """Return the document as ASCII, on one line."""
        return _encode(content).encode("ascii")


def api_routes(store: Store) -> list[Route]:
    """Return the routes of ``/api/…``, which read from ``store``.

    Who may ask, and what a browser may do with the answers, is the matter of who serves them.
    """
    api = _API(store)
    handlers = {
        "/api/sessions": api.sessions,
        "/api/sessions/{id:path}": api.session,
        "/api/session": api.session,
        "/api/export": api.export,
        "/api/traces": api.traces,
        "/api/traces/{trace_id}": api.trace,
        "/api/spans/{trace_id}/{span_id}": api.span,
        "/api/users": api.users,
        "/api/coverage": api.coverage,
        "/api/openapi.json": api.openapi,
        "/api/{rest:path}": api.nothing,
    }
    return [route(path, handler, _refusal) for path, handler in handlers.items()]


class _API:
    """What is answered; each call may come from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sessions(self, request: Request) -> Response:
        """Answer a page of sessions."""
        return JSONAnswer(answers.sessions(self._store, _question(request, SESSION_SORTS, "-end")))

    def session(self, request: Request) -> Response:
        """Answer one session, by the path or by ``id``."""
        return JSONAnswer(self._session(request))

    def export(self, request: Request) -> Response:
        """Answer one session as OTLP JSON lines."""
        given = parameters(request.query_params.multi_items(), ("id",))
        lines = self._store.export(given.get("id", ""))
        if lines is None:
            missing("session with this id")
        headers = {"content-disposition": 'attachment; filename="session.jsonl"'}
        return StreamingResponse(lines, 200, headers, "application/x-ndjson")

    def traces(self, request: Request) -> Response:
        """Answer a page of traces."""
        given = parameters(request.query_params.multi_items(), (*LIST, "session"))
        asked = question(given, TRACE_SORTS, "-start", time.time_ns())
        return JSONAnswer(answers.traces(self._store, asked, without_session=without_session(given)))

    def trace(self, request: Request) -> Response:
        """Answer one trace."""
        parameters(request.query_params.multi_items(), ())
        found = answers.trace(self._store, _trace_id(request))
        if found is None:
            missing("such trace")
        return JSONAnswer(found)

    def span(self, request: Request) -> Response:
        """Answer one span, uncut."""
        parameters(request.query_params.multi_items(), ())
        span_id = identifier(request.path_params["span_id"], 16)
        if span_id is None:
            refuse("span_id", "16 hexadecimal digits")
        found = answers.span(self._store, _trace_id(request), span_id)
        if found is None:
            missing("such span")
        return JSONAnswer(found)

    def users(self, request: Request) -> Response:
        """Answer a page of users."""
        return JSONAnswer(answers.users(self._store, _question(request, USER_SORTS, "-last")))

    def coverage(self, request: Request) -> Response:
        """Answer how much is in a session."""
        parameters(request.query_params.multi_items(), ())
        return JSONAnswer(answers.coverage(self._store))

    def openapi(self, _: Request) -> Response:
        """Answer the description of all of this."""
        return JSONAnswer(openapi())

    def nothing(self, _: Request) -> Response:
        """Say where to look."""
        missing("such thing", "; /api/openapi.json tells what there is")

    def _session(self, request: Request) -> Document:
        in_path = "id" in request.path_params
        given = parameters(request.query_params.multi_items(), OF_SESSION if in_path else ("id", *OF_SESSION))
        session_id = request.path_params["id"] if in_path else given.get("id", "")
        found = answers.session(self._store, session_id, paging(given)) if session_id else None
        if found is None:
            missing("session with this id")
        return found


def _refusal(message: str, status: int) -> Response:
    return JSONAnswer({"error": message}, status)


def _question(request: Request, sorts: tuple[str, ...], default: str) -> Question:
    return question(parameters(request.query_params.multi_items(), LIST), sorts, default, time.time_ns())


def _trace_id(request: Request) -> bytes:
    found = identifier(request.path_params["trace_id"], 32)
    if found is None:
        refuse("trace_id", "32 hexadecimal digits")
    return found
