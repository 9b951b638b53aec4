"""The JSON documents of the API, made of what a store answers; the page and the terminal show these. Pure.

Names stay as they are; more may come to stand beside them. Times are RFC 3339 in UTC, durations are in milliseconds,
and what is not known is ``None``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_sessions._setup.doctor.causes import CAUSES
from otel_sessions.view.store.interface import Filter

from .parameters import moment
from .spans import (
    Resources,
    facts_of,
    judgement_documents,
    log_documents,
    log_facts_of,
    span_documents,
    tokens_document,
    whole_span_document,
)
from .values import duration, milliseconds, time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_sessions.view.sessions.summaries import Candidate, PathSum, SessionSummary, Uncovered
    from otel_sessions.view.store.interface import (
        SessionRow,
        Store,
        StoredSession,
        StoredTrace,
        TraceRow,
        UserRow,
    )

    from .parameters import Paging, Question
    from .values import JSON

_MOST_UNDER_WAY = 20
"""Sessions of a user that began before another one and went on until it: so many are looked through for the next one."""


def sessions(store: Store, asked: Question) -> dict[str, Any]:
    """Return a page of sessions.

    Raises:
        InvalidCursorError: The cursor is not one of this store.
    """
    page = store.sessions(asked.which, asked.sort, asked.limit, asked.cursor)
    return {"sessions": [_session_row(row) for row in page.rows], "next": page.next}


def users(store: Store, asked: Question) -> dict[str, Any]:
    """Return a page of users.

    Raises:
        InvalidCursorError: The cursor is not one of this store.
    """
    page = store.users(asked.which, asked.sort, asked.limit, asked.cursor)
    return {"users": [_user_row(row) for row in page.rows], "next": page.next}


def traces(store: Store, asked: Question, *, without_session: bool = False) -> dict[str, Any]:
    """Return a page of traces; with ``without_session`` of those with spans that are in no session.

    Raises:
        InvalidCursorError: The cursor is not one of this store.
    """
    page = store.traces(asked.which, asked.sort, asked.limit, asked.cursor, without_session=without_session)
    return {"traces": [_trace_row(row) for row in page.rows], "next": page.next}


def session(store: Store, session_id: str, asked: Paging) -> dict[str, Any] | None:
    """Return one session with a page of its turns, ``None`` for no such session.

    Raises:
        InvalidCursorError: The cursor is not one of this store.
    """
    found = store.session(session_id, asked.limit, asked.cursor, turn=asked.turn)
    return None if found is None else _session(found)


def session_with_outline(store: Store, session_id: str, asked: Paging) -> dict[str, Any] | None:
    """Return the same, and in ``outline`` all turns and all traces apart from them in short: when they were.

    Raises:
        InvalidCursorError: The cursor is not one of this store.
    """
    found = store.session(session_id, asked.limit, asked.cursor, turn=asked.turn)
    return None if found is None else {**_session(found), "outline": _outline(found)}


def neighbours(store: Store, of: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the first user of a session the session before it and the one after it, by their start.

    Args:
        store: Where to look.
        of: The ``session`` of an answer.
    """
    users, start = of["users"], moment(of["start"] or "", 0)
    if not users or start is None:
        return {"user": None, "previous": None, "next": None}
    before = store.sessions(Filter(user=users[0], until=start), "-start", 1).rows
    # One that began before may have gone on until then, so that the next one is not the first that is found.
    later = store.sessions(Filter(user=users[0], since=start), "start", _MOST_UNDER_WAY).rows
    after = [row for row in later if row.start > start]
    return {"user": users[0], "previous": _named(before), "next": _named(after)}


def trace(store: Store, trace_id: bytes) -> dict[str, Any] | None:
    """Return one trace, ``None`` for no such trace."""
    found = store.trace(trace_id)
    return None if found is None else {"trace_id": trace_id.hex(), **_content([found])}


def span(store: Store, trace_id: bytes, span_id: bytes) -> dict[str, Any] | None:
    """Return one span with all of it, uncut, ``None`` for no such span."""
    found = store.trace(trace_id)
    return None if found is None else whole_span_document(found, span_id)


def coverage(store: Store) -> dict[str, Any]:
    """Return how much is in a session, and why the rest is not."""
    found = store.coverage()
    return {
        "spans": found.spans,
        "without_session": found.without_session,
        "llm_spans": found.llm_spans,
        "llm_without_session": found.llm_without_session,
        "groups": [_uncovered(group) for group in found.groups],
        "torn": [{"trace_id": trace_id.hex(), "session_ids": list(ids)} for trace_id, ids in found.torn],
        "other_keys": [{"key": key, "sessions": number} for key, number in found.other_keys],
        "displaced": found.displaced,
    }


def _named(rows: Sequence[SessionRow]) -> dict[str, JSON] | None:
    return {"id": rows[0].id, "name": rows[0].name or None} if rows else None


def _outline(found: StoredSession) -> dict[str, list[dict[str, JSON]]]:
    return {
        "turns": [
            {"span_id": turn.span_id.hex(), **_when(turn.trace_id, turn.start, turn.end), "errors": turn.errors}
            for turn in found.summary.turns
        ],
        "apart": [{**_when(each.trace_id, each.start, each.end), "errors": each.errors} for each in found.apart],
    }


def _when(trace_id: bytes, start: int, end: int) -> dict[str, JSON]:
    return {"trace_id": trace_id.hex(), "start": time(start), "end": time(end), "duration": duration(start, end)}


