"""What the page of one session shows, of the answer of the API. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .moments import interval_of
from .odd import odd_in
from .path_tree import path_tree
from .time_line import time_line
from .torn import REMEDY, torn_traces
from .turn_view import Bounds, content_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_sessions.view.api.tree import Document

DEFAULT_TURNS = 20
"""Turns of a page, where nothing else is asked for."""

SERVED = Bounds(words=2_000, tool_words=300, tools=8, rows=300)
OF_ONE_TURN = Bounds(words=4_096, tool_words=4_096, tools=200, rows=2_000)
ALONE = Bounds(words=4_097, tool_words=4_097, tools=1_000, rows=1_000_000)
"""Of a file, which has nothing to link to."""

_SHORT = {"most_logged": 200, "most_explained": 500, "most_logs": 200}
_LONG = dict.fromkeys(_SHORT, 10_000)
"""Characters of a record or an error in a row, of an explanation; and records outside of traces."""

COLOURS = 8
"""Services that are told apart by their colour."""

KINDS = frozenset({"turn", "agent", "llm", "tool", "retriever", "chain", "evaluation"})
"""What a span may be of that its row says."""


class Pager(NamedTuple):
    """Which turns are shown, and where others are: the span ids of the turns with which their pages begin.

    Attributes:
        first, last, turns: Numbers of turns, ``first`` from 1.
        next: A cursor.
    """

    first: int
    last: int
    turns: int
    beginning: str | None
    previous: str | None
    next: str | None
    end: str | None


def session_values(answer: Document, limit: int) -> dict[str, object]:
    """Return what the template ``session.html`` names, but for what stands around the session.

    Args:
        answer: That for a session, with its ``outline``.
        limit: Turns of a page; of one turn alone all is shown.
    """
    bounds = OF_ONE_TURN if limit == 1 else SERVED
    return {**_values(answer, bounds, limit), **_SHORT, "alone": False, "has_content": True}


def export_values(answer: Document, *, has_content: bool) -> dict[str, object]:
    """Return what the template ``export.html`` names, but for its style.

    Args:
        answer: That for a session, with all its turns.
        has_content: Whether it has its words and attributes.
    """
    whole = {**answer, "first": 1, "outline": outline_of(answer)}
    return {**_values(whole, ALONE, max(len(answer["turns"]), 1)), **_LONG, "alone": True, "has_content": has_content}


def _values(answer: Document, bounds: Bounds, limit: int) -> dict[str, object]:
    session, outline = answer["session"], answer["outline"]
    content = content_of(answer, bounds)
    return {
        "session": session,
        "title": session["name"] or session["id"],
        "content": content,
        "shown": {view.turn["span_id"] for view in content.turns},
        "colours": {service: at % COLOURS for at, service in enumerate(session["services"])},
        "kinds": KINDS,
        "remarks": odd_in(answer, content.numbered, outline["turns"]),
        "torn": torn_traces(answer["spans"], session["id"]),
        "remedy": REMEDY,
        "tree": path_tree(answer["paths"]),
        "line": time_line(outline["turns"], outline["apart"]),
        "pager": pager_of(outline["turns"], answer, limit),
        "limit": limit,
    }


def pager_of(turns: Sequence[Mapping[str, Any]], answer: Document, limit: int) -> Pager:
    """Return where the other pages begin."""
    first = answer["first"]
    last = first - 1 + len(answer["turns"])
    ids = [turn["span_id"] for turn in turns]
    before = max(first - 1 - limit, 0)
    is_on_first = first == 1
    return Pager(
        first,
        last,
        len(turns),
        None if is_on_first or before == 0 else ids[0],
        None if is_on_first else ids[before],
        answer["next"],
        ids[(len(ids) - 1) // limit * limit] if answer["next"] and last + limit < len(ids) else None,
    )


def outline_of(answer: Document) -> dict[str, list[dict[str, Any]]]:
    """Return the outline of an answer with all turns, from what is in it."""
    owned = {trace_id for turn in answer["turns"] for trace_id in (turn["trace_id"], *turn["joined"])}
    spans: dict[str, list[Document]] = {}
    for span in answer["spans"]:
        if span["trace_id"] not in owned and span["start"] is not None:
            spans.setdefault(span["trace_id"], []).append(span)
    return {"turns": list(answer["turns"]), "apart": [_stretch(trace_id, of) for trace_id, of in spans.items()]}


def _stretch(trace_id: str, spans: Sequence[Document]) -> dict[str, Any]:
    """Return when a trace was under way, from its spans, which come by their start."""
    intervals = [time for span in spans if (time := interval_of(span)) is not None]
    return {
        "trace_id": trace_id,
        "start": spans[0]["start"],
        "duration": max(time.end for time in intervals) - intervals[0].start,
        "errors": sum(span["error"] is not None for span in spans),
    }
