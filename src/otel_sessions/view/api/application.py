"""The routes of the API and the plain pages: requests to questions, answers of the store to responses."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from otel_sessions.view.store.interface import InvalidCursorError

from . import answers, pages
from .html_text import STYLE, STYLE_PATH
from .openapi import openapi
from .parameters import (
    LIST,
    PAGING,
    SESSION_SORTS,
    TRACE_SORTS,
    USER_SORTS,
    InvalidParameterError,
    identifier,
    paging,
    parameters,
    question,
    refuse,
    without_session,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from otel_sessions.view.store.interface import Store

    from .parameters import Question

    Document: TypeAlias = Mapping[str, Any]
    Handler: TypeAlias = Callable[[Request], Response]

_BAD_CURSOR = "cursor must be what next was in the answer to the same question."


class JSONAnswer(Response):
    """A JSON document; what is no UTF-8 in it is escaped."""

    media_type = "application/json"

    def __init__(self, document: Document, status: int = 200) -> None:
        """Make the answer."""
        super().__init__(document, status)

    def render(self, content: object) -> bytes:
        """Return the document as ASCII, on one line."""
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def api_routes(store: Store) -> list[Route]:
    """Return the routes of ``/api/…`` and of the plain pages, which read from ``store``.

    Who may ask, and what a browser may do with the answers, is the matter of who serves them.
    """
    api = _API(store)
    return [
        _route("/api/sessions", api.sessions),
        _route("/api/sessions/{id:path}", api.session),
        _route("/api/session", api.session),
        _route("/api/export", api.export),
        _route("/api/traces", api.traces),
        _route("/api/traces/{trace_id}", api.trace),
        _route("/api/spans/{trace_id}/{span_id}", api.span),
        _route("/api/users", api.users),
        _route("/api/coverage", api.coverage),
        _route("/api/openapi.json", api.openapi),
        _route("/api/{rest:path}", api.nothing),
        _route("/", api.sessions_page),
        _route(STYLE_PATH, api.style),
        _route("/sessions/{id:path}", api.session_page),
        _route("/session", api.session_page),
    ]


class _NotFoundError(Exception):
    """There is no such thing; the text says what."""


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
            _missing("session with this id")
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
            _missing("such trace")
        return JSONAnswer(found)

    def span(self, request: Request) -> Response:
        """Answer one span, uncut."""
        parameters(request.query_params.multi_items(), ())
        span_id = identifier(request.path_params["span_id"], 16)
        if span_id is None:
            refuse("span_id", "16 hexadecimal digits")
        found = answers.span(self._store, _trace_id(request), span_id)
        if found is None:
            _missing("such span")
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
        _missing("such thing", "; /api/openapi.json tells what there is")

    def sessions_page(self, request: Request) -> Response:
        """Answer the list of sessions as a page."""
        return _page(pages.sessions_page(answers.sessions(self._store, _question(request, SESSION_SORTS, "-end"))))

    def style(self, _: Request) -> Response:
        """Answer how the pages look."""
        return Response(STYLE, media_type="text/css", headers={"cache-control": "no-cache"})

    def session_page(self, request: Request) -> Response:
        """Answer one session as a page."""
        return _page(pages.session_page(self._session(request)))

    def _session(self, request: Request) -> Document:
        in_path = "id" in request.path_params
        given = parameters(request.query_params.multi_items(), PAGING if in_path else ("id", *PAGING))
        session_id = request.path_params["id"] if in_path else given.get("id", "")
        found = answers.session(self._store, session_id, paging(given)) if session_id else None
        if found is None:
            _missing("session with this id")
        return found


def _route(path: str, handler: Handler) -> Route:
    def answer(request: Request) -> Response:
        try:
            return handler(request)
        except InvalidParameterError as error:
            return _refusal(request, str(error), 400)
        except InvalidCursorError:
            return _refusal(request, _BAD_CURSOR, 400)
        except _NotFoundError as error:
            return _refusal(request, str(error), 404)

    return Route(path, answer, methods=["GET"])


def _refusal(request: Request, message: str, status: int) -> Response:
    # Not of `request.url`, which raises for a query that is not UTF-8.
    if request.scope["path"].startswith("/api/"):
        return JSONAnswer({"error": message}, status)
    return _page(pages.message_page(message), status)


def _page(html: str, status: int = 200) -> Response:
    return HTMLResponse(html, status)


def _question(request: Request, sorts: tuple[str, ...], default: str) -> Question:
    return question(parameters(request.query_params.multi_items(), LIST), sorts, default, time.time_ns())


def _trace_id(request: Request) -> bytes:
    found = identifier(request.path_params["trace_id"], 32)
    if found is None:
        refuse("trace_id", "32 hexadecimal digits")
    return found


def _missing(what: str, hint: str = "") -> NoReturn:
    message = f"There is no {what}{hint}."
    raise _NotFoundError(message)