def _session(found: StoredSession) -> dict[str, Any]:
    outside = log_facts_of(found.logs)
    content = _content(found.traces)
    content["logs"] += log_documents(found.logs, outside)
    content["checks"] += _untold(judgement_documents(b"", (), outside), content["checks"])
    return {
        "session": _session_summary(found.summary),
        "first": found.first + 1,
        "turns": [_turn(turn) for turn in found.turns],
        **content,
        "paths": [_path(branch) for branch in found.summary.paths],
        "next": found.next,
    }


def _untold(outside: Sequence[dict[str, JSON]], told: Sequence[dict[str, JSON]]) -> list[dict[str, JSON]]:
    """Return checks outside of traces, but for those about the session that a trace has told, too."""
    known = [_known_by(check) for check in told if check["of_session"]]
    found: list[dict[str, JSON]] = []
    for check in outside:
        if check["of_session"] and _known_by(check) in known:
            known.remove(_known_by(check))
        else:
            found.append(check)
    return found


def _known_by(check: dict[str, JSON]) -> list[JSON]:
    return [check[name] for name in ("name", "score", "label", "explanation", "feedback")]


def _content(traces: Sequence[StoredTrace]) -> dict[str, Any]:
    """Return what is in ``traces``: spans and records by their time, trace after trace."""
    resources = Resources()
    content: dict[str, list[dict[str, JSON]]] = {"spans": [], "logs": [], "checks": []}
    for each in traces:
        facts, log_facts = facts_of(each), log_facts_of(each.logs)
        content["spans"] += span_documents(each, facts, resources)
        content["logs"] += log_documents(each.logs, log_facts)
        content["checks"] += judgement_documents(each.trace_id, facts, log_facts)
    return {**content, "resources": resources.documents()}


def _path(branch: PathSum) -> dict[str, JSON]:
    return {
        "path": branch.path,
        "spans": branch.spans,
        "duration": milliseconds(branch.duration),
        "tokens": tokens_document(branch.tokens),
    }


def _session_row(row: SessionRow) -> dict[str, JSON]:
    return {
        "id": row.id,
        "name": row.name or None,
        "users": list(row.users),
        "turns": row.turns,
        "traces": row.traces,
        "spans": row.spans,
        "services": list(row.services),
        "models": list(row.models),
        "tokens": tokens_document(row.tokens),
        "cost": row.cost,
        "cost_complete": row.cost_complete,
        "errors": row.errors,
        "failed_checks": row.failed_checks,
        "feedback": row.feedback,
        "torn": row.torn,
        "p95": milliseconds(row.p95),
        "start": time(row.start),
        "end": time(row.end),
        "recent": [{"duration": took, "failed": has_failed} for took, has_failed in row.recent],
    }


def _session_summary(summary: SessionSummary) -> dict[str, JSON]:
    return {
        "id": summary.id,
        "key": summary.key,
        "name": summary.name or None,
        "users": list(summary.users),
        "turns": len(summary.turns),
        "traces": summary.traces,
        "spans": summary.spans,
        "llm_spans": summary.llm_spans,
        "services": list(summary.services),
        "models": list(summary.models),
        "tokens": tokens_document(summary.tokens),
        "cost": summary.cost,
        "cost_complete": summary.cost_complete,
        "errors": summary.errors,
        "failed_checks": summary.failed_checks,
        "feedback": summary.feedback,
        "torn": summary.torn,
        "p95": milliseconds(summary.latency),
        "start": time(summary.start),
        "end": time(summary.end),
        "previous_id": summary.previous_id or None,
    }


def _turn(turn: Candidate) -> dict[str, JSON]:
    return {
        "trace_id": turn.trace_id.hex(),
        "span_id": turn.span_id.hex(),
        "joined": [trace_id.hex() for trace_id in turn.joined],
        "name": turn.name,
        "path": turn.path or None,
        "input": turn.input or None,
        "output": turn.output or None,
        "start": time(turn.start),
        "end": time(turn.end),
        "duration": duration(turn.start, turn.end),
        "errors": turn.errors,
        "failed_checks": turn.failed_checks,
        "tokens": tokens_document(turn.tokens),
        "cost": turn.cost,
        "ended_early": turn.ended_early,
    }


def _user_row(row: UserRow) -> dict[str, JSON]:
    return {
        "id": row.id,
        "sessions": row.sessions,
        "turns": row.turns,
        "spans": row.spans,
        "tokens": tokens_document(row.tokens),
        "errors": row.errors,
        "feedback": row.feedback,
        "first": time(row.first),
        "last": time(row.last),
    }


def _trace_row(row: TraceRow) -> dict[str, JSON]:
    return {
        "trace_id": row.trace_id.hex(),
        "name": row.name or None,
        "services": list(row.services),
        "spans": row.spans,
        "errors": row.errors,
        "tokens": tokens_document(row.tokens),
        "start": time(row.start),
        "end": time(row.end),
        "duration": duration(row.start, row.end),
        "session_ids": list(row.sessions),
    }


def _uncovered(group: Uncovered) -> dict[str, JSON]:
    cause = CAUSES.get(group.cause, CAUSES["unknown"])
    return {
        "service": group.service or None,
        "scope": group.scope or None,
        "spans": group.spans,
        "llm_spans": group.llm_spans,
        "cause": cause.code,
        "what": cause.what,
        "remedy": cause.remedy,
    }
