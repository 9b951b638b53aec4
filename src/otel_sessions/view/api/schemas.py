"""What each document of the API has in it, as JSON Schema 2020-12. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema: TypeAlias = "dict[str, Any]"

_ID: Schema = {"type": "string"}
_TEXT: Schema = {"type": ["string", "null"]}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_KNOWN_COUNT: Schema = {"type": ["integer", "null"], "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": ["string", "null"], "format": "date-time", "description": "UTC, with nanoseconds."}
_DURATION: Schema = {"type": ["number", "null"], "minimum": 0, "description": "Milliseconds."}
_USD: Schema = {"type": ["number", "null"], "description": "USD; null where no span has a cost."}
_TRACE_ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_SPAN_ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_KNOWN_TRACE_ID: Schema = {"type": ["string", "null"], "pattern": "^[0-9a-f]{32}$"}
_KNOWN_SPAN_ID: Schema = {"type": ["string", "null"], "pattern": "^[0-9a-f]{16}$"}
_ATTRIBUTES: Schema = {
    "type": "object",
    "description": "Integers beyond 2^53 - 1, NaN and infinities are strings; bytes are Base64.",
}
_CUT: Schema = {
    "type": "object",
    "additionalProperties": {"type": "integer"},
    "description": "Values that are over 4,096 characters and end in … here, with their whole length in characters.",
}
_NEXT: Schema = {"type": ["string", "null"], "description": "The cursor of the next page; null for no more."}


def array_of(name: str) -> Schema:
    """Return the schema of a list of documents."""
    return {"type": "array", "items": reference(name)}


def reference(name: str) -> Schema:
    """Return the schema that stands under ``name``."""
    return {"$ref": f"#/components/schemas/{name}"}


def _document(fields: Mapping[str, Schema], description: str = "") -> Schema:
    about = {"description": description} if description else {}
    return {"type": "object", **about, "properties": dict(fields), "required": list(fields)}


def _page_of(name: str, schema: str) -> Schema:
    return _document({name: array_of(schema), "next": _NEXT})


_TOKENS = _document(
    dict.fromkeys(("input", "output", "cache_read", "cache_write", "reasoning", "total"), _KNOWN_COUNT),
    "null is not recorded. cache_read and cache_write are parts of input, and reasoning of output.",
)
_SESSION_IN_LIST: dict[str, Schema] = {
    "id": _ID,
    "name": _TEXT,
    "users": _TEXTS,
    "turns": _COUNT,
    "traces": _COUNT,
    "spans": _COUNT,
    "services": _TEXTS,
    "models": _TEXTS,
    "tokens": reference("Tokens"),
    "cost": _USD,
    "cost_complete": _FLAG,
    "errors": _COUNT,
    "failed_checks": _COUNT,
    "feedback": _COUNT,
    "torn": {"type": "boolean", "description": "One of its traces names two sessions by session.id."},
    "p95": {**_DURATION, "description": "The 95th percentile of the durations of turns, in milliseconds."},
    "start": _TIME,
    "end": _TIME,
}
_SESSION = _SESSION_IN_LIST | {
    "key": {"type": "string", "description": "The attribute that names it."},
    "llm_spans": _COUNT,
    "previous_id": _TEXT,
}
_RECENT: Schema = {
    "type": "array",
    "items": _document({"duration": _DURATION, "failed": _FLAG}),
    "description": "The last turns, at most 16, the oldest first: whole milliseconds, and whether something has failed.",
}
_TURN: dict[str, Schema] = {
    "trace_id": _TRACE_ID,
    "span_id": _SPAN_ID,
    "joined": {"type": "array", "items": _TRACE_ID, "description": "Other traces that are part of it."},
    "name": _ID,
    "path": _TEXT,
    "input": {"type": ["string", "null"], "description": "null where no words are recorded."},
    "output": _TEXT,
    "start": _TIME,
    "end": _TIME,
    "duration": _DURATION,
    "errors": _COUNT,
    "failed_checks": _COUNT,
    "tokens": reference("Tokens"),
    "cost": _USD,
    "ended_early": {"type": "boolean", "description": "Its parent never came."},
}
_SAID: dict[str, Schema] = {
    "trace_id": _TRACE_ID,
    "span_id": _SPAN_ID,
    "parent_span_id": _KNOWN_SPAN_ID,
    "name": _ID,
    "service": _TEXT,
    "kind": {"enum": [None, "internal", "server", "client", "producer", "consumer"]},
    "type": {
        "enum": [
            "other", "turn", "agent", "llm", "tool", "retriever", "chain", "evaluation", "http_client", "http_server",
            "noise",
        ]
    },
    "start": _TIME,
    "end": _TIME,
    "duration": _DURATION,
    "status": {"enum": ["unset", "ok", "error"]},
    "error": _TEXT,
    "session_id": {"type": ["string", "null"], "description": "In which it counts."},
    "session_ids": {**_TEXTS, "description": "That it names itself, and that was displaced on it."},
    "session_key": _TEXT,
    "user_id": _TEXT,
    "path": _TEXT,
    "model": _TEXT,
    "tokens": reference("Tokens"),
    "cost": _USD,
    "input": {"type": ["string", "null"], "description": "Of a tool what it was given, up to 4,096 characters."},
    "output": {"type": ["string", "null"], "description": "Of a tool what it gave, likewise."},
    "dropped": _document(dict.fromkeys(("attributes", "events", "links"), _COUNT), "By the limits of its SDK."),
}  # fmt: skip
_INSIDE: dict[str, Schema] = {
    "attributes": _ATTRIBUTES,
    "events": {
        "type": "array",
        "items": _document({"name": _ID, "time": _TIME, "attributes": _ATTRIBUTES}),
    },
    "links": {
        "type": "array",
        "items": _document({"trace_id": _ID, "span_id": _ID, "attributes": _ATTRIBUTES}),
    },
}
_SPAN = (
    _SAID
    | _INSIDE
    | {"cut": _CUT, "scope": _ID, "resource": {"type": "integer", "description": "Its place in resources."}}
)
_WHOLE_SPAN = (
    _SAID
    | _INSIDE
    | {
        "trace_state": _ID,
        "resource": _ATTRIBUTES,
        "scope": _document({"name": _ID, "version": _ID, "attributes": _ATTRIBUTES}),
    }
)
_LOG: dict[str, Schema] = {
    "trace_id": _KNOWN_TRACE_ID,
    "span_id": _KNOWN_SPAN_ID,
    "time": _TIME,
    "event": _TEXT,
    "severity": {"type": ["integer", "null"], "minimum": 1, "maximum": 24},
    "service": _TEXT,
    "scope": _ID,
    "body": {"description": "Any value."},
    "attributes": _ATTRIBUTES,
    "cut": _CUT,
}
_CHECK: dict[str, Schema] = {
    "name": _ID,
    "passed": {"type": ["boolean", "null"]},
    "score": {"type": ["number", "string", "null"]},
    "label": _TEXT,
    "explanation": _TEXT,
    "feedback": {"type": "boolean", "description": "Whether a person has said it."},
    "of_session": _FLAG,
    "trace_id": _KNOWN_TRACE_ID,
    "span_id": _KNOWN_SPAN_ID,
}
_PATH: dict[str, Schema] = {"path": _ID, "spans": _COUNT, "duration": _DURATION, "tokens": reference("Tokens")}
_CONTENT: dict[str, Schema] = {
    "spans": array_of("Span"),
    "logs": array_of("Log"),
    "checks": array_of("Check"),
    "resources": {"type": "array", "items": _ATTRIBUTES},
}
_USER: dict[str, Schema] = {
    "id": _ID,
    "sessions": _COUNT,
    "turns": _COUNT,
    "spans": _COUNT,
    "tokens": reference("Tokens"),
    "errors": _COUNT,
    "feedback": _COUNT,
    "first": _TIME,
    "last": _TIME,
}
_TRACE: dict[str, Schema] = {
    "trace_id": _TRACE_ID,
    "name": _TEXT,
    "services": _TEXTS,
    "spans": _COUNT,
    "errors": _COUNT,
    "tokens": reference("Tokens"),
    "start": _TIME,
    "end": _TIME,
    "duration": _DURATION,
    "session_ids": _TEXTS,
}
_GROUP: dict[str, Schema] = {
    "service": _TEXT,
    "scope": _TEXT,
    "spans": _COUNT,
    "llm_spans": _COUNT,
    "cause": {"type": "string", "description": "A stable code."},
    "what": _ID,
    "remedy": _ID,
}
_COVERAGE: dict[str, Schema] = {
    **dict.fromkeys(("spans", "without_session", "llm_spans", "llm_without_session"), _COUNT),
    "groups": array_of("Group"),
    "torn": {"type": "array", "items": _document({"trace_id": _TRACE_ID, "session_ids": _TEXTS})},
    "other_keys": {"type": "array", "items": _document({"key": _ID, "sessions": _COUNT})},
    "displaced": _COUNT,
}

SCHEMAS: dict[str, Schema] = {
    "Tokens": _TOKENS,
    "SessionInList": _document(_SESSION_IN_LIST | {"recent": _RECENT}),
    "Session": _document(_SESSION),
    "Turn": _document(_TURN),
    "Span": _document(_SPAN),
    "WholeSpan": _document(_WHOLE_SPAN, "One span with all of it, uncut."),
    "Log": _document(_LOG),
    "Check": _document(_CHECK),
    "Path": _document(
        _PATH, "A branch of session.path, with all below it; its duration is the time in which a span of it was open."
    ),
    "User": _document(_USER),
    "TraceInList": _document(_TRACE),
    "Group": _document(_GROUP, "Spans without a session, by service, scope and cause."),
    "Sessions": _page_of("sessions", "SessionInList"),
    "OneSession": _document(
        {
            "session": reference("Session"),
            "first": {"type": "integer", "minimum": 1, "description": "The number of the first turn of this page."},
            "turns": array_of("Turn"),
            **_CONTENT,
            "paths": array_of("Path"),
            "next": _NEXT,
        },
        "A session with a page of its turns. Spans, records and checks are those of these turns, paths of all of them.",
    ),
    "Users": _page_of("users", "User"),
    "Traces": _page_of("traces", "TraceInList"),
    "OneTrace": _document({"trace_id": _TRACE_ID, **_CONTENT}),
    "Coverage": _document(_COVERAGE),
    "Error": _document({"error": _ID}),
}
