"""What the page of the doctor shows of each code that may be found in source."""

from __future__ import annotations

from otel_sessions._setup.doctor.source.codes import CODES

_EXAMPLES = {
    "decorates-class": {"owner": "Agent"},
    "bind-is-no-scope": {"call": "bind_session(...)"},
    "session-is-no-scope": {"name": "session", "value": "wrap"},
    "session-is-frozen": {"name": "session", "value": "user_id"},
    "dependency-in-thread": {"owner": "of_request", "value": "..."},
    "dependency-under-spans": {"owner": "of_request", "value": "..."},
    "stream-outlives-block": {"value": "words(question)"},
    "stream-outlives-decorator": {"value": "words(question)"},
    "id-may-be-none": {"value": 'body.get("session_id")'},
    "id-made-once": {"value": "uuid4()"},
    "personal-session-id": {"value": "user.email"},
    "personal-user-id": {"value": "user.email"},
    "secret-as-id": {"value": 'headers["authorization"]'},
    "unstable-id": {"value": "id(conversation)"},
    "id-by-chance": {"value": "time.time()"},
    "wrong-type-id": {"value": "1.5"},
    "own-uuid": {"value": "uuid4()"},
    "user-in-session-id": {"value": 'f"chat-{user.id}"', "next": "user.id"},
    "user-as-session-id": {"value": "user.id"},
    "trace-as-session-id": {"value": "span_context.trace_id"},
    "request-as-session-id": {"value": "request_id"},
    "context-as-id": {"value": "get_current()"},
    "two-ids": {"call": "set_session(sid, user)", "value": "sid", "next": "user"},
    "wrong-arguments": {"call": "set_session(user=...)", "value": "user"},
    "wrong-type-field": {"field": "tags"},
    "bind-without-span": {"call": "bind_session(...)"},
    "bind-in-websocket": {"call": "bind_session(...)"},
    "bind-in-job": {"call": "bind_session(...)"},
    "set-session-in-handler": {"owner": "chat", "value": "..."},
    "instrument-before-provider": {"call": "instrument()"},
    "propagator-after-instrument": {"call": "instrument()", "value": "set_global_textmap(...)"},
    "import-from-sdk": {"name": "instrument"},
    "no-such-name": {"name": "start_session", "owner": "otel_sessions"},
    "thread-without-context": {"call": "executor.submit(work)"},
    "process-without-carrier": {"call": "pool.submit(work)"},
    "job-without-carrier": {"call": "queue.enqueue(work)"},
}
"""What stands on the page for what a finding takes from the source."""


def rows():
    """Return the rows of the page: code, level, what, what to write."""
    return [code.row(_EXAMPLES.get(name, {})) for name, code in CODES.items()]
