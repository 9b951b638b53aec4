"""The description of the API in OpenAPI 3.1; what it says is held against real answers in the tests. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .parameters import DEFAULT_LIMIT, MAX_LIMIT, SESSION_SORTS, TRACE_SORTS, USER_SORTS
from .schemas import SCHEMAS, Schema, reference

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "string", "enum": ["true", "false", "1", "0"]}
_WHEN = "A time as 2026-11-30T12:00:00Z, a day as 2026-11-30, or how long ago, as 90s, 30m, 2h, 7d or 4w."


def openapi() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "otel-sessions view", "version": "1", "description": _ABOUT},
        "paths": {path: {"get": operation} for path, operation in _operations().items()},
        "components": {"schemas": SCHEMAS},
    }


_ABOUT = (
    "What `otel-sessions view` has received, by session. Names stay as they are; more may come to stand beside them. "
    "Times are RFC 3339 in UTC, durations are milliseconds, what is not known is null."
)


def _operations() -> dict[str, dict[str, Any]]:
    one_session = "One session with a page of its turns, in order"
    return {
        "/api/sessions": _operation("Sessions", "Sessions", [*_FILTERS, _sort(SESSION_SORTS), *_PAGING]),
        "/api/sessions/{id}": _operation(one_session, "OneSession", [_in_path("id", _TEXT), *_OF_SESSION]),
        "/api/session": _operation(f"{one_session}, by any id", "OneSession", [_ID, *_OF_SESSION]),
        "/api/export": _lines("One session as OTLP JSON lines, as it came", [_ID]),
        "/api/traces": _operation("Traces", "Traces", [_NO_SESSION, *_FILTERS, _sort(TRACE_SORTS), *_PAGING]),
        "/api/traces/{trace_id}": _operation("One trace", "OneTrace", [_in_path("trace_id", _hex(32))]),
        "/api/spans/{trace_id}/{span_id}": _operation(
            "One span, uncut", "WholeSpan", [_in_path("trace_id", _hex(32)), _in_path("span_id", _hex(16))]
        ),
        "/api/users": _operation("Users", "Users", [*_FILTERS, _sort(USER_SORTS), *_PAGING]),
        "/api/coverage": _operation("How much is in a session, and why the rest is not", "Coverage", []),
    }


def _operation(summary: str, schema: str, parameters: Sequence[Schema]) -> dict[str, Any]:
    return _answered(summary, {"application/json": {"schema": reference(schema)}}, parameters)


def _lines(summary: str, parameters: Sequence[Schema]) -> dict[str, Any]:
    return _answered(summary, {"application/x-ndjson": {"schema": _TEXT}}, parameters)


def _answered(summary: str, content: dict[str, Any], parameters: Sequence[Schema]) -> dict[str, Any]:
    refused = {"application/json": {"schema": reference("Error")}}
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": summary, "content": content},
            "400": {"description": "A parameter can't be used; the message names it.", "content": refused},
            "404": {"description": "There is no such thing.", "content": refused},
        },
    }


def _in_query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _in_path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _sort(fields: Sequence[str]) -> Schema:
    allowed = [*fields, *(f"-{field}" for field in fields)]
    return _in_query("sort", {"type": "string", "enum": allowed}, "With a minus the largest first.")


def _hex(digits: int) -> Schema:
    return {"type": "string", "pattern": f"^[0-9a-fA-F]{{{digits}}}$"}


_ID = {**_in_query("id", _TEXT, "The session, also where a path can't carry its id."), "required": True}
_NO_SESSION = _in_query("session", {"type": "string", "enum": ["none"]}, "Traces with spans that are in no session.")
_PAGING = (
    _in_query(
        "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}, "Rows of a page."
    ),
    _in_query("cursor", _TEXT, "What next was in the answer to the same question."),
)
_OF_SESSION = (
    _in_query("turn", _hex(16), "The page begins with the turn of this span id, where there is no cursor."),
    *_PAGING,
)
_FILTERS = (
    *(_in_query(name, _TEXT, f"That have this {name}, exactly.") for name in ("user", "name", "service", "model")),
    _in_query("since", _TEXT, f"With a span that ended then or later. {_WHEN}"),
    _in_query("until", _TEXT, f"That started before. {_WHEN}"),
    _in_query("error", _FLAG, "Whether they have an error."),
    _in_query("failed_check", _FLAG, "Whether they have a check that failed."),
    _in_query("torn", _FLAG, "Whether a trace of them names two sessions."),
    _in_query("q", _TEXT, "Words that a turn of it has, all of them, in any order."),
)
