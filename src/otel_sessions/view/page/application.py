"""The routes of the pages: requests to questions, answers of the API to templates."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from otel_sessions.view.api import answers
from otel_sessions.view.api.parameters import (
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
from otel_sessions.view.api.routing import missing, route
from otel_sessions.view.store.interface import Filter

from .assets import asset_response
from .coverage import coverage_values
from .environment import rendered
from .lists import sessions_values, traces_values, users_values
from .live import Live
from .session_view import DEFAULT_TURNS, session_values
from .starts import starts
from .trace import trace_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from starlette.requests import Request
    from starlette.routing import Route

    from otel_sessions.view.store.interface import Store

_NOT_FOUND = 404


def page_routes(store: Store) -> list[Route]:
    """Return the routes of all pages and of what they load; they read from ``store``.

    Who may ask, and what a browser may do with the answers, is the matter of who serves them: `serving.application`,
    whose state tells of metrics.
    """
    pages = _Pages(store)
    handlers = {
        "/": pages.sessions,
        "/sessions/{id:path}": pages.session,
        "/session": pages.session,
        "/users": pages.users,
        "/traces": pages.traces,
        "/traces/{trace_id}": pages.trace,
        "/coverage": pages.coverage,
        "/static/{name}": pages.asset,
        "/{rest:path}": pages.nothing,
    }
    return [Live(store.revision).route(), *(route(path, each, pages.refusal) for path, each in handlers.items())]


class _Pages:
    """What is answered; each call may come from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sessions(self, request: Request) -> Response:
        """Answer the list of sessions; where there is none, what to do."""
        given = _given(request, LIST)
        asked = question(given, SESSION_SORTS, "-end", time.time_ns())

        def values() -> Mapping[str, object]:
            loose = self._store.traces(Filter(), limit=1, without_session=True).rows
            more = sessions_values(answers.sessions(self._store, asked), given)
            address = _address(request)
            return {"has_loose": bool(loose), "address": address, "starts": starts(address), **more}

        return self._page("sessions.html", "sessions", values)

    def session(self, request: Request) -> Response:
        """Answer one session, by the path or by ``id``."""
        in_path = "id" in request.path_params
        given = _given(request, OF_SESSION if in_path else ("id", *OF_SESSION))
        session_id = request.path_params["id"] if in_path else given.get("id", "")

        def values() -> Mapping[str, object]:
            asked = paging(given, DEFAULT_TURNS)
            found = answers.session_with_outline(self._store, session_id, asked) if session_id else None
            answer = _found(found, "session with this id")
            around = answers.neighbours(self._store, answer["session"])
            return {**session_values(answer, asked.limit), "neighbours": around}

        return self._page("session.html", "session", values)

    def users(self, request: Request) -> Response:
        """Answer the list of users."""
        given = _given(request, LIST)
        asked = question(given, USER_SORTS, "-last", time.time_ns())
        return self._page("users.html", "users", lambda: users_values(answers.users(self._store, asked), given))

    def traces(self, request: Request) -> Response:
        """Answer the list of traces, or of those without a session."""
        given = _given(request, (*LIST, "session"))
        asked = question(given, TRACE_SORTS, "-start", time.time_ns())
        loose = without_session(given)
        return self._page(
            "traces.html",
            "traces",
            lambda: traces_values(answers.traces(self._store, asked, without_session=loose), given),
        )

    def trace(self, request: Request) -> Response:
        """Answer one trace."""
        _given(request, ())
        trace_id = identifier(request.path_params["trace_id"], 32)
        if trace_id is None:
            refuse("The id of a trace", "32 hexadecimal digits")
        return self._page(
            "trace.html", "traces", lambda: trace_values(_found(answers.trace(self._store, trace_id), "such trace"))
        )

    def coverage(self, request: Request) -> Response:
        """Answer how much is in a session."""
        _given(request, ())
        metrics = request.app.state.intake.metrics
        return self._page(
            "coverage.html", "coverage", lambda: {**coverage_values(answers.coverage(self._store)), "metrics": metrics}
        )

    def asset(self, request: Request) -> Response:
        """Answer a style or a script."""
        found: Response = _found(asset_response(request.scope["path"]), "such file")
        return found

    def nothing(self, _: Request) -> Response:
        """Say that nothing is there."""
        missing("such page")

    def refusal(self, message: str, status: int) -> Response:
        """Answer with a page that says why there is nothing to see."""
        heading = "Not found" if status == _NOT_FOUND else "Not understood"
        return self._page("message.html", "", lambda: {"heading": heading, "message": message}, status)

    def _page(
        self, template: str, here: str, values: Callable[[], Mapping[str, object]], status: int = 200
    ) -> Response:
        # First, so that what comes meanwhile makes another number than that which the page has.
        frame = {"here": here, "revision": self._store.revision(), "dropped": self._store.dropped()}
        return HTMLResponse(rendered(template, {**frame, **values()}), status)


def _given(request: Request, allowed: tuple[str, ...]) -> dict[str, str]:
    return parameters(request.query_params.multi_items(), allowed)


def _found(answer: Any, what: str) -> Any:  # noqa: ANN401  # whatever it is
    if answer is None:
        missing(what)
    return answer


def _address(request: Request) -> str:
    """Return where this page is, as who asks has it."""
    return f"{request.scope['scheme']}://{request.headers.get('host', 'localhost')}"
