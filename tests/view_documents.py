"""Answers of the API for one session, made by hand."""

from __future__ import annotations

TRACE = "0af7651916cd43dd8448eb211c80319c"
NO_TOKENS = dict.fromkeys(("input", "output", "cache_read", "cache_write", "reasoning", "total"))
START = "2026-11-30T12:00:00.000000000Z"


def a_time(milliseconds: int) -> str:
    return f"2026-11-30T12:00:{milliseconds // 1_000:02}.{milliseconds % 1_000:03}000000Z"


def a_span(span_id: str = "a", parent: str | None = None, start: int = 0, **more) -> dict[str, object]:
    span = {
        "trace_id": TRACE,
        "span_id": span_id,
        "parent_span_id": parent,
        "name": span_id,
        "service": "shop",
        "kind": "internal",
        "type": "other",
        "start": a_time(start),
        "end": a_time(start + 1),
        "duration": 1.0,
        "status": "unset",
        "error": None,
        "session_id": "s",
        "session_ids": ["s"],
        "session_key": "session.id",
        "user_id": "u",
        "path": None,
        "model": None,
        "tokens": NO_TOKENS,
        "cost": None,
        "input": None,
        "output": None,
        "dropped": {"attributes": 0, "events": 0, "links": 0},
        "attributes": {},
        "cut": {},
        "events": [],
        "links": [],
        "scope": "tests",
        "resource": 0,
    }
    return span | more


def a_turn(span_id: str = "a", **more) -> dict[str, object]:
    turn = {
        "trace_id": TRACE,
        "span_id": span_id,
        "joined": [],
        "name": "turn",
        "path": None,
        "input": None,
        "output": None,
        "start": START,
        "end": a_time(150),
        "duration": 150.0,
        "errors": 0,
        "failed_checks": 0,
        "tokens": NO_TOKENS,
        "cost": None,
        "ended_early": False,
    }
    return turn | more


def a_session(**more) -> dict[str, object]:
    session = {
        "id": "s",
        "key": "session.id",
        "name": None,
        "users": ["u"],
        "turns": 1,
        "traces": 1,
        "spans": 1,
        "llm_spans": 0,
        "services": ["shop"],
        "models": [],
        "tokens": NO_TOKENS,
        "cost": None,
        "cost_complete": False,
        "errors": 0,
        "failed_checks": 0,
        "feedback": 0,
        "torn": False,
        "p95": 150.0,
        "start": START,
        "end": a_time(150),
        "previous_id": None,
    }
    return session | more


def a_check(span_id: str | None = None, **more) -> dict[str, object]:
    check = {
        "trace_id": TRACE if span_id else None,
        "span_id": span_id,
        "name": "polite",
        "passed": True,
        "score": None,
        "label": None,
        "explanation": None,
        "feedback": False,
        "of_session": span_id is None,
    }
    return check | more


def a_log(**more) -> dict[str, object]:
    log = {
        "trace_id": TRACE,
        "span_id": "a",
        "time": START,
        "event": None,
        "severity": 9,
        "service": "shop",
        "scope": "tests",
        "body": "it rains",
        "attributes": {},
        "cut": {},
    }
    return log | more


def an_answer(spans=(), turns=(), **more) -> dict[str, object]:
    parts = {name: more.pop(name, []) for name in ("logs", "checks", "paths")}
    resources = more.pop("resources", [{"service.name": "shop"}])
    following, first = more.pop("next", None), more.pop("first", 1)
    session = a_session(**{"turns": len(turns), "spans": len(spans), **more})
    return {
        "session": session,
        "first": first,
        "turns": list(turns),
        "spans": list(spans),
        **parts,
        "resources": resources,
        "next": following,
    }
