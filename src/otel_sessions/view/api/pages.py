"""The plain pages: what is there, readable without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from .export import session_body, title_of
from .html_text import served_page, text

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAVIGATION = '<p><a href="/">All sessions</a></p>\n'

_COLUMNS = ("session", "users", "turns", "spans", "services", "errors", "failed checks", "last activity")
_NONE = (
    "<p>Nothing has come yet. Send OTLP here, and reload the page: "
    "set <code>OTEL_EXPORTER_OTLP_ENDPOINT</code> to the address of this page in your application.</p>\n"
)
_MORE_TO_COME = (
    '<p class="dim">This page is plain as yet, and more is to come. '
    'All that is known stands in <a href="/api/openapi.json">the API</a>.</p>\n'
)


def sessions_page(answer: Mapping[str, Any]) -> str:
    """Return the list of sessions, from the answer of ``/api/sessions``."""
    rows = "".join(map(_row, answer["sessions"]))
    head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n" if rows else _NONE
    following = f'<p><a href="/?{text(urlencode({"cursor": answer["next"]}))}">Older ones</a></p>\n'
    return served_page("Sessions", f"<h1>Sessions</h1>\n{table}{following if answer['next'] else ''}{_MORE_TO_COME}")


def session_page(answer: Mapping[str, Any]) -> str:
    """Return one session, from the answer of ``/api/sessions/{id}``."""
    session = answer["session"]
    following = {"id": session["id"], "cursor": answer["next"]}
    more = f'<p><a href="/session?{text(urlencode(following))}">More turns</a></p>\n' if answer["next"] else ""
    return served_page(title_of(session), f"{_NAVIGATION}{session_body(answer)}{more}")


def message_page(message: str) -> str:
    """Return a page that says why there is nothing to see."""
    return served_page("otel-sessions", f"{_NAVIGATION}<p>{text(message)}</p>\n")


def link_to(session_id: str) -> str:
    """Return the address of a session's page; ids that a path can't carry stand in the query."""
    if session_id.strip(".") and "/" not in session_id and "\\" not in session_id:
        return f"/sessions/{quote(session_id, safe='')}"
    return f"/session?{urlencode({'id': session_id})}"


def _row(session: Mapping[str, Any]) -> str:
    named = f'{text(session["name"])}<br><span class="dim">{text(session["id"])}</span>'
    label = named if session["name"] else text(session["id"])
    cells = (
        f'<td><a href="{text(link_to(session["id"]))}">{label}</a></td>',
        _cell(", ".join(session["users"])),
        _number(session["turns"]),
        _number(session["spans"]),
        _cell(", ".join(session["services"])),
        _number(session["errors"], is_bad=bool(session["errors"])),
        _number(session["failed_checks"], is_bad=bool(session["failed_checks"])),
        _cell(session["end"] or ""),
    )
    return f"<tr>{''.join(cells)}</tr>\n"


def _cell(content: str) -> str:
    return f"<td>{text(content)}</td>"


def _number(number: int, *, is_bad: bool = False) -> str:
    return f'<td class="number{" bad" if is_bad else ""}">{number:,}</td>'
