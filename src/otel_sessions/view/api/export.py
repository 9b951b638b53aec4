"""One session as one HTML file to hand on: no script, nothing loaded from anywhere, everything escaped. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .html_text import page_alone, text
from .tree import arranged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .tree import Document, Node

_MAX_DEPTH = 12
"""Deeper spans stand at this depth, so that a chain of thousands stays readable."""

_LEFT_OUT = "Words and attributes are left out."


def session_html(answer: Document, *, has_content: bool = True) -> str:
    """Return a whole document that shows a session.

    Args:
        answer: That of ``/api/sessions/{id}`` with all turns, perhaps `without_content`.
        has_content: Whether it has its words and attributes; else the page says that they are left out.
    """
    return page_alone(title_of(answer["session"]), session_body(answer, has_content=has_content))


def session_body(answer: Document, *, has_content: bool = True) -> str:
    """Return what such a document shows."""
    turns, rest = arranged(answer)
    parts = [
        _heading(answer["session"]),
        "" if has_content else f'<p class="dim">{_LEFT_OUT}</p>\n',
        *(_turn(number, turn, nodes, answer, has_content=has_content) for number, (turn, nodes) in enumerate(turns, 1)),
        _rest(rest, answer),
        _checks(answer["checks"]),
        _logs(answer["logs"]),
    ]
    return "".join(parts)


def title_of(session: Document) -> str:
    """Return what a session is called."""
    return str(session["name"] or session["id"])


def _heading(session: Document) -> str:
    tokens = session["tokens"]
    facts = [
        ("session.id", session["id"]),
        ("users", ", ".join(session["users"]) or "none recorded"),
        ("services", ", ".join(session["services"]) or "none recorded"),
        ("turns, spans", f"{session['turns']:,}, {session['spans']:,}"),
        ("tokens in, out", f"{_count(tokens['input'])}, {_count(tokens['output'])}"),
        ("errors, failed checks", f"{session['errors']:,}, {session['failed_checks']:,}"),
        ("from, to", f"{session['start'] or 'unknown'}, {session['end'] or 'unknown'}"),
    ]
    rows = "".join(f"<tr><th>{name}</th><td>{text(fact)}</td></tr>\n" for name, fact in facts)
    torn = '<p class="bad">A trace of this session names other sessions too.</p>\n' if session["torn"] else ""
    return f"<h1>{text(title_of(session))}</h1>\n<table>\n{rows}</table>\n{torn}"


def _turn(number: int, turn: Document, nodes: Sequence[Node], answer: Document, *, has_content: bool) -> str:
    facts = [_time(turn["duration"]), turn["path"] or "", "ended early" if turn["ended_early"] else ""]
    error = f' <span class="bad">errors: {turn["errors"]:,}</span>' if turn["errors"] else ""
    heading = f'<h2>Turn {number:,} <span class="dim">{text(" · ".join(filter(None, facts)))}</span>{error}</h2>\n'
    said = _said("user", turn["input"]) + _said("answer", turn["output"])
    if not said and has_content:
        said = '<p class="dim">No words are recorded.</p>\n'
    return f'<section id="turn-{number}">\n{heading}{said}{_spans(nodes, answer)}</section>\n'


def _said(whose: str, words: str | None) -> str:
    return f'<div class="said {whose}">{text(words)}</div>\n' if words else ""


def _rest(rest: Sequence[Sequence[Node]], answer: Document) -> str:
    shown = "".join(_spans(nodes, answer) for nodes in rest)
    return f"<h2>Spans outside of turns</h2>\n{shown}" if shown else ""


def _spans(nodes: Sequence[Node], answer: Document) -> str:
    shown = "".join(_span(node, answer) for node in nodes)
    return f"<details>\n<summary>Spans: {len(nodes):,}</summary>\n{shown}</details>\n" if nodes else ""


def _span(node: Node, answer: Document) -> str:
    span = node.span
    facts = (span["service"], span["type"], span["model"], span["path"], _time(span["duration"]))
    label = f"{'│ ' * min(node.depth, _MAX_DEPTH)}{text(span['name'] or '(no name)')}"
    other = span["session_id"] if span["session_id"] != answer["session"]["id"] else ""
    marks = (f"error: {span['error']}" if span["error"] else "", f"in session {other}" if other else "")
    bad = "".join(f' <span class="bad">{text(mark)}</span>' for mark in marks if mark)
    summary = f'{label} <span class="dim">{text(" · ".join(filter(None, facts)))}</span>{bad}'
    content = _attributes(span["attributes"]) + "".join(_event(event) for event in span["events"])
    ids = f'<p class="dim">trace {text(span["trace_id"])}, span {text(span["span_id"])}</p>\n'
    return f"<details><summary>{summary}</summary>\n{ids}{content}</details>\n"


def _event(event: Document) -> str:
    return f'<p>{text(event["name"])} <span class="dim">{text(event["time"])}</span></p>\n' + _attributes(
        event["attributes"]
    )


def _attributes(attributes: Document) -> str:
    rows = "".join(
        f"<tr><th>{text(key)}</th><td><pre>{text(_plain(value))}</pre></td></tr>\n" for key, value in attributes.items()
    )
    return f"<table>\n{rows}</table>\n" if rows else ""


def _checks(checks: Iterable[Document]) -> str:
    rows = "".join(
        f"<tr><td>{text(check['name'])}</td><td>{text(_verdict(check))}</td>"
        f"<td>{text(check['label'] or '')}</td><td>{text(check['explanation'] or '')}</td></tr>\n"
        for check in checks
    )
    return f"<h2>Checks and feedback</h2>\n<table>\n{rows}</table>\n" if rows else ""


def _verdict(check: Document) -> str:
    passed = {True: "passed", False: "failed", None: ""}[check["passed"]]
    return " ".join(filter(None, (passed, "" if check["score"] is None else str(check["score"]))))


def _logs(logs: Iterable[Document]) -> str:
    rows = "".join(
        f'<tr><td class="number">{text(log["time"] or "")}</td><td>{text(log["event"] or "")}</td>'
        f"<td><pre>{text(_plain(log['body']))}</pre></td></tr>\n"
        for log in logs
    )
    return f"<details>\n<summary>Log records</summary>\n<table>\n{rows}</table>\n</details>\n" if rows else ""


def _plain(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _time(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:,.1f} ms"


def _count(tokens: int | None) -> str:
    return "not recorded" if tokens is None else f"{tokens:,}"
